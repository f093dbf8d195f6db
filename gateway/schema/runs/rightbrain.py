"""What only runs of Rightbrain have."""

import strawberry

from adapters.model import Part
from adapters.rightbrain_parse import RightbrainRecord
from gateway.schema.fields import described, part
from gateway.schema.run import Run
from gateway.schema.scalars import JSON


@strawberry.type(description="A run of a Rightbrain task.")
class RightbrainRun(Run):
    task_id: str = described("The task.")
    task_revision_id: str | None = described("The revision of the task.")
    reference: str | None = described("The caller's own reference.")
    context_id: str | None = described("The context it belongs to.")
    reporting_group_id: str | None = described("Id of the group it is reported under.")
    reporting_group: JSON | None = described("The group it is reported under.")
    input_processor_ms: float | None = described("Time spent on the inputs, in milliseconds.")
    llm_call_ms: float | None = described("Time spent in the model, in milliseconds.")
    preprocessed_inputs: JSON | None = part(Part.INPUT, "The inputs after processing.", "preprocessed_inputs")


RECORD_TYPE = RightbrainRecord
RUN_TYPE = RightbrainRun

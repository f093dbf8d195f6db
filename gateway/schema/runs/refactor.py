"""What only runs of Refactor have."""

from datetime import datetime
from decimal import Decimal

import strawberry

from adapters.model import Part
from adapters.refactor import RefactorRecord
from gateway.schema.fields import described, part
from gateway.schema.run import Run
from gateway.schema.scalars import JSON


@strawberry.type(description="A score given to one output of a run.")
class RefactorEvaluation:
    id: str = described("Id of the evaluation.")
    evaluation_label_id: str | None = described("What was judged: id of the label.")
    value: Decimal | None = described("The score.")
    output_name: str | None = described("The output it is about.")
    field_path: str | None = described("The field of that output.")
    created_at: datetime | None = described("When it was given.")


@strawberry.type(description="A run of a Refactor runnable: prompt, agent, flow or tool.")
class RefactorRun(Run):
    account_id: str | None = described("The account that owns the run.")
    experiment_id: str | None = described("The experiment it belongs to.")
    experiment_candidate_id: str | None = described("The candidate of that experiment.")
    state: JSON | None = described("Working state; for a waiting run it may say what is awaited.")
    failed_at: datetime | None = described("When it failed, which may differ from endedAt.")
    result_id: str | None = described("Id of the result.")
    result_metadata: JSON | None = described("Free data of the result.")
    evaluations: list[RefactorEvaluation] | None = part(Part.EVALUATIONS, "Scores given to the run.")


RECORD_TYPE = RefactorRecord
RUN_TYPE = RefactorRun

"""What only runs of Bridge Town have."""

import strawberry

from adapters.bridgetown import BridgeTownRecord
from adapters.model import Part
from gateway.schema.fields import described, part
from gateway.schema.run import Run
from gateway.schema.scalars import JSON


@strawberry.type(description="A run of a Bridge Town financial model.")
class BridgeTownRun(Run):
    run_number: int | None = described("Number of the run within its project.")
    project_name: str | None = described("The project.")
    commit_sha: str | None = described("The commit of the model.")
    outputs: JSON | None = part(Part.OUTPUT, "The named outputs.", "outputs")


RECORD_TYPE = BridgeTownRecord
RUN_TYPE = BridgeTownRun

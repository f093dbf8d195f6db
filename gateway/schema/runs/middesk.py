"""What only runs of Middesk have."""

from datetime import datetime

import strawberry

from adapters.middesk import MiddeskRecord
from adapters.model import Part
from gateway.schema.fields import described, part
from gateway.schema.run import Run
from gateway.schema.scalars import JSON


@strawberry.type(description="A question that the run waits for an answer to.")
class MiddeskInterrupt:
    id: str | None = described("Id to answer with.")
    agent: str | None = described("The agent that asks.")
    label: str | None = described("The question for people.")
    type: str | None = described("What sort of question.")
    value: JSON | None = described("The question as the agent defines it.")


@strawberry.type(description="Where a finding comes from.")
class MiddeskArtifactSource:
    url: str | None = described("Address of the source.")
    name: str | None = described("Its name.")
    tier: str | None = described("How close it is to the facts.")
    type: str | None = described("What sort of source.")


@strawberry.type(description="A finding of a run. Not a file.")
class MiddeskArtifact:
    title: str | None = described("Title.")
    type: str | None = described("What sort of finding.")
    confidence: str | None = described("How sure the agent is, in the provider's words.")
    summary: str | None = described("The finding.")
    sources: list[MiddeskArtifactSource] = described("Where it comes from.")


@strawberry.type(description="A run of a Middesk agent.")
class MiddeskRun(Run):
    thread_id: str | None = described("The conversation it belongs to.")
    interrupts: list[MiddeskInterrupt] = described("What a waiting run waits for.")
    artifacts: list[MiddeskArtifact] | None = part(Part.OUTPUT, "The findings.", "artifacts")
    updated_at: datetime | None = described("When it last changed.")


RECORD_TYPE = MiddeskRecord
RUN_TYPE = MiddeskRun

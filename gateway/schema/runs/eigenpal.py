"""What only runs of Eigenpal have."""

from datetime import datetime

import strawberry

from adapters.eigenpal import EigenpalRecord
from adapters.model import Part
from gateway.schema.fields import described, part
from gateway.schema.run import Run
from gateway.schema.scalars import JSON


@strawberry.type(description="How a run did on an example of a dataset.")
class EigenpalEval:
    example: str | None = described("Name of the example.")
    example_id: str | None = described("Id of the example.")
    score: float | None = described("The score.")
    passed: bool | None = described("Whether it passed; a run that did not pass is no failed run.")


@strawberry.type(description="What a reviewer said after the run.")
class EigenpalReview:
    verdict: str | None = described("correct or incorrect.")
    status: str | None = described("open, closed or wont_fix.")
    has_note: bool | None = described("Whether there is a note.")
    correction_count: int | None = described("Number of corrected fields.")


@strawberry.type(description="A question to a person that the run waits for.")
class EigenpalHumanReview:
    task_id: str | None = described("Id of the review task.")
    source_kind: str | None = described("workflow_step or agent_tool.")
    source_label: str | None = described("What asks.")
    status: str | None = described("State of the task.")
    required_count: int | None = described("Fields to confirm.")
    confirmed_count: int | None = described("Fields confirmed so far.")
    version: int | None = described("Version of the task.")


@strawberry.type(description="Where the run stands in a chain of retries.")
class EigenpalRetry:
    number: int | None = described("0 for the first try.")
    previous_run_id: str | None = described("Native id of the try before.")
    next_run_id: str | None = described("Native id of the try after.")
    next_run_status: str | None = described("Status of the try after, in the provider's words.")


@strawberry.type(description="The source code that was run.")
class EigenpalGit:
    requested_ref: str | None = described("The reference that was asked for.")
    resolved_ref: str | None = described("The reference that was found.")
    resolved_tag: str | None = described("The tag that was found.")
    commit_sha: str | None = described("The commit.")


@strawberry.type(description="More about the automation that was run.")
class EigenpalSource:
    version_id: str | None = described("Id of the version.")
    slug: str | None = described("Name in addresses.")
    implementation_available: bool | None = described("Whether the code that ran still exists.", needs=Part.OUTPUT)
    automation_found: bool | None = described("Whether the automation still exists.", needs=Part.OUTPUT)
    current_version: str | None = described("The automation's version now.", needs=Part.OUTPUT)


@strawberry.type(description="A run of an Eigenpal workflow or agent.")
class EigenpalRun(Run):
    sample_rank: float | None = described("A number from 0 to 1 that stays the same, to draw samples with.")
    eval: EigenpalEval | None = described("How it did on an example; null for runs that are not evaluations.")
    review: EigenpalReview | None = described("What a reviewer said.")
    human_review: EigenpalHumanReview | None = described("What a waiting run waits for.")
    retry: EigenpalRetry | None = described("Its place in a chain of retries.")
    schema_valid: bool | None = described("Whether the output fits its schema; an unfit one is no failure.")
    batch_id: str | None = described("The experiment it belongs to.")
    cancel_requested_at: datetime | None = described("When somebody asked to stop it.")
    git: EigenpalGit | None = described("The source code that was run.")
    source: EigenpalSource | None = described("More about the automation.")
    trigger_type: str | None = described("How it was started: api, cli, manual, email, cron ...")
    trigger_email: JSON | None = described("The e-mail that started it.")
    usage_duration_ms: float | None = part(
        Part.USAGE,
        "The duration that the usage report gives, in milliseconds; it may differ from durationMs.",
        "usage_duration_ms",
    )
    execution: JSON | None = part(Part.DETAILS, "The expanded execution: definition, child executions, comparison.")
    trace: JSON | None = part(Part.TRACE, "Debug events of the run.")
    scores: JSON | None = part(Part.EVALUATIONS, "Results of evaluators.", "evaluations")


RECORD_TYPE = EigenpalRecord
RUN_TYPE = EigenpalRun

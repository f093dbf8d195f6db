"""What an Eigenpal run has beyond the common fields."""

from datetime import datetime

from msgspec import Struct

from adapters.model import Json, RunRecord, Usage
from adapters.shapes import Count, Count32, SignedNumber


class EigenpalUsage(Usage, frozen=True, kw_only=True):
    """`duration_ms` is the usage's own duration.

    Nothing says what it covers: the documented sample gives 221,400 ms of a run that took 222,000 ms, 180,000 ms of
    them in the model. So it is neither the run's duration nor `model_duration_ms`, which stays unknown.
    """

    duration_ms: float | None = None


class Eval(Struct, frozen=True, kw_only=True, rename="camel"):
    """The outcome of a run that was made to evaluate the automation. A low score is not a failed run. As in `eval`."""

    example: str | None = None
    score: SignedNumber | None = None
    passed: bool | None = None
    example_id: str | None = None


class Review(Struct, frozen=True, kw_only=True):
    """Where the review after the run stands. Its note and corrections are in the record's `details`."""

    verdict: str | None = None
    status: str | None = None
    has_note: bool | None = None
    correction_count: int | None = None


class HumanReview(Struct, frozen=True, kw_only=True, rename="camel"):
    """The review a waiting run waits for: so many of so many required fields are confirmed.

    As in `execution.humanReview`.
    """

    task_id: str | None = None
    source_kind: str | None = None
    source_label: str | None = None
    status: str | None = None
    required_count: Count32 | None = None
    confirmed_count: Count32 | None = None
    version: Count | None = None


class Retry(Struct, frozen=True, kw_only=True):
    """The run's place in a chain of retries.

    `next_run_status` is the later run's status in the provider's word, as it was when this run was looked up.
    """

    number: int | None = None
    previous_run_id: str | None = None
    next_run_id: str | None = None
    next_run_status: str | None = None


class Git(Struct, frozen=True, kw_only=True, rename="camel"):
    """The version of an agent's source: what was asked for, and what that was at the time. As in `source.git`."""

    requested_ref: str | None = None
    resolved_ref: str | None = None
    resolved_tag: str | None = None
    commit_sha: str | None = None


class Source(Struct, frozen=True, kw_only=True):
    """What is known about the automation beyond `RunTarget`.

    The last three describe it as it is now, not as it was when the run started; rows of a listing don't have them.
    """

    version_id: str | None = None
    slug: str | None = None
    implementation_available: bool | None = None
    automation_found: bool | None = None
    current_version: str | None = None


class EigenpalRecord(RunRecord, frozen=True, kw_only=True):
    """One Eigenpal run.

    `input` is the provider's whole section: `args`, for agents `files`, and the caller's `metadata`. The common field
    `metadata` stays None, because it is a core field and the provider gives it with the input only.
    `details` is the whole expanded `execution`: of a workflow also `childExecutions` and `definitionSnapshot`, of an
    agent `files` and `comparison`, of both `expected` and the full `review`.
    `trigger_email` is the mail that started an agent, in no documented shape.
    """

    sample_rank: float | None = None
    eval: Eval | None = None
    review: Review | None = None
    human_review: HumanReview | None = None
    retry: Retry | None = None
    schema_valid: bool | None = None
    batch_id: str | None = None
    cancel_requested_at: datetime | None = None
    git: Git | None = None
    source: Source | None = None
    trigger_type: str | None = None
    trigger_email: Json = None

    @property
    def usage_duration_ms(self) -> float | None:
        """The usage's own duration."""
        return self.usage.duration_ms if isinstance(self.usage, EigenpalUsage) else None

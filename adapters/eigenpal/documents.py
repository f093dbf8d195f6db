"""What Eigenpal's documents look like, in the newest era: the shapes that `parse` and `lists` read them as.

Where a record of `records` has the very fields of an object, it is that object's shape. Keys that nothing reads are
left out. Every key may be absent or null; where absent and null mean two things, absent is UNSET.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from adapters.shapes import Amount, Count, Count32, Finished, Instant, Integer32, Number, RequiredText, SignedNumber

from .records import Eval, Git, HumanReview


class Moments(Finished, frozen=True, kw_only=True, rename="camel"):
    started_at: Instant | None = None
    completed_at: Instant | None = None
    duration_ms: Number | None = None


class Timing(Moments, frozen=True, kw_only=True, rename="camel"):
    created_at: Instant | None = None
    cancel_requested_at: Instant | None = None


class Automation(Struct, frozen=True, kw_only=True, rename="camel"):
    """`source`: the workflow or agent that ran.

    Rows of a listing come without the two booleans and the current version.
    """

    id: str | None = None
    name: str | None = None
    version: str | None = None
    model: str | None = None
    version_id: str | None = None
    slug: str | None = None
    implementation_available: bool | None = None
    automation_found: bool | None = None
    current_version: str | None = None
    git: Git | None = None


class Person(Struct, frozen=True, kw_only=True):
    id: str | None = None
    name: str | None = None
    email: str | None = None


class Trigger(Struct, frozen=True, kw_only=True):
    """`email` is in no documented shape."""

    by: Person | None = None
    type: str | None = None
    email: Any = None


class LaterRun(Struct, frozen=True, kw_only=True):
    id: str | None = None
    status: str | None = None


class Attempt(Struct, frozen=True, kw_only=True, rename="camel"):
    """`execution.retry`."""

    number: Count32 | None = None
    previous_run_id: str | None = None
    next_run: LaterRun | None = None


class Verdict(Struct, frozen=True, kw_only=True, rename="camel"):
    """`execution.review`: slim with `hasNote` and `correctionCount`, full with the note and the corrections."""

    verdict: str | None = None
    status: str | None = None
    note: str | UnsetType | None = UNSET
    corrections: tuple[Any, ...] | UnsetType | None = UNSET
    has_note: bool | None = None
    correction_count: Count32 | None = None


class Execution(Struct, frozen=True, kw_only=True, rename="camel"):
    """`status` is a word in `status.STATUSES`; there is none in the oldest era. Only an expanded one has steps."""

    status: Any = None
    steps: Any = UNSET
    files: Any = UNSET
    review: Verdict | None = None
    human_review: HumanReview | None = None
    retry: Attempt | None = None
    schema_valid: bool | None = None
    batch_id: str | None = None


class Tokens(Struct, frozen=True, kw_only=True, rename="camel"):
    input: Count | None = None
    output: Count | None = None
    cache_read: Count | None = None
    cache_write: Count | None = None


class Consumption(Finished, frozen=True, kw_only=True, rename="camel"):
    """`usage`."""

    credits_charged: Amount | None = None
    tokens: Tokens | None = None
    llm_call_count: Count32 | None = None
    agent_turns: Count32 | None = None
    ocr_pages_processed: Count32 | None = None
    duration_ms: Number | None = None


class Diagnosis(Struct, frozen=True, kw_only=True, rename="camel"):
    """`debug`. Nothing says what `observability` holds."""

    trace_id: str | None = None
    observability: Any = None


class Run(Struct, frozen=True, kw_only=True, rename="camel"):
    """The reply of `/runs/{id}` and, without `output` and `files`, a row of `/runs`.

    `input`, `usage` and `debug` come where they were asked for. `finished` is a boolean, looked at where the status
    leaves it open; `files` are rows, looked at once the run is known to have ended.
    """

    id: RequiredText
    timing: Timing | None = None
    execution: Execution | None = None
    source: Automation | None = None
    trigger: Trigger | None = None
    type: str | None = None
    finished: Any = None
    parent_execution_id: str | None = None
    error: str | None = None
    tags: tuple[str, ...] | None = None
    input: Any = UNSET
    output: Any = UNSET
    usage: Consumption | UnsetType | None = UNSET
    files: Any = UNSET
    debug: Diagnosis | UnsetType | None = UNSET
    sample_rank: SignedNumber | None = None
    eval: Eval | None = None


class StepRow(Moments, frozen=True, kw_only=True, rename="camel"):
    """A row of `steps`, whose shape is not published: it has every name that a release had.

    `error` is a text, or an object with a `message`.
    """

    timing: Moments | None = None
    id: str | None = None
    step_execution_id: str | None = None
    order: Integer32 | None = None
    name: str | None = None
    step_name: str | None = None
    type: str | None = None
    status: str | None = None
    error: Any = None


class FileRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A row of `files` and of `artifacts`."""

    name: str | None = None
    role: str | None = None
    path: str | None = None
    content_type: str | None = None
    size: Count | None = None
    step_name: str | None = None


class EventRow(Finished, frozen=True, kw_only=True):
    """A row of `/events`."""

    type: str | None = None
    timestamp: Instant | None = None
    status: str | None = None
    message: str | None = None

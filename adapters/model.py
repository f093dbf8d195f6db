"""What every adapter returns: frozen records in one vocabulary, whatever the provider calls things.

Unknown is None, a reported 0 is 0. Times are aware UTC. Durations are milliseconds. Money and credits are Decimal.
JSON values (`Json`) are what the provider sent and are never changed by anybody.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from .status import RunStatus, StatusSource, StepStatus

if TYPE_CHECKING:
    from .errors import AdapterError, ErrorCode

Json = object
"""A parsed JSON value: None, bool, int, Decimal (for numbers with a fraction), str, list or dict."""


class RunKind(Enum):
    """What sort of thing was executed."""

    AGENT = "AGENT"
    WORKFLOW = "WORKFLOW"
    PROMPT = "PROMPT"
    TASK = "TASK"
    MODEL = "MODEL"
    UNKNOWN = "UNKNOWN"


class Part(Enum):
    """A section of a run that is fetched only when somebody selects it.

    `ERROR` comes with every run, but not with the rows of every list. `DETAILS` is the provider's own expanded
    description of the execution, `RAW` its documents as received.
    """

    # Members are put into sets all the time, and an enum's own hash is a call in Python.
    __hash__ = object.__hash__

    ERROR = "ERROR"
    INPUT = "INPUT"
    OUTPUT = "OUTPUT"
    USAGE = "USAGE"
    STEPS = "STEPS"
    FILES = "FILES"
    DEBUG = "DEBUG"
    EVENTS = "EVENTS"
    TRACE = "TRACE"
    EVALUATIONS = "EVALUATIONS"
    DETAILS = "DETAILS"
    RAW = "RAW"


class ActorKind(Enum):
    """What sort of initiator started a run."""

    USER = "USER"
    API = "API"
    SCHEDULE = "SCHEDULE"
    SYSTEM = "SYSTEM"
    UNKNOWN = "UNKNOWN"


class TokenAccounting(Enum):
    """Whether `input_tokens` contains the cached tokens."""

    INCLUDES_CACHED = "INCLUDES_CACHED"
    EXCLUDES_CACHED = "EXCLUDES_CACHED"
    UNKNOWN = "UNKNOWN"


class WarningCode(Enum):
    """Why a run carries a warning."""

    VALUE_UNREADABLE = "VALUE_UNREADABLE"
    STATUS_UNKNOWN = "STATUS_UNKNOWN"
    FALLBACK_MODEL = "FALLBACK_MODEL"
    OUTPUT_TRUNCATED = "OUTPUT_TRUNCATED"
    INCONSISTENT = "INCONSISTENT"
    LIMIT_REACHED = "LIMIT_REACHED"


class RunWarning(Struct, frozen=True):
    """Something a reader of the run should know that is not a failure. `path` points into the provider's document."""

    code: WarningCode
    message: str
    path: str | None = None


class RunTarget(Struct, frozen=True, kw_only=True):
    """What was executed: an agent, workflow, prompt, task or model, at some version."""

    id: str | None = None
    name: str | None = None
    version: str | None = None
    kind: RunKind = RunKind.UNKNOWN
    model: str | None = None
    commit_sha: str | None = None


class Actor(Struct, frozen=True, kw_only=True):
    """Who or what started the run."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    kind: ActorKind = ActorKind.UNKNOWN


class RunError(Struct, frozen=True, kw_only=True):
    """What went wrong inside the run. Data, not an exception: looking the run up worked."""

    code: "ErrorCode"
    raw_code: str | None = None
    message: str | None = None
    retryable: bool | None = None
    step_name: str | None = None


class Money(Struct, frozen=True):
    """An amount of money; `currency` is an ISO 4217 code."""

    amount: Decimal
    currency: str


class Credits(Struct, frozen=True):
    """A provider's own accounting unit. Credits of two providers can't be compared or added."""

    amount: Decimal
    provider: str


class ModelUsage(Struct, frozen=True, kw_only=True):
    """Token counts of one model within a run. `provider` is the model's vendor."""

    provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Usage(Struct, frozen=True, kw_only=True):
    """What a run consumed. Names in `derived_fields` are figures that were computed here, not reported."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    token_accounting: TokenAccounting = TokenAccounting.UNKNOWN
    cost: Money | None = None
    credits: Credits | None = None
    models: tuple[ModelUsage, ...] = ()
    model_calls: int | None = None
    retries: int | None = None
    agent_turns: int | None = None
    pages_processed: int | None = None
    model_duration_ms: float | None = None
    is_partial: bool = False
    derived_fields: tuple[str, ...] = ()

    def with_total(self) -> Self:
        """The same usage with `total_tokens` filled in, where it is missing and both sides are known.

        Where the accounting excludes cached tokens a plain sum would be wrong, so it stays unknown.
        """
        if (
            self.total_tokens is not None
            or self.input_tokens is None
            or self.output_tokens is None
            or self.token_accounting is TokenAccounting.EXCLUDES_CACHED
        ):
            return self
        total = self.input_tokens + self.output_tokens
        if total >= 2**63:
            return self
        return replace(self, total_tokens=total, derived_fields=(*self.derived_fields, "totalTokens"))


class Step(Struct, frozen=True, kw_only=True):
    """One step of a run. A tree is given in pre-order: `depth` is 0 at the top, `parent_id` names the parent step."""

    id: str
    parent_id: str | None = None
    depth: int = 0
    name: str | None = None
    label: str | None = None
    kind: str | None = None
    agent: str | None = None
    status: StepStatus = StepStatus.UNKNOWN
    raw_status: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: float | None = None
    error: RunError | None = None


class RunFile(Struct, frozen=True, kw_only=True):
    """A file a run read or wrote. `path` is the provider's own; `download_url` only where the provider signed one."""

    name: str
    role: str | None = None
    path: str | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    step_name: str | None = None
    download_url: str | None = None


class Fallback(Struct, frozen=True, kw_only=True):
    """Whether another model had to take over, and why."""

    used: bool
    reason: str | None = None
    model_id: str | None = None


class Debug(Struct, frozen=True, kw_only=True):
    """What helps to find out why a run did what it did."""

    trace_id: str | None = None
    span_id: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    exit_code: int | None = None
    retries: int | None = None
    fallback: Fallback | None = None
    state: Json = None
    observability: Json = None


class RunEvent(Struct, frozen=True, kw_only=True):
    """One entry of a run's timeline. `attributes` holds what the provider sent beyond the common fields."""

    type: str | None = None
    at: datetime | None = None
    status: str | None = None
    message: str | None = None
    attributes: Json = None


_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")


def run_id(provider: str, native_id: str) -> str:
    """The id a run has at the gateway: "<provider name>:<native id>", percent-encoded where needed."""
    # Most ids need no encoding, and `quote` costs more than to see that.
    return f"{provider}:{native_id if _PLAIN.fullmatch(native_id) else quote(native_id, safe='/-._~')}"


class RunRecord(Struct, frozen=True, kw_only=True):
    """One run. An adapter with facts of its own subclasses it.

    `parts` says which parts this record holds: a part in it whose value is None was looked for and is not there.
    `part_errors` holds parts that were asked for and could not be fetched.
    `provider` is the configured name, not the adapter's.
    """

    provider: str
    native_id: str
    kind: RunKind
    status: RunStatus
    raw_status: str | None
    status_source: StatusSource
    is_terminal: bool | None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: float | None = None
    target: RunTarget | None = None
    initiator: Actor | None = None
    parent_native_id: str | None = None
    error: RunError | None = None
    warnings: tuple[RunWarning, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Json = None

    parts: frozenset[Part] = frozenset()
    part_errors: Mapping[Part, "AdapterError"] = {}
    input: Json = None
    output: Json = None
    output_truncated: bool | None = None
    usage: Usage | None = None
    steps: tuple[Step, ...] | None = None
    files: tuple[RunFile, ...] | None = None
    debug: Debug | None = None
    events: tuple[RunEvent, ...] | None = None
    trace: Json = None
    evaluations: Json = None
    details: Json = None
    raw: Mapping[str, Json] | None = None

    @property
    def id(self) -> str:
        return run_id(self.provider, self.native_id)

    @property
    def parent_id(self) -> str | None:
        return None if self.parent_native_id is None else run_id(self.provider, self.parent_native_id)

    def lacks(self, parts: frozenset[Part]) -> bool:
        """Whether there are some of the parts that it holds neither, nor the errors of."""
        return not (parts <= self.parts or parts <= self.parts | self.part_errors.keys())

    def with_parts_of(self, older: "RunRecord") -> Self:
        """This record plus the parts that only `older`, a record of the same run, holds."""
        missing = older.parts - self.parts
        if not missing:
            return self
        values = {name: getattr(older, name) for part in missing for name in PART_FIELDS[part]}
        errors = {part: error for part, error in self.part_errors.items() if part not in missing}
        return replace(self, parts=self.parts | missing, part_errors=errors, **values)


PART_FIELDS: Mapping[Part, tuple[str, ...]] = {
    part: (part.value.lower(), "output_truncated") if part is Part.OUTPUT else (part.value.lower(),) for part in Part
}
"""The fields of `RunRecord` that each part fills."""

if unknown := {name for names in PART_FIELDS.values() for name in names} - set(RunRecord.__struct_fields__):
    raise AssertionError(f"parts without a field in RunRecord: {unknown}")

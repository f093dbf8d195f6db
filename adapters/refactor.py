"""Refactor (docs.re-factor.ai): runs of prompts, agents, flows and tools, by id.

API pages "Get Run State", "Create Run", "List Run Evaluations", read 2026-11. There is no list, no cancel and no
published host or HTTP error body.

One call, `GET {base}/run/{id}`, brings everything but the evaluations, which are `GET {base}/run/{id}/evaluations`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from .contract import How, ProviderInfo, RunAdapter
from .error_body import error_message, error_word
from .errors import AdapterError, ErrorCode, ErrorReading, NotFound
from .model import (
    Actor,
    Debug,
    Json,
    ModelUsage,
    Money,
    Part,
    RunError,
    RunKind,
    RunRecord,
    RunTarget,
    RunWarning,
    TokenAccounting,
    Usage,
    WarningCode,
)
from .settings import TokenSettings
from .status import RunStatus, StatusSource, StatusTable
from .upstream import ErrorReply
from .wire import INT64_MAX, Fields, milliseconds_between

STATUSES = StatusTable(
    "refactor",
    {
        "running": RunStatus.RUNNING,
        "waiting": RunStatus.WAITING,
        "completed": RunStatus.SUCCEEDED,
        "failed": RunStatus.FAILED,
        "cancelled": RunStatus.CANCELLED,
        "timeout": RunStatus.TIMED_OUT,
    },
    RunStatus.UNKNOWN,
)

ERROR_CODES: Mapping[str, ErrorCode] = {
    "INTERNAL_ERROR": ErrorCode.INTERNAL,
    "INVALID_INPUT": ErrorCode.INVALID_INPUT,
    "RESOURCE_NOT_FOUND": ErrorCode.NOT_FOUND,
    "TIMEOUT": ErrorCode.TIMEOUT,
    "RATE_LIMIT_EXCEEDED": ErrorCode.RATE_LIMITED,
    # It is about missing valid credentials, despite the name.
    "AUTHORIZATION_ERROR": ErrorCode.UNAUTHENTICATED,
}
"""Codes of an error inside a run."""

_CODE_OF_STATUS: Mapping[RunStatus, ErrorCode] = {
    RunStatus.FAILED: ErrorCode.UNKNOWN,
    RunStatus.CANCELLED: ErrorCode.CANCELLED,
    RunStatus.TIMED_OUT: ErrorCode.TIMEOUT,
}
"""What went wrong where the run itself does not say."""

INLINE = frozenset({Part.ERROR, Part.OUTPUT, Part.USAGE, Part.DEBUG})
"""The parts that every run document brings."""
_NO_RUN = "00000000-0000-0000-0000-000000000000"


class RefactorSettings(TokenSettings):
    """`token_accounting`: whether Refactor's input tokens contain the cached ones, which it does not document."""

    token_accounting: TokenAccounting = TokenAccounting.INCLUDES_CACHED


class Evaluation(Struct, frozen=True, kw_only=True):
    """A score given to a run, or to one field of one of its outputs."""

    id: str
    account_id: str | None = None
    run_id: str | None = None
    evaluation_label_id: str | None = None
    value: Decimal | None = None
    output_name: str | None = None
    field_path: str | None = None
    created_at: datetime | None = None


class RefactorRecord(RunRecord, frozen=True, kw_only=True):
    """`state` is the run's opaque working state, which also says what a waiting run asks for."""

    account_id: str | None = None
    experiment_id: str | None = None
    experiment_candidate_id: str | None = None
    state: Json = None
    result_id: str | None = None
    result_metadata: Json = None
    failed_at: datetime | None = None
    evaluations: tuple[Evaluation, ...] | None = None


def parse_run(document: Json, *, provider: str, accounting: TokenAccounting) -> RefactorRecord:
    """A run document with the parts that come with every run.

    Duration is from creation to end: Refactor has no queue and no start time.
    """
    run = Fields.of(document, provider=provider)
    native_id = run.required_text("id")
    raw_status, status = _status(run)
    result = run.child("result") or Fields(value={}, provider=provider, path="result", warnings=run.warnings)
    created_at, failed_at = run.instant("created_at"), run.instant("failed_at")
    ended_at = run.instant("completed_at") or failed_at
    runnable_id, created_by = run.text("runnable_id"), run.text("created_by")
    state = run.json("state")
    return RefactorRecord(
        provider=provider,
        native_id=native_id,
        # A runnable is a prompt, an agent, a flow or a tool, and a run does not say which.
        kind=RunKind.UNKNOWN,
        status=status,
        raw_status=raw_status,
        status_source=StatusSource.REPORTED,
        is_terminal=status.is_terminal,
        created_at=created_at,
        ended_at=ended_at,
        duration_ms=milliseconds_between(created_at, ended_at),
        target=None if runnable_id is None else RunTarget(id=runnable_id),
        initiator=None if created_by is None else Actor(id=created_by),
        parent_native_id=run.text("parent_run_id"),
        error=_run_error(run, result, status),
        metadata=run.json("metadata"),
        parts=INLINE,
        output=result.json("outputs"),
        usage=_usage(run, result, accounting, is_partial=status.is_terminal is not True),
        debug=Debug(span_id=run.text("telemetry_span_id"), state=state),
        account_id=run.text("account_id"),
        experiment_id=run.text("experiment_id"),
        experiment_candidate_id=run.text("experiment_candidate_id"),
        state=state,
        result_id=result.text("id"),
        result_metadata=result.json("metadata"),
        failed_at=failed_at,
        warnings=tuple(run.warnings),
    )


def parse_evaluations(answer: Json, *, provider: str) -> tuple[tuple[Evaluation, ...], tuple[RunWarning, ...]]:
    """The evaluations in a bare array, and what of it could not be read; BadResponse where it is no array.

    An evaluation without an id is left out.
    """
    root = Fields.of({"evaluations": answer}, provider=provider)
    if not isinstance(answer, list):
        raise root.bad("expected a list", "evaluations")
    found: list[Evaluation] = []
    for row in root.children("evaluations"):
        row_id = row.text("id")
        if not row_id:
            row.warn(WarningCode.VALUE_UNREADABLE, "an evaluation without an id is left out")
            continue
        found.append(
            Evaluation(
                id=row_id,
                account_id=row.text("account_id"),
                run_id=row.text("run_id"),
                evaluation_label_id=row.text("evaluation_label_id"),
                value=row.decimal("value"),
                output_name=row.text("output_name"),
                field_path=row.text("field_path"),
                created_at=row.instant("created_at"),
            )
        )
    return tuple(found), tuple(root.warnings)


def _status(run: Fields) -> tuple[str | None, RunStatus]:
    word = run.json("status")
    if not isinstance(word, str):
        run.warn(WarningCode.STATUS_UNKNOWN, "the run has no readable status", "status")
        return None, RunStatus.UNKNOWN
    status = STATUSES.read(word)
    if status is RunStatus.UNKNOWN:
        run.warn(WarningCode.STATUS_UNKNOWN, "the provider does not document this status", "status")
    return word, status


def _run_error(run: Fields, result: Fields, status: RunStatus) -> RunError | None:
    """The error under `result`, else the one beside it, which may be plain text."""
    default = _CODE_OF_STATUS.get(status)
    for place in (result, run):
        value = place.json("error")
        if isinstance(value, str) and value:
            return RunError(code=default or ErrorCode.UNKNOWN, message=value)
        error = None if value == "" else place.child("error")
        if error is not None and error.value:
            raw_code = error.text("code")
            code = ERROR_CODES.get((raw_code or "").strip().upper(), default or ErrorCode.UNKNOWN)
            return RunError(code=code, raw_code=raw_code, message=error.text("message"))
    return None if default is None else RunError(code=default)


def _usage(run: Fields, result: Fields, accounting: TokenAccounting, *, is_partial: bool) -> Usage | None:
    """Each count from the run's total, else summed over the models, else from a flat counter; None where nothing is."""
    models = tuple(
        ModelUsage(
            provider=row.text("provider"),
            model=row.text("model"),
            input_tokens=row.count("prompt_tokens"),
            output_tokens=row.count("completion_tokens"),
            cache_read_input_tokens=row.count("cached_tokens"),
        )
        for row in result.children("usage")
    )
    derived: list[str] = []

    def tokens(total: str, by_model: Sequence[int | None], flat: str, name: str) -> int | None:
        reported = run.count(total)
        if reported is not None:
            return reported
        known = [count for count in by_model if count is not None]
        if known and len(known) == len(by_model) and sum(known) <= INT64_MAX:
            derived.append(name)
            return sum(known)
        in_result = result.count(flat)
        return run.count(flat) if in_result is None else in_result

    sent = tokens("total_input_tokens", [model.input_tokens for model in models], "prompt_tokens", "inputTokens")
    received = tokens(
        "total_output_tokens", [model.output_tokens for model in models], "completion_tokens", "outputTokens"
    )
    cached = tokens(
        "total_cached_tokens",
        [model.cache_read_input_tokens for model in models],
        "cached_tokens",
        "cacheReadInputTokens",
    )
    cost = _cost(run)
    if not models and cost is None and sent is None and received is None and cached is None:
        return None
    return Usage(
        input_tokens=sent,
        output_tokens=received,
        cache_read_input_tokens=cached,
        token_accounting=accounting,
        cost=cost,
        models=models,
        is_partial=is_partial,
        derived_fields=tuple(derived),
    ).with_total()


def _cost(run: Fields) -> Money | None:
    amount = run.decimal("total_token_cost_usd")
    if amount is not None and amount < 0:
        run.warn(WarningCode.VALUE_UNREADABLE, "expected an amount that is not negative", "total_token_cost_usd")
        return None
    return None if amount is None else Money(amount, "USD")


class RefactorAdapter(RunAdapter[RefactorSettings]):
    """Refactor's runs. No kind, input, steps or files; nothing is listed."""

    info = ProviderInfo("refactor", "Refactor", "https://docs.re-factor.ai")
    settings_type = RefactorSettings
    statuses = STATUSES
    parts: ClassVar[Mapping[Part, How]] = {
        Part.ERROR: How.INLINE,
        Part.OUTPUT: How.INLINE,
        Part.USAGE: How.INLINE,
        Part.DEBUG: How.INLINE,
        Part.RAW: How.INLINE,
        Part.EVALUATIONS: How.CALL,
    }
    record_type = RefactorRecord

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RefactorRecord:
        native_id = self.canonical_id(native_id)
        if Part.EVALUATIONS not in parts:
            return self._record(native_id, await self.upstream.get("run", native_id), parts)
        evaluating = asyncio.create_task(self._evaluations(native_id))
        try:
            document = await self.upstream.get("run", native_id)
            evaluations = await evaluating
        finally:
            evaluating.cancel()
        record = self._record(native_id, document, parts)
        return self._with_evaluations(record, evaluations)

    async def check(self) -> None:
        try:
            await self.upstream.get("run", _NO_RUN)
        except NotFound:
            # The credential was accepted: that is all there is to find out without a run's id.
            return

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        """Refactor publishes no error bodies: any usual shape is read, and the HTTP status decides."""
        body = reply.json()
        return ErrorReading(error_message(body), raw_code=error_word(body, "code"))

    def _record(self, asked: str, document: Json, parts: frozenset[Part]) -> RefactorRecord:
        record = parse_run(document, provider=self.name, accounting=self.settings.token_accounting)
        if record.native_id.casefold() != asked.casefold():
            warning = RunWarning(WarningCode.INCONSISTENT, "the provider answered with another run's id", "id")
            record = replace(record, warnings=(*record.warnings, warning))
        if Part.RAW in parts:
            record = replace(record, raw={"run": document}, parts=record.parts | {Part.RAW})
        return record

    async def _evaluations(self, native_id: str) -> Json | AdapterError:
        try:
            return await self.upstream.get("run", native_id, "evaluations")
        except AdapterError as error:
            return error

    def _with_evaluations(self, record: RefactorRecord, answer: Json | AdapterError) -> RefactorRecord:
        try:
            if isinstance(answer, AdapterError):
                raise answer
            found, warnings = parse_evaluations(answer, provider=self.name)
        except AdapterError as error:
            return replace(record, part_errors={Part.EVALUATIONS: error})
        return replace(
            record,
            evaluations=found,
            parts=record.parts | {Part.EVALUATIONS},
            raw=None if record.raw is None else {**record.raw, "evaluations": answer},
            warnings=(*record.warnings, *warnings),
        )

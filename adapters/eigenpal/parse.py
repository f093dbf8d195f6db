"""Eigenpal's JSON made into records. Pure: nothing here makes a call.

A warning's path is that of the newest shape of the document, also where the reply had an older one.
"""

from collections.abc import Mapping, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from adapters.errors import ErrorCode
from adapters.model import (
    Actor,
    ActorKind,
    Credits,
    Debug,
    Json,
    Part,
    RunError,
    RunKind,
    RunTarget,
    Step,
    WarningCode,
)
from adapters.shapes import read
from adapters.status import RunStatus
from adapters.wire import Fields

from . import documents
from .eras import nested, unwrapped
from .lists import duration, failing_step, read_events, read_files, read_steps, required_list
from .records import EigenpalRecord, EigenpalUsage, Eval, Git, Retry, Review, Source
from .status import read_status, read_terminal

KINDS: Mapping[str, RunKind] = {"workflow": RunKind.WORKFLOW, "agent": RunKind.AGENT}

_ACTORS: Mapping[str, ActorKind] = {
    "api": ActorKind.API,
    "cli": ActorKind.API,
    "cron": ActorKind.SCHEDULE,
    "manual": ActorKind.USER,
    "email": ActorKind.USER,
}

_ENDED_BADLY: Mapping[RunStatus, ErrorCode] = {
    RunStatus.FAILED: ErrorCode.UNKNOWN,
    RunStatus.CANCELLED: ErrorCode.CANCELLED,
    # A person decided against the result: no policy, no cancellation, and nothing says why.
    RunStatus.REJECTED: ErrorCode.UNKNOWN,
}
"""Such a run has an error even where the provider gives no text. The text is never searched for a better code."""

_NO_TIMING, _NO_EXECUTION, _NO_TRIGGER = documents.Timing(), documents.Execution(), documents.Trigger()
_NO_TOKENS, _NO_SOURCE, _NO_GIT, _NO_EVAL = documents.Tokens(), Source(), Git(), Eval()

_EXPANDED = frozenset({Part.STEPS, Part.DETAILS})
_SECTIONS = frozenset({Part.INPUT, Part.USAGE, Part.DEBUG})

CALLED: Mapping[Part, tuple[str, str]] = {
    Part.STEPS: ("steps", "steps"),
    Part.FILES: ("artifacts", "artifacts"),
    Part.EVENTS: ("events", "events"),
    Part.TRACE: ("trace", "events"),
    Part.EVALUATIONS: ("scores", "scores"),
}
"""Parts with an endpoint below `/runs/{id}`: its name, and the key of the list in its reply."""


def parse_run(body: Json, *, provider: str, asked: frozenset[Part] = frozenset(), row: bool = False) -> EigenpalRecord:
    """A run from the reply of `/runs/{id}` or, with `row`, from a row of `/runs`.

    `asked` are the parts whose expansion was asked for: such a part is held even where the reply has no section for
    it, as None. What arrived unasked is held too, and ERROR always. BadResponse where the body is no run.
    """
    document, path = unwrapped(body)
    received = Fields.of(document, provider=provider, path=path)
    newest = nested(received.value)
    fields = received if newest is received.value else replace(received, value=newest)
    run = read(fields, documents.Run)
    timing, execution = run.timing or _NO_TIMING, run.execution or _NO_EXECUTION
    source, trigger = run.source, run.trigger or _NO_TRIGGER
    kind = _kind(fields, run.type)
    status, raw_status, status_source = read_status(fields, execution.status, row=row)
    is_terminal = read_terminal(fields, status, run.finished)
    held = _held(run, status, asked, row=row, is_terminal=is_terminal)
    steps = None
    # Nothing else tells an expanded execution from a slim one.
    if execution.steps is not UNSET or execution.files is not UNSET or asked & _EXPANDED:
        steps = _steps(fields, execution.steps, kind)
        held.add(Part.DETAILS)
        if steps is not None or kind is not RunKind.WORKFLOW:
            held.add(Part.STEPS)

    return EigenpalRecord(
        provider=provider,
        native_id=run.id,
        kind=kind,
        status=status,
        raw_status=raw_status,
        status_source=status_source,
        is_terminal=is_terminal,
        created_at=timing.created_at,
        started_at=timing.started_at,
        ended_at=timing.completed_at,
        duration_ms=duration(timing),
        target=None if source is None else _target(source, kind),
        initiator=_initiator(trigger),
        error=_error(run.error, status, steps) if Part.ERROR in held else None,
        parts=frozenset(held),
        input=None if run.input is UNSET else run.input,
        output=None if run.output is UNSET else run.output,
        usage=_usage(run.usage, provider, is_partial=is_terminal is not True) if run.usage else None,
        steps=steps,
        files=read_files(fields, "files") if Part.FILES in held else None,
        debug=Debug(trace_id=run.debug.trace_id, observability=run.debug.observability) if run.debug else None,
        # As received: in the oldest era there is none, and `nested` made one up.
        details=received.json("execution") if Part.DETAILS in held else None,
        parent_native_id=run.parent_execution_id,
        tags=run.tags or (),
        sample_rank=run.sample_rank,
        # The oldest era has the fields on every run, all null where the run evaluates nothing.
        eval=run.eval if run.eval and run.eval != _NO_EVAL else None,
        review=execution.review and _review(execution.review),
        human_review=execution.human_review,
        retry=execution.retry and _retry(execution.retry),
        schema_valid=execution.schema_valid,
        batch_id=execution.batch_id,
        cancel_requested_at=timing.cancel_requested_at,
        git=source.git if source is not None and source.git and source.git != _NO_GIT else None,
        source=_source(source),
        trigger_type=trigger.type,
        trigger_email=trigger.email,
        warnings=tuple(fields.warnings),
    )


def with_called(record: EigenpalRecord, part: Part, body: Json) -> EigenpalRecord:
    """The record with a part that was called for, from its endpoint's reply; BadResponse where it is none."""
    endpoint, key = CALLED[part]
    reply = Fields.of(body, provider=record.provider, path=endpoint)
    rows = required_list(reply, key)
    match part:
        case Part.STEPS:
            record = replace(record, steps=read_steps(reply, key))
        case Part.FILES:
            record = replace(record, files=read_files(reply, key))
        case Part.EVENTS:
            record = replace(record, events=read_events(reply, key))
        case Part.TRACE:
            record = replace(record, trace=rows)
        case _:
            record = replace(record, evaluations=rows)
    return replace(record, parts=record.parts | {part}, warnings=(*record.warnings, *reply.warnings))


def _kind(fields: Fields, word: str | None) -> RunKind:
    if word is None:
        return RunKind.UNKNOWN
    kind = KINDS.get(word.strip().casefold())
    if kind is None:
        fields.warn(WarningCode.VALUE_UNREADABLE, "expected workflow or agent", "type")
        return RunKind.UNKNOWN
    return kind


def _held(
    run: documents.Run, status: RunStatus, asked: frozenset[Part], *, row: bool, is_terminal: bool | None
) -> set[Part]:
    """The parts that are in the document, but for those of an expanded execution."""
    held = set(asked & _SECTIONS)
    if run.input is not UNSET:
        held.add(Part.INPUT)
    if run.usage is not UNSET:
        held.add(Part.USAGE)
    if run.debug is not UNSET:
        held.add(Part.DEBUG)
    # A row of an older era may leave open how the run ended.
    if not row or status is not RunStatus.UNKNOWN:
        held.add(Part.ERROR)
    if not row or run.output is not UNSET:
        held.add(Part.OUTPUT)
    if is_terminal and (not row or run.files is not UNSET):
        held.add(Part.FILES)
    return held


def _steps(fields: Fields, received: Json, kind: RunKind) -> tuple[Step, ...] | None:
    """Those of an expanded execution."""
    execution = None if received is UNSET or received is None else fields.child("execution")
    found = None if execution is None else read_steps(execution, "steps")
    return () if found is None and kind is RunKind.AGENT else found


def _target(source: documents.Automation, kind: RunKind) -> RunTarget:
    return RunTarget(
        id=source.id,
        name=source.name,
        version=source.version,
        kind=kind,
        model=source.model,
        commit_sha=source.git and source.git.commit_sha,
    )


def _source(source: documents.Automation | None) -> Source | None:
    if source is None:
        return None
    found = Source(
        version_id=source.version_id,
        slug=source.slug,
        implementation_available=source.implementation_available,
        automation_found=source.automation_found,
        current_version=source.current_version,
    )
    return None if found == _NO_SOURCE else found


def _initiator(trigger: documents.Trigger) -> Actor | None:
    by, word = trigger.by, trigger.type
    kind = _ACTORS.get((word or "").strip().casefold(), ActorKind.UNKNOWN)
    if by is not None:
        return Actor(id=by.id, name=by.name, email=by.email, kind=kind)
    return None if word is None else Actor(kind=kind)


def _error(message: str | None, status: RunStatus, steps: Sequence[Step] | None) -> RunError | None:
    """The failing step is named in a failed run only: a cancelled one may hold a step that failed before."""
    code = _ENDED_BADLY.get(status)
    if code is None and not message:
        return None
    return RunError(
        code=code or ErrorCode.UNKNOWN,
        message=message or None,
        step_name=failing_step(steps) if status is RunStatus.FAILED else None,
    )


def _usage(usage: documents.Consumption, provider: str, *, is_partial: bool) -> EigenpalUsage:
    tokens, charged = usage.tokens or _NO_TOKENS, usage.credits_charged
    return EigenpalUsage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_input_tokens=tokens.cache_read,
        cache_write_input_tokens=tokens.cache_write,
        credits=None if charged is None else Credits(charged, provider),
        model_calls=usage.llm_call_count,
        agent_turns=usage.agent_turns,
        pages_processed=usage.ocr_pages_processed,
        duration_ms=usage.duration_ms,
        is_partial=is_partial,
    ).with_total()


def _review(review: documents.Verdict) -> Review:
    """The same from the slim review and from the full one, which has the note and the corrections themselves."""
    full = review.note is not UNSET or review.corrections is not UNSET
    return Review(
        verdict=review.verdict,
        status=review.status,
        has_note=bool(review.note) if full else review.has_note,
        correction_count=len(review.corrections or ()) if full else review.correction_count,
    )


def _retry(retry: documents.Attempt) -> Retry:
    later = retry.next_run
    return Retry(
        number=retry.number,
        previous_run_id=retry.previous_run_id,
        next_run_id=later and later.id,
        next_run_status=later and later.status,
    )

"""Eigenpal's JSON made into records. Pure: nothing here makes a call.

A warning's path is that of the newest shape of the document, also where the reply had an older one.
"""

from collections.abc import Mapping

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
    WarningCode,
)
from adapters.status import RunStatus
from adapters.wire import INT32_MAX, Fields, milliseconds_between

from .eras import nested, unwrapped
from .lists import failing_step, read_events, read_files, read_steps, required_list
from .records import EigenpalRecord, EigenpalUsage, Eval, Git, HumanReview, Retry, Review, Source
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

_NO_SOURCE, _NO_GIT, _NO_EVAL = Source(), Git(), Eval()

_SECTIONS: Mapping[Part, str] = {Part.INPUT: "input", Part.USAGE: "usage", Part.DEBUG: "debug"}
"""Parts that are a section of their own, by the section's key."""

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
    run = Fields(nested(received.value), provider=provider, path=path, warnings=received.warnings)
    native_id = run.required_text("id")

    timing, execution = _section(run, "timing", provider), _section(run, "execution", provider)
    source, trigger = run.child("source"), _section(run, "trigger", provider)
    git = None if source is None else source.child("git")
    kind = _kind(run)
    status, raw_status, status_source = read_status(run, execution, timing, row=row)
    is_terminal = read_terminal(run, status)
    started_at, ended_at = timing.instant("startedAt"), timing.instant("completedAt")
    duration_ms = timing.number("durationMs")
    trigger_type = trigger.text("type")

    held = {part for part, key in _SECTIONS.items() if part in asked or run.has(key)}
    # A row of an older era may leave open how the run ended.
    if not row or status is not RunStatus.UNKNOWN:
        held.add(Part.ERROR)
    if run.has("output") or not row:
        held.add(Part.OUTPUT)
    if is_terminal and (run.has("files") or not row):
        held.add(Part.FILES)
    # Nothing else tells an expanded execution from a slim one.
    expanded = bool(asked & {Part.STEPS, Part.DETAILS}) or execution.has("steps") or execution.has("files")
    if expanded:
        held.add(Part.DETAILS)
    steps = read_steps(execution, "steps") if execution.json("steps") is not None else None
    if steps is None and expanded and kind is RunKind.AGENT:
        steps = ()
    if steps is not None or (expanded and kind is not RunKind.WORKFLOW):
        held.add(Part.STEPS)

    return EigenpalRecord(
        provider=provider,
        native_id=native_id,
        kind=kind,
        status=status,
        raw_status=raw_status,
        status_source=status_source,
        is_terminal=is_terminal,
        created_at=timing.instant("createdAt"),
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=milliseconds_between(started_at, ended_at) if duration_ms is None else duration_ms,
        target=None if source is None else _target(source, git, kind),
        initiator=_initiator(trigger, trigger_type),
        parent_native_id=run.text("parentExecutionId"),
        error=_error(run, status, failing_step(steps)) if Part.ERROR in held else None,
        tags=run.texts("tags"),
        input=run.json("input"),
        output=run.json("output"),
        usage=_usage(run, provider, is_partial=is_terminal is not True) if Part.USAGE in held else None,
        steps=steps,
        files=read_files(run, "files") if Part.FILES in held else None,
        debug=_debug(run) if Part.DEBUG in held else None,
        # As received: in the oldest era there is none, and `nested` made one up.
        details=received.json("execution") if Part.DETAILS in held else None,
        parts=frozenset(held),
        sample_rank=_float(run, "sampleRank"),
        eval=_eval(run),
        review=_review(execution),
        human_review=_human_review(execution),
        retry=_retry(execution),
        schema_valid=execution.boolean("schemaValid"),
        batch_id=execution.text("batchId"),
        cancel_requested_at=timing.instant("cancelRequestedAt"),
        git=_git(git),
        source=_source(source),
        trigger_type=trigger_type,
        trigger_email=trigger.json("email"),
        warnings=tuple(run.warnings),
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


def _section(parent: Fields, name: str, provider: str) -> Fields:
    """An object below this one; an empty one where there is none."""
    return parent.child(name) or Fields({}, provider=provider, path=parent.at(name), warnings=parent.warnings)


def _kind(run: Fields) -> RunKind:
    word = run.text("type")
    if word is None:
        return RunKind.UNKNOWN
    kind = KINDS.get(word.strip().casefold())
    if kind is None:
        run.warn(WarningCode.VALUE_UNREADABLE, "expected workflow or agent", "type")
    return kind or RunKind.UNKNOWN


def _target(source: Fields, git: Fields | None, kind: RunKind) -> RunTarget:
    return RunTarget(
        id=source.text("id"),
        name=source.text("name"),
        version=source.text("version"),
        kind=kind,
        model=source.text("model"),
        commit_sha=None if git is None else git.text("commitSha"),
    )


def _source(source: Fields | None) -> Source | None:
    if source is None:
        return None
    found = Source(
        version_id=source.text("versionId"),
        slug=source.text("slug"),
        implementation_available=source.boolean("implementationAvailable"),
        automation_found=source.boolean("automationFound"),
        current_version=source.text("currentVersion"),
    )
    return None if found == _NO_SOURCE else found


def _git(git: Fields | None) -> Git | None:
    if git is None:
        return None
    found = Git(
        requested_ref=git.text("requestedRef"),
        resolved_ref=git.text("resolvedRef"),
        resolved_tag=git.text("resolvedTag"),
        commit_sha=git.text("commitSha"),
    )
    return None if found == _NO_GIT else found


def _initiator(trigger: Fields, trigger_type: str | None) -> Actor | None:
    by = trigger.child("by")
    if by is None and trigger_type is None:
        return None
    kind = _ACTORS.get((trigger_type or "").strip().casefold(), ActorKind.UNKNOWN)
    if by is None:
        return Actor(kind=kind)
    return Actor(id=by.text("id"), name=by.text("name"), email=by.text("email"), kind=kind)


def _error(run: Fields, status: RunStatus, step_name: str | None) -> RunError | None:
    """`step_name` is looked at only in a failed run: a cancelled one may hold a step that failed before."""
    message = run.text("error") or None
    code = _ENDED_BADLY.get(status)
    if code is None and message is None:
        return None
    return RunError(
        code=code or ErrorCode.UNKNOWN,
        message=message,
        step_name=step_name if status is RunStatus.FAILED else None,
    )


def _usage(run: Fields, provider: str, *, is_partial: bool) -> EigenpalUsage | None:
    usage = run.child("usage")
    if usage is None:
        return None
    tokens = _section(usage, "tokens", provider)
    charged = usage.decimal("creditsCharged")
    return EigenpalUsage(
        input_tokens=tokens.count("input"),
        output_tokens=tokens.count("output"),
        cache_read_input_tokens=tokens.count("cacheRead"),
        cache_write_input_tokens=tokens.count("cacheWrite"),
        credits=None if charged is None else Credits(charged, provider),
        model_calls=usage.count("llmCallCount", INT32_MAX),
        agent_turns=usage.count("agentTurns", INT32_MAX),
        pages_processed=usage.count("ocrPagesProcessed", INT32_MAX),
        duration_ms=usage.number("durationMs"),
        is_partial=is_partial,
    ).with_total()


def _debug(run: Fields) -> Debug | None:
    debug = run.child("debug")
    if debug is None:
        return None
    return Debug(trace_id=debug.text("traceId"), observability=debug.json("observability"))


def _eval(run: Fields) -> Eval | None:
    section = run.child("eval")
    if section is None:
        return None
    found = Eval(
        example=section.text("example"),
        score=_float(section, "score"),
        passed=section.boolean("passed"),
        example_id=section.text("exampleId"),
    )
    # The oldest era has the fields on every run, all null where the run evaluates nothing.
    return None if found == _NO_EVAL else found


def _review(execution: Fields) -> Review | None:
    """The same from the slim review and from the full one, which has the note and the corrections themselves."""
    review = execution.child("review")
    if review is None:
        return None
    full = review.has("note") or review.has("corrections")
    return Review(
        verdict=review.text("verdict"),
        status=review.text("status"),
        has_note=bool(review.text("note")) if full else review.boolean("hasNote"),
        correction_count=len(review.items("corrections")) if full else review.count("correctionCount", INT32_MAX),
    )


def _human_review(execution: Fields) -> HumanReview | None:
    review = execution.child("humanReview")
    if review is None:
        return None
    return HumanReview(
        task_id=review.text("taskId"),
        source_kind=review.text("sourceKind"),
        source_label=review.text("sourceLabel"),
        status=review.text("status"),
        required_count=review.count("requiredCount", INT32_MAX),
        confirmed_count=review.count("confirmedCount", INT32_MAX),
        version=review.count("version"),
    )


def _retry(execution: Fields) -> Retry | None:
    retry = execution.child("retry")
    if retry is None:
        return None
    later = retry.child("nextRun")
    return Retry(
        number=retry.count("number", INT32_MAX),
        previous_run_id=retry.text("previousRunId"),
        next_run_id=None if later is None else later.text("id"),
        next_run_status=None if later is None else later.text("status"),
    )


def _float(section: Fields, name: str) -> float | None:
    """A finite number of either sign."""
    exact = section.decimal(name)
    return None if exact is None else float(exact)

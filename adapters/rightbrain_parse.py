"""Rightbrain's task run documents, read into records."""

from collections.abc import Iterator
from typing import cast

from .errors import ErrorCode
from .model import (
    Actor,
    ActorKind,
    Credits,
    Debug,
    Fallback,
    Json,
    Part,
    RunError,
    RunFile,
    RunKind,
    RunRecord,
    RunTarget,
    Usage,
    WarningCode,
)
from .status import RunStatus, StatusSource, StatusTable
from .wire import INT32_MAX, Fields, seconds_to_ms

STATUSES: StatusTable[RunStatus] = StatusTable("rightbrain", {}, RunStatus.UNKNOWN)
"""Empty: Rightbrain has no status words. See `derived_status`."""

ROW_PARTS = frozenset({Part.ERROR, Part.INPUT, Part.OUTPUT, Part.USAGE, Part.FILES, Part.DEBUG})
"""The parts that every task run document brings."""


class RightbrainRecord(RunRecord, frozen=True, kw_only=True):
    """`preprocessed_inputs` are the inputs as the task's processors made them, by the provider's names."""

    task_id: str
    task_revision_id: str | None = None
    reference: str | None = None
    context_id: str | None = None
    reporting_group_id: str | None = None
    reporting_group: Json = None
    input_processor_ms: float | None = None
    llm_call_ms: float | None = None
    preprocessed_inputs: Json = None


def derived_status(run: Fields) -> RunStatus:
    """The status, from the only two fields that speak of the outcome.

    - `is_error` true: FAILED, whatever the response (failed runs have `{}`).
    - A response, even an empty one: SUCCEEDED, also where `is_error` is null or absent, as in older documents.
    - No response, and `is_error` there but not true: the document is whole, and the task has not answered: RUNNING.
      SUCCEEDED would be a guess, and a wrong RUNNING only costs another look.
    - Neither key: the document says nothing of the outcome. UNKNOWN, not RUNNING, which would be a guess too.
      The same where `is_error` is no boolean: it may well mean true.
    """
    is_error = run.boolean("is_error")
    if is_error:
        return RunStatus.FAILED
    if is_error is None and run.json("is_error") is not None:
        return RunStatus.UNKNOWN
    if run.json("response") is not None:
        return RunStatus.SUCCEEDED
    return RunStatus.RUNNING if run.has("is_error") else RunStatus.UNKNOWN


def parse_run(document: Json, *, provider: str, task_id: str | None) -> RightbrainRecord:
    """A task run document. `task_id` is the task that was asked for; a list of the whole project has none.

    Duration is processing time: that of the model, and of the input processors where the task has any.
    """
    run = Fields.of(document, provider=provider)
    task_run_id = run.required_text("id")
    if task_id is None or run.json("task_id") is not None:
        task_id = run.required_text("task_id")
    status = derived_status(run)
    data = run.child("run_data") or Fields(value={}, provider=provider, path="run_data", warnings=run.warnings)
    retries = run.count("llm_retries", INT32_MAX)
    revision_id, user_id = run.text("task_revision_id"), run.text("user_id")
    model_s, processor_s = run.number("llm_call_timing"), run.number("input_processor_timing")
    usage = Usage(
        is_partial=status.is_terminal is not True,
        input_tokens=run.count("input_tokens"),
        output_tokens=run.count("output_tokens"),
        total_tokens=run.count("total_tokens"),
        credits=_credits(run, provider),
        retries=retries,
        model_duration_ms=seconds_to_ms(model_s),
    )
    return RightbrainRecord(
        provider=provider,
        native_id=f"{task_id}/{task_run_id}",
        kind=RunKind.TASK,
        status=status,
        raw_status=None,
        status_source=StatusSource.DERIVED,
        is_terminal=status.is_terminal,
        created_at=run.instant("created"),
        duration_ms=None if model_s is None else seconds_to_ms(model_s + (processor_s or 0)),
        target=RunTarget(id=task_id, version=revision_id, kind=RunKind.TASK),
        initiator=None if user_id is None else Actor(id=user_id, kind=ActorKind.USER),
        error=_run_error(run, status),
        parts=ROW_PARTS,
        input=data.json("submitted"),
        output=run.json("response"),
        usage=None if usage == Usage(is_partial=usage.is_partial) else usage.with_total(),
        files=tuple(_files(run, data, provider)),
        debug=Debug(retries=retries, fallback=_fallback(run)),
        task_id=task_id,
        task_revision_id=revision_id,
        reference=run.text("reference"),
        context_id=run.text("context_id"),
        reporting_group_id=run.text("reporting_group_id"),
        reporting_group=run.json("reporting_group"),
        input_processor_ms=seconds_to_ms(processor_s),
        llm_call_ms=seconds_to_ms(model_s),
        preprocessed_inputs=_preprocessed(data),
        warnings=tuple(run.warnings),
    )


def _credits(run: Fields, provider: str) -> Credits | None:
    amount = run.decimal("charged_credits")
    return None if amount is None else Credits(amount, provider)


def _run_error(run: Fields, status: RunStatus) -> RunError | None:
    """There is no error object. The reason is one of the primary model, and says nothing of a run that succeeded."""
    if status is not RunStatus.FAILED:
        return None
    reason = run.text("primary_failure_reason")
    return RunError(code=ErrorCode.UPSTREAM_ERROR if reason else ErrorCode.UNKNOWN, message=reason or None)


def _fallback(run: Fields) -> Fallback | None:
    used, reason = run.boolean("used_fallback_model"), run.text("primary_failure_reason")
    model_id = run.text("fallback_llm_model_id")
    if used:
        why = f": {reason}" if reason else ""
        run.warn(WarningCode.FALLBACK_MODEL, f"the primary model was replaced{why}", "used_fallback_model")
    if used is None and reason is None and model_id is None:
        return None
    return Fallback(used=used is True, reason=reason, model_id=model_id)


def _preprocessed(data: Fields) -> Json:
    others = {name: value for name, value in data.value.items() if name not in ("submitted", "files")}
    return others or None


def _files(run: Fields, data: Fields, provider: str) -> Iterator[RunFile]:
    """The files under `files`, then those that only the older `run_data.files` names."""
    names: set[str] = set()
    for place in (run, data):
        for position, item in enumerate(place.items("files")):
            where = f"files[{position}]"
            if isinstance(item, str):
                file = RunFile(name=item, path=item) if item else None
            elif isinstance(item, dict):
                fields = cast("dict[str, Json]", item)
                file = _file(Fields(value=fields, provider=provider, path=place.at(where), warnings=place.warnings))
            else:
                file = None
            if file is None:
                place.warn(WarningCode.VALUE_UNREADABLE, "a file without a name is left out", where)
            elif file.name not in names or place is run:
                names.add(file.name)
                yield file


def _file(fields: Fields) -> RunFile | None:
    """A file from an object, whose keys are not published; None where it has no name."""
    name = fields.text("name") or fields.text("file_name")
    if not name:
        return None
    return RunFile(
        name=name,
        path=name,
        content_type=fields.text("content_type") or fields.text("mime_type"),
        size_bytes=fields.count("size"),
        download_url=_http_url(fields, "url") or _http_url(fields, "download_url"),
    )


def _http_url(fields: Fields, name: str) -> str | None:
    url = fields.text(name)
    if url and not url.lower().startswith(("https://", "http://")):
        fields.unreadable(name, "an http(s) URL")
        return None
    return url or None

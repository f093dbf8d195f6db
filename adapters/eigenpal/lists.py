"""The lists of a run, each of which stands inside the run or comes from an endpoint of its own."""

from collections.abc import Sequence

from adapters.errors import ErrorCode
from adapters.model import Json, RunError, RunEvent, RunFile, Step, WarningCode
from adapters.status import StepStatus
from adapters.wire import Fields, milliseconds_between

from .status import read_step_status

_EVENT_FIELDS = frozenset({"type", "timestamp", "status", "message"})


def read_steps(holder: Fields, name: str) -> tuple[Step, ...] | None:
    """The steps in a list; None where there is something else.

    They are no tree here: the steps of child runs are in the record's `details`.

    The provider does not publish what a row holds: names and times are looked for wherever a release had them. A row
    without an id gets its position as one; of two with the same id the first is taken. The list is put in the rows'
    own `order` where all of them have one.
    """
    if not isinstance(holder.json(name), list):
        holder.unreadable(name, "a list")
        return None
    found: list[tuple[int | None, Step]] = []
    seen: set[str] = set()
    for position, row in enumerate(holder.children(name), start=1):
        step_id = row.text("id") or row.text("stepExecutionId") or f"#{position}"
        if step_id in seen:
            row.warn(WarningCode.INCONSISTENT, "another step before this one has the same id", "id")
            continue
        seen.add(step_id)
        found.append((row.integer("order"), _step(row, step_id)))
    ordered = [(order, step) for order, step in found if order is not None]
    if len(ordered) == len(found):
        return tuple(step for _, step in sorted(ordered, key=lambda entry: entry[0]))
    return tuple(step for _, step in found)


def failing_step(steps: Sequence[Step] | None) -> str | None:
    """Name of the first step that failed."""
    return next((step.name for step in steps or () if step.status is StepStatus.FAILED), None)


def read_files(holder: Fields, name: str) -> tuple[RunFile, ...] | None:
    """The files in a list: () where there is no list, None where there is something else.

    Paths are as the provider gives them and may hold anything. There is no address to download from: a file is had
    with the credential, which stays here.
    """
    if not isinstance(holder.json(name), list | None):
        holder.unreadable(name, "a list")
        return None
    files: list[RunFile] = []
    for row in holder.children(name):
        path = row.text("path")
        file_name = row.text("name") or (path or "").rpartition("/")[2]
        if not file_name:
            row.warn(WarningCode.VALUE_UNREADABLE, "a file without a name is left out", "name")
            continue
        files.append(
            RunFile(
                name=file_name,
                role=row.text("role"),
                path=path,
                content_type=row.text("contentType"),
                size_bytes=row.count("size"),
                step_name=row.text("stepName"),
            )
        )
    return tuple(files)


def read_events(holder: Fields, name: str) -> tuple[RunEvent, ...]:
    """The events in a list; `attributes` is an object with `metadata` and whatever else an event has."""
    return tuple(
        RunEvent(
            type=row.text("type"),
            at=row.instant("timestamp"),
            status=row.text("status"),
            message=row.text("message"),
            attributes={key: value for key, value in row.value.items() if key not in _EVENT_FIELDS} or None,
        )
        for row in holder.children(name)
    )


def required_list(holder: Fields, name: str) -> Json:
    """The list under a name, as it is; BadResponse where there is none."""
    value = holder.json(name)
    if not isinstance(value, list):
        raise holder.bad("expected a list", name)
    return value  # pyright: ignore[reportUnknownVariableType]


def _step(row: Fields, step_id: str) -> Step:
    times = row.child("timing") or row
    status, raw_status = read_step_status(row)
    started_at, ended_at = times.instant("startedAt"), times.instant("completedAt")
    duration_ms = times.number("durationMs")
    name = row.text("name") or row.text("stepName")
    return Step(
        id=step_id,
        name=name,
        kind=row.text("type"),
        status=status,
        raw_status=raw_status,
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=milliseconds_between(started_at, ended_at) if duration_ms is None else duration_ms,
        error=_step_error(row, status, name),
    )


def _step_error(row: Fields, status: StepStatus, name: str | None) -> RunError | None:
    """The provider cuts the text short; the run's own error has all of it."""
    value = row.json("error")
    error = row.child("error") if isinstance(value, dict) else None
    message = (row.text("error") if error is None else error.text("message")) or None
    if message is None and status is not StepStatus.FAILED:
        return None
    return RunError(code=ErrorCode.UNKNOWN, message=message, step_name=name)

"""The lists of a run, each of which stands inside the run or comes from an endpoint of its own."""

from collections.abc import Sequence

from adapters.errors import ErrorCode
from adapters.model import Json, RunError, RunEvent, RunFile, Step, WarningCode
from adapters.shapes import read, read_rows
from adapters.status import StepStatus
from adapters.wire import Fields, milliseconds_between

from .documents import EventRow, FileRow, Moments, StepRow
from .status import read_step_status

_EVENT_FIELDS = frozenset(EventRow.__struct_fields__)


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
    steps: list[tuple[int | None, Step]] = []
    seen: set[str] = set()
    for position, row in enumerate(holder.children(name), start=1):
        found = read(row, StepRow)
        step_id = found.id or found.step_execution_id or f"#{position}"
        if step_id in seen:
            row.warn(WarningCode.INCONSISTENT, "another step before this one has the same id", "id")
            continue
        seen.add(step_id)
        steps.append((found.order, _step(row, found, step_id)))
    ordered = [(order, step) for order, step in steps if order is not None]
    if len(ordered) == len(steps):
        return tuple(step for _, step in sorted(ordered, key=lambda entry: entry[0]))
    return tuple(step for _, step in steps)


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
    for position, file in read_rows(holder, name, FileRow):
        file_name = file.name or (file.path or "").rpartition("/")[2]
        if not file_name:
            path = f"{name}[{position}].name"
            holder.warn(WarningCode.VALUE_UNREADABLE, "a file without a name is left out", path)
            continue
        files.append(
            RunFile(
                name=file_name,
                role=file.role,
                path=file.path,
                content_type=file.content_type,
                size_bytes=file.size,
                step_name=file.step_name,
            )
        )
    return tuple(files)


def read_events(holder: Fields, name: str) -> tuple[RunEvent, ...]:
    """The events in a list; `attributes` is an object with `metadata` and whatever else an event has."""
    events: list[RunEvent] = []
    for row in holder.children(name):
        event = read(row, EventRow)
        attributes = {key: value for key, value in row.value.items() if key not in _EVENT_FIELDS}
        events.append(
            RunEvent(
                type=event.type,
                at=event.timestamp,
                status=event.status,
                message=event.message,
                attributes=attributes or None,
            )
        )
    return tuple(events)


def duration(times: Moments) -> float | None:
    """The duration that is reported, else the time between start and end, in milliseconds."""
    if times.duration_ms is not None:
        return times.duration_ms
    return milliseconds_between(times.started_at, times.completed_at)


def required_list(holder: Fields, name: str) -> Json:
    """The list under a name, as it is; BadResponse where there is none."""
    value = holder.json(name)
    if not isinstance(value, list):
        raise holder.bad("expected a list", name)
    return value  # pyright: ignore[reportUnknownVariableType]


def _step(row: Fields, found: StepRow, step_id: str) -> Step:
    times = found.timing or found
    status = read_step_status(row, found.status)
    name = found.name or found.step_name
    return Step(
        id=step_id,
        name=name,
        kind=found.type,
        status=status,
        raw_status=found.status,
        started_at=times.started_at,
        ended_at=times.completed_at,
        duration_ms=duration(times),
        error=_step_error(row, status, name),
    )


def _step_error(row: Fields, status: StepStatus, name: str | None) -> RunError | None:
    """The provider cuts the text short; the run's own error has all of it."""
    error = row.child("error") if isinstance(row.json("error"), dict) else None
    message = (row.text("error") if error is None else error.text("message")) or None
    if message is None and status is not StepStatus.FAILED:
        return None
    return RunError(code=ErrorCode.UNKNOWN, message=message, step_name=name)

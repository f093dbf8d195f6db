"""Eigenpal's status words, and the status of a run whose era of the API reports none."""

from typing import cast

from adapters.model import Json, WarningCode
from adapters.status import RunStatus, StatusSource, StatusTable, StepStatus
from adapters.wire import Fields

STATUSES = StatusTable(
    "eigenpal",
    {
        "created": RunStatus.QUEUED,
        "pending": RunStatus.QUEUED,
        "running": RunStatus.RUNNING,
        "finalizing": RunStatus.RUNNING,
        "waiting": RunStatus.WAITING,
        "completed": RunStatus.SUCCEEDED,
        "failed": RunStatus.FAILED,
        "cancelled": RunStatus.CANCELLED,
        "rejected": RunStatus.REJECTED,
    },
    RunStatus.UNKNOWN,
)

STEP_STATUSES = StatusTable(
    "eigenpal steps",
    {word: StepStatus(status.value) for word, status in STATUSES.words.items()} | {"skipped": StepStatus.SKIPPED},
    StepStatus.UNKNOWN,
)
"""The words of steps are not published: those of runs, and the usual one for a step that was passed over."""


def read_status(run: Fields, word: Json, *, row: bool) -> tuple[RunStatus, str | None, StatusSource]:
    """Status, the provider's word for it, and whether it was reported.

    `word` is `execution.status`. The seed's era has none: there the status is worked out from `finished`, `timing`,
    `error` and `output`. `row`: the document is a row of a listing, which never holds an output.
    """
    if word is None:
        return _derived(run, row=row), None, StatusSource.DERIVED
    if not isinstance(word, str):
        run.warn(WarningCode.STATUS_UNKNOWN, "the status is not a word", "execution.status")
        return RunStatus.UNKNOWN, None, StatusSource.REPORTED
    status = STATUSES.read(word)
    if status is RunStatus.UNKNOWN:
        run.warn(WarningCode.STATUS_UNKNOWN, "the status is not one that the provider documents", "execution.status")
    return status, word, StatusSource.REPORTED


def read_terminal(run: Fields, status: RunStatus, finished: Json) -> bool | None:
    """Whether the run has ended: what the status says, else `finished`, else None."""
    by_status = status.is_terminal
    if not isinstance(finished, bool):
        return by_status
    if by_status is not None and by_status is not finished:
        run.warn(WarningCode.INCONSISTENT, "contradicts the status, which is taken to be right", "finished")
    return finished if by_status is None else by_status


def read_step_status(step: Fields, word: str | None) -> StepStatus:
    if word is None:
        return StepStatus.UNKNOWN
    status = STEP_STATUSES.read(word)
    if status is StepStatus.UNKNOWN:
        step.warn(WarningCode.STATUS_UNKNOWN, "this status of a step is not known", "status")
    return status


def _derived(run: Fields, *, row: bool) -> RunStatus:
    """Also a time that can't be read says that something happened."""
    finished = run.boolean("finished")
    if finished is None:
        return RunStatus.UNKNOWN
    timing = run.json("timing")
    times = cast("dict[str, Json]", timing) if isinstance(timing, dict) else {}
    cancel_requested = times.get("cancelRequestedAt") is not None
    if not finished:
        if cancel_requested:
            return RunStatus.CANCELLING
        return RunStatus.QUEUED if times.get("startedAt") is None else RunStatus.RUNNING
    failed = run.json("error") not in (None, "")
    if not cancel_requested:
        return RunStatus.FAILED if failed else RunStatus.SUCCEEDED
    if failed:
        return RunStatus.CANCELLED
    if run.json("output") is not None:
        return RunStatus.SUCCEEDED
    # Only the output tells a run that was cancelled from one that finished first, and rows don't show it.
    return RunStatus.UNKNOWN if row else RunStatus.CANCELLED

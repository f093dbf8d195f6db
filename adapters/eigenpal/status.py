"""Eigenpal's status words, and the status of a run whose era of the API reports none."""

from adapters.model import WarningCode
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


def read_status(
    run: Fields, execution: Fields, timing: Fields, *, row: bool
) -> tuple[RunStatus, str | None, StatusSource]:
    """Status, the provider's word for it, and whether it was reported.

    `execution.status` where there is one. The seed's era has none: there it is worked out from `finished`, `timing`,
    `error` and `output`. `row`: the document is a row of a listing, which never holds an output.
    """
    value = execution.json("status")
    if value is None:
        return _derived(run, timing, row=row), None, StatusSource.DERIVED
    if not isinstance(value, str):
        execution.warn(WarningCode.STATUS_UNKNOWN, "the status is not a word", "status")
        return RunStatus.UNKNOWN, None, StatusSource.REPORTED
    status = STATUSES.read(value)
    if status is RunStatus.UNKNOWN:
        execution.warn(WarningCode.STATUS_UNKNOWN, "the status is not one that the provider documents", "status")
    return status, value, StatusSource.REPORTED


def read_terminal(run: Fields, status: RunStatus) -> bool | None:
    """Whether the run has ended: what the status says, else `finished`, else None."""
    by_status, finished = status.is_terminal, run.json("finished")
    if not isinstance(finished, bool):
        return by_status
    if by_status is not None and by_status is not finished:
        run.warn(WarningCode.INCONSISTENT, "contradicts the status, which is taken to be right", "finished")
    return finished if by_status is None else by_status


def read_step_status(step: Fields) -> tuple[StepStatus, str | None]:
    """A step's status and the provider's word for it."""
    word = step.text("status")
    if word is None:
        return StepStatus.UNKNOWN, None
    status = STEP_STATUSES.read(word)
    if status is StepStatus.UNKNOWN:
        step.warn(WarningCode.STATUS_UNKNOWN, "this status of a step is not known", "status")
    return status, word


def _derived(run: Fields, timing: Fields, *, row: bool) -> RunStatus:
    finished = run.boolean("finished")
    if finished is None:
        return RunStatus.UNKNOWN
    cancel_requested = timing.json("cancelRequestedAt") is not None
    if not finished:
        if cancel_requested:
            return RunStatus.CANCELLING
        return RunStatus.QUEUED if timing.json("startedAt") is None else RunStatus.RUNNING
    failed = run.json("error") not in (None, "")
    if not cancel_requested:
        return RunStatus.FAILED if failed else RunStatus.SUCCEEDED
    if failed:
        return RunStatus.CANCELLED
    if run.json("output") is not None:
        return RunStatus.SUCCEEDED
    # Only the output tells a run that was cancelled from one that finished first, and rows don't show it.
    return RunStatus.UNKNOWN if row else RunStatus.CANCELLED

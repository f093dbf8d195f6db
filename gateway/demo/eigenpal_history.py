"""Which runs the simulated Eigenpal tenant has: thirty days of history, and those that run while somebody watches."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .eigenpal_automations import AUTOMATIONS, BY_ID
from .eigenpal_data import build
from .eigenpal_run import NOT_STARTED, Plan, SimulatedRun
from .history import LiveRun, Moments, history, live_run, live_runs, seeded

COUNT: Final = 192
IN_PROGRESS: Final = (
    "running", "pending", "waiting", "finalizing", "created", "running", "pending", "waiting", "created", "finalizing",
    "waiting",
)  # fmt: skip
"""Status of the newest runs of the history, which stay as they are: a run can be slow."""
RETRIED: Final = (30, 75, 120, 165)
"""Runs that failed and were tried again, twice."""
PARENTS: Final = (42, 87, 132)
"""Runs with an invoke-workflow step that started another run."""
EXPERIMENTS: Final = {"batch_eval_1": range(60, 70), "batch_eval_2": range(140, 150)}
LONG_WAIT: Final = (25, 52)
OLD: Final = timedelta(days=29)
"""Runs older than this are from before usage was recorded."""

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LIVE: Final = "exec_LIVE"


def past_runs(anchor: datetime) -> list[SimulatedRun]:
    """The runs of the history, in no particular order."""
    runs = [build(plan) for plan in _plans(anchor)]
    for run in runs:
        if anchor - run.created > OLD:
            run.body["usage"] = None
    return runs


def _plans(anchor: datetime) -> Iterator[Plan]:
    batches = {index: batch for batch, indexes in EXPERIMENTS.items() for index in indexes}
    for index, moments in enumerate(history("eigenpal", anchor, COUNT)):
        random = seeded("eigenpal", "plan", index)
        automation = random.choice(AUTOMATIONS)
        status = random.choices(("completed", "failed", "cancelled", "rejected"), (78, 13, 5, 4))[0]
        if index < len(IN_PROGRESS):
            status = IN_PROGRESS[index]
        elif index in LONG_WAIT:
            status = "waiting"
        plan = Plan(
            _id(moments.created, index), automation, moments, status, random.uniform(0.3, 0.9), batches.get(index)
        )
        if index in RETRIED:
            yield from _retry_chain(replace(plan, status="failed"))
        elif index in PARENTS:
            yield from _family(replace(plan, status="completed", automation=BY_ID["wf_kyc"]))
        else:
            yield plan


def _retry_chain(first: Plan) -> Iterator[Plan]:
    """The failed run, a retry that failed too, and one that completed, each a few seconds after the one before."""
    lasted = first.moments.ended - first.moments.created
    plans = [first]
    for number in (1, 2):
        moments = _shifted(first.moments, (lasted + timedelta(seconds=5)) * number)
        status = "completed" if number == 2 else "failed"
        plans.append(replace(first, id=_id(moments.created, number), moments=moments, status=status))
    for number, plan in enumerate(plans):
        later = plans[number + 1] if number < 2 else None
        yield replace(
            plan,
            retry={
                "number": number,
                "previousRunId": plans[number - 1].id if number else None,
                "nextRun": {"id": later.id, "status": later.status} if later else None,
            },
        )


def _family(parent: Plan) -> Iterator[Plan]:
    span = parent.moments.ended - parent.moments.started
    created = parent.moments.started + span / 4
    moments = Moments(created, created + span / 20, created + span / 5)
    child = Plan(_id(created, 1), BY_ID["wf_archive"], moments, "completed", parent=parent.id)
    yield replace(parent, children=((child.id, child.status),))
    yield child


def live(anchor: datetime, now: datetime) -> list[SimulatedRun]:
    """The newest live runs as they stand at `now`, newest first."""
    return [_live(run) for run in live_runs(anchor, now)]


def live_by_id(anchor: datetime, now: datetime, run_id: str) -> SimulatedRun | None:
    """One live run as it stands at `now`; None when it isn't one's id or it hasn't been created yet."""
    digits = run_id.removeprefix(_LIVE)
    if digits == run_id or len(digits) > 12 or not (digits.isascii() and digits.isdecimal()):
        return None
    if _live_id(int(digits)) != run_id:
        return None
    run = live_run(anchor, now, int(digits))
    return None if run is None else _live(run)


def _live(run: LiveRun) -> SimulatedRun:
    """Pending, running, finalizing, then completed; every fifth fails and every seventh waits for somebody midway."""
    moments, number = run.moments, run.number
    if run.progress >= 1:
        status = "failed" if number % 5 == 4 else "completed"
    elif run.seen < moments.started:
        status = "pending"
    elif number % 7 == 6 and 0.4 <= run.progress < 0.7:
        status = "waiting"
    else:
        status = "finalizing" if run.progress >= 0.9 else "running"
    automation = AUTOMATIONS[number % len(AUTOMATIONS)]
    progress = 0.0 if status in NOT_STARTED else run.progress
    return build(Plan(_live_id(number), automation, moments, status, progress))


def _live_id(number: int) -> str:
    return f"{_LIVE}{number:06d}"


def _id(created: datetime, salt: int) -> str:
    """An id that sorts by creation, as the provider's do."""
    value, text = int(created.timestamp() * 1000), ""
    for _ in range(9):
        value, digit = divmod(value, 32)
        text = _DIGITS[digit] + text
    random = seeded("eigenpal", "id", text, salt)
    return f"exec_0{text}{''.join(random.choices(_DIGITS, k=4))}"


def _shifted(moments: Moments, by: timedelta) -> Moments:
    return Moments(moments.created + by, moments.started + by, moments.ended + by)

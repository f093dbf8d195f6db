"""Bridge Town runs as that provider would hold them: four projects of models run in a sandbox, made from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from .history import LiveRun, Moments, history, live_run, live_runs, live_uuid, random_uuid, seeded

Document = dict[str, Any]

COUNT: Final = 176
STATUSES: Final = ("pending", "running", "success", "failed", "timed_out", "cancelled")
PROJECTS: Final[Sequence[str]] = ("forecasts", "headcount-plan", "ledger", "pricing")
TIME_LIMIT: Final = timedelta(minutes=5)
NAME: Final = "bridgetown"
_IN_PROGRESS: Final = ("running", "pending", "running", "pending")
"""Status of the newest runs of the history, which stay as they are."""


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """One run. `id` is its full UUID, `document` what `get_run` returns."""

    id: str
    created: datetime
    document: Document
    project: str

    @property
    def row(self) -> Document:
        """The run as `list_runs` returns it."""
        keys = ("run_number", "status", "commit_sha", "started_at", "finished_at")
        row = {key: self.document[key] for key in keys if key in self.document}
        return {"run_id": self.id, **row, "created_at": iso(self.created)}


def iso(instant: datetime) -> str:
    """ISO 8601 with `+00:00`, and microseconds where there are any."""
    return instant.isoformat()


def past_runs(anchor: datetime) -> list[SimulatedRun]:
    """The runs of the history, newest first."""
    moments = history(NAME, anchor, COUNT)
    projects = [seeded(NAME, "project", index).choices(PROJECTS, (48, 24, 18, 10))[0] for index in range(len(moments))]
    runs: list[SimulatedRun] = []
    for index, (when, project) in enumerate(zip(moments, projects, strict=True)):
        random = seeded(NAME, index)
        run_id = random_uuid(random)
        status = random.choices(("success", "failed", "timed_out", "cancelled"), (75, 12, 6, 7))[0]
        status = _IN_PROGRESS[index] if index < len(_IN_PROGRESS) else status
        runs.append(build(run_id, project, when, status, projects[index:].count(project)))
    return runs


def build(run_id: str, project: str, moments: Moments, status: str, number: int) -> SimulatedRun:
    """A run of this status; those in progress have no number yet, and a commit only once they run."""
    random = seeded(NAME, run_id)
    commit = f"{random.getrandbits(160):040x}"
    if random.random() < 0.5:
        moments = Moments(
            moments.created, *(moment.replace(microsecond=0) for moment in (moments.started, moments.ended))
        )
    moments = Moments(moments.created, max(moments.created, moments.started), moments.ended)
    ended = moments.started + TIME_LIMIT if status == "timed_out" else moments.ended
    over = status not in ("pending", "running")
    document: Document = {
        "run_id": run_id,
        "run_number": number if over else None,
        "project_name": project,
        "status": status,
        "commit_sha": commit if over else None,
        "started_at": iso(moments.started) if status != "pending" else None,
        "finished_at": iso(ended) if over else None,
        "error_message": _error(status, random),
        "output": output(random) if status == "success" else None,
        "truncated": False,
    }
    return SimulatedRun(run_id, moments.created, document, project)


def output(random: Random) -> Document:
    """What a successful run leaves."""
    rows = random.randint(2, 60)
    return {
        "status": "success",
        "exit_code": 0,
        "stdout": f"read {rows} rows\ndone\n",
        "stderr": random.choice(("", "", "warning: 1 row has no owner\n")),
        "outputs": {"plan.json": {f"q{quarter}": random.randint(5, 90) for quarter in (1, 2, 3, 4)}},
    }


def _error(status: str, random: Random) -> str | None:
    return {
        "failed": random.choice(("KeyError: 'growth'", "model exited with code 1", "input data.csv: no such file")),
        "timed_out": "execution exceeded 300 seconds",
        "cancelled": "cancelled by a user",
    }.get(status)


def live(anchor: datetime, now: datetime) -> list[SimulatedRun]:
    """The newest live runs as they stand at `now`, newest first."""
    return [_live(run) for run in live_runs(anchor, now)]


def live_by_number(anchor: datetime, now: datetime, number: int) -> SimulatedRun | None:
    """One live run as it stands at `now`; None when it hasn't been created yet."""
    run = live_run(anchor, now, number)
    return None if run is None else _live(run)


def _live(run: LiveRun) -> SimulatedRun:
    """Pending, running, then success; every fourth fails."""
    if run.progress >= 1:
        status = "failed" if run.number % 4 == 3 else "success"
    else:
        status = "pending" if run.seen < run.moments.started else "running"
    project = PROJECTS[run.number // 2 % len(PROJECTS)]
    return build(live_uuid(NAME, run.number), project, run.moments, status, 1000 + run.number)

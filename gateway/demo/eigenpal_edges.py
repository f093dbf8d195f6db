"""Eigenpal runs that are odd in one way each: what a reader of that API has to survive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from .eigenpal_automations import BY_ID
from .eigenpal_data import build
from .eigenpal_run import Document, Plan, SimulatedRun
from .history import Moments

_AGE: Final = timedelta(days=12)
_LASTED: Final = timedelta(seconds=8)

ODD_PATHS: Final = (
    "output/a folder/report 1.pdf",
    "output/Übersicht/日本語 #1?.json",
    "output/../secret.txt",
    "output/100%/a+b&c.json",
)
"""Artifact paths of the run "odd-paths"."""

Change = Callable[[SimulatedRun], SimulatedRun]


@dataclass(frozen=True, slots=True)
class Edge:
    """One odd run: what is changed about an ordinary one.

    `accepted`: whether the provider's own client accepts it, hence whether the provider could send it on purpose.
    """

    change: Change
    accepted: bool = True
    status: str = "completed"
    automation: str = "wf_po"


def edge_runs(anchor: datetime) -> dict[str, SimulatedRun]:
    """The odd runs by the name of what is odd about them; all were created within a few hours of each other."""
    runs: dict[str, SimulatedRun] = {}
    for number, (name, edge) in enumerate(EDGES.items()):
        created = anchor - _AGE - timedelta(minutes=7) * number
        started = created + timedelta(seconds=1)
        moments = Moments(created, started, started + _LASTED)
        runs[name] = edge.change(build(Plan(f"exec_edge_{name}", BY_ID[edge.automation], moments, edge.status)))
    return runs


def _set(*path: str, to: Any) -> Change:
    """Sets the value at a path of the document."""

    def change(run: SimulatedRun) -> SimulatedRun:
        target = run.body
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = to
        return run

    return change


def _without(*keys: str) -> Change:
    """Removes keys of the document."""

    def change(run: SimulatedRun) -> SimulatedRun:
        for key in keys:
            del run.body[key]
        return run

    return change


def _all(*changes: Change) -> Change:
    def change(run: SimulatedRun) -> SimulatedRun:
        for one in changes:
            run = one(run)
        return run

    return change


def _with_odd_paths(run: SimulatedRun) -> SimulatedRun:
    contents = {path: f"content of {path}".encode() for path in ODD_PATHS}
    rows: list[Document] = [
        {"name": path.rpartition("/")[2], "role": "output", "path": path, "contentType": None, "size": None}
        for path in ODD_PATHS
    ]
    run.body["files"] = rows
    return replace(run, artifacts=rows, contents=contents, stored=frozenset(ODD_PATHS[1:2]))


def _with_odd_steps(run: SimulatedRun) -> SimulatedRun:
    """Rows with other key names, with a parent, with next to nothing, and one that is no object."""
    rows: list[Any] = [
        {"stepExecutionId": "s1", "stepName": "outer", "status": "completed", "startedAt": None, "completedAt": None},
        {"id": "s2", "name": "inner", "parentId": "s1", "status": "resting", "durationMs": 12.5},
        {"name": "nameless"},
        "not a step",
    ]
    run.body["execution"]["steps"] = rows
    return replace(run, steps=rows)


def _minimal(run: SimulatedRun) -> SimulatedRun:
    return replace(run, body={"id": run.body["id"]}, steps=(), artifacts=(), contents={}, stored=frozenset())


_HUGE: Final = {"input": 5_000_000_000_000, "output": 2**31, "cacheRead": 2**53 + 1, "cacheWrite": 0}

EDGES: Final[Mapping[str, Edge]] = {
    "null-usage": Edge(_set("usage", to=None)),
    "failed-without-error": Edge(_set("error", to=None), status="failed"),
    "rejected-with-error": Edge(_set("error", to="rejected: supplier is unknown"), status="rejected"),
    "cancelled-with-error": Edge(_set("error", to="cancelled by ida@example.com"), status="cancelled"),
    "completed-without-output": Edge(_set("output", to=None)),
    "completed-without-files": Edge(_without("files", "output")),
    "schema-invalid": Edge(_set("execution", "schemaValid", to=False)),
    "float-duration": Edge(_set("timing", "durationMs", to=7000.0)),
    "never-started": Edge(
        _all(_set("timing", "startedAt", to=None), _set("timing", "durationMs", to=None), _set("usage", to=None)),
        status="failed",
    ),
    "finished-but-running": Edge(_set("finished", to=True), status="running"),
    "completed-but-unfinished": Edge(_set("finished", to=False)),
    "cancel-requested": Edge(_set("timing", "cancelRequestedAt", to="2026-04-12T11:00:30Z"), status="running"),
    "huge-tokens": Edge(_set("usage", "tokens", to=_HUGE)),
    "null-tokens": Edge(_set("usage", "tokens", to=dict.fromkeys(_HUGE))),
    "zero-usage": Edge(
        _all(
            _set("usage", "tokens", to=dict.fromkeys(_HUGE, 0)),
            _set("usage", "creditsCharged", to=0),
            _set("usage", "llmCallCount", to=0),
        )
    ),
    "small-credits": Edge(_set("usage", "creditsCharged", to=0.1)),
    "odd-paths": Edge(_with_odd_paths),
    "odd-steps": Edge(_with_odd_steps),
    "odd-times": Edge(
        _all(
            _set("timing", "startedAt", to="2026-04-12T11:00:30"),
            _set("timing", "completedAt", to="2026-04-12 13:00:31.123456789+02:00"),
        )
    ),
    "gone-source": Edge(
        _set(
            "source",
            to={"id": "wf_gone", "name": None, "version": None, "automationFound": False},
        )
    ),
    "unicode-output": Edge(_set("output", to={"наименование": "Ærø \u2028 \U0001f600", "empty": {}, "nested": [[[]]]})),
    "long-error": Edge(_set("error", to="E" * 20_000), status="failed"),
    "extra-fields": Edge(_set("execution", "somethingNew", to={"a": 1})),
    "expanded-unasked": Edge(lambda run: replace(run, expands_unasked=True)),
    "unknown-status": Edge(_set("execution", "status", to="archived"), accepted=False),
    "unknown-status-unfinished": Edge(
        _all(
            _set("execution", "status", to="hibernating"),
            _set("finished", to=False),
            _set("timing", "completedAt", to=None),
        ),
        accepted=False,
    ),
    "odd-case-status": Edge(_set("execution", "status", to=" Completed "), accepted=False),
    "null-status": Edge(_set("execution", "status", to=None), accepted=False),
    "number-status": Edge(_set("execution", "status", to=7), accepted=False),
    "unknown-type": Edge(_set("type", to="pipeline"), accepted=False),
    "no-execution": Edge(_without("execution"), accepted=False),
    "null-execution": Edge(_set("execution", to=None), accepted=False),
    "no-usage": Edge(_without("usage", "debug", "input")),
    "odd-types": Edge(
        _all(
            _set("tags", to="priority"),
            _set("sampleRank", to="high"),
            _set("timing", "durationMs", to="fast"),
            _set("timing", "completedAt", to=1775991631),
            _set("usage", "tokens", "input", to="1200"),
            _set("usage", "tokens", "output", to=-5),
            _set("usage", "creditsCharged", to="NaN"),
            _set("error", to={"message": "an object"}),
            _set("files", to={"name": "not a list"}),
            _set("trigger", to=None),
            _set("debug", to=[]),
        ),
        accepted=False,
    ),
    "empty-sections": Edge(
        _all(*(_set(key, to={}) for key in ("timing", "source", "trigger", "execution", "usage", "input", "debug"))),
        accepted=False,
    ),
    "minimal": Edge(_minimal, accepted=False),
    "agent": Edge(lambda run: run, automation="agt_7"),
    "no-steps-in-execution": Edge(lambda run: run, automation="wf_archive"),
}  # fmt: skip
"""What is odd, by name; a run's id is "exec_edge_" and the name."""

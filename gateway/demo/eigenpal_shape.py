"""What each of Eigenpal's replies shows of a run, in the shape of each era of its API."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .eigenpal_run import NOT_STARTED, Document, SimulatedRun, section
from .history import zulu

SECTIONS: Final = frozenset({"input", "usage", "execution", "debug"})
"""What `expand` knows."""
CANCEL_TAKES: Final = timedelta(seconds=2)
"""From the request to cancel a run in progress to its status being "cancelled"."""
_SLIM_EXECUTION: Final = ("status", "schemaValid", "batchId", "retry", "somethingNew", "humanReview")
_ROW: Final = (
    "id", "type", "finished", "sampleRank", "timing", "source", "trigger", "execution", "tags", "parentExecutionId",
    "eval", "error",
)  # fmt: skip
_SOURCE_DETAIL: Final = frozenset({"implementationAvailable", "automationFound", "currentVersion"})


def with_sections(run: SimulatedRun, sections: frozenset[str]) -> Document:
    """The reply of `/runs/{id}`: sections not asked for are absent, and `execution` is its slim form."""
    body = {key: value for key, value in run.body.items() if key not in SECTIONS or key in sections}
    if "execution" in run.body and "execution" not in sections:
        body["execution"] = run.body["execution"] if run.expands_unasked else _slim_execution(run.body["execution"])
    return body


def list_row(run: SimulatedRun) -> Document:
    """The run as `/runs` lists it."""
    slim = with_sections(run, frozenset())
    row = {key: slim[key] for key in _ROW if key in slim}
    if "source" in row:
        row["source"] = {key: value for key, value in section(row, "source").items() if key not in _SOURCE_DETAIL}
    return row


def seed_shape(body: Document) -> Document:
    """The same without what later eras added."""
    body = {key: value for key, value in body.items() if key not in ("tags", "parentExecutionId")}
    if execution := section(body, "execution"):
        body["execution"] = {key: value for key, value in execution.items() if key not in ("status", "humanReview")}
    return body


def _slim_execution(full: Document | None) -> Document | None:
    if full is None:
        return None
    slim = {key: full[key] for key in _SLIM_EXECUTION if key in full}
    if "review" in full:
        review = full["review"]
        slim["review"] = review and {
            "verdict": review["verdict"],
            "status": review["status"],
            "hasNote": bool(review["note"]),
            "correctionCount": len(review["corrections"]),
        }
    return slim


def events(run: SimulatedRun) -> Document:
    """The reply of `/events`: the run's life so far."""
    timing = section(run.body, "timing")
    told = (
        ("run.created", "createdAt", "created", None),
        ("run.started", "startedAt", "running", None),
        ("run.cancel_requested", "cancelRequestedAt", None, "asked by a user"),
        ("run.finished", "completedAt", run.status, None),
    )
    rows: list[Document] = []
    for kind, key, status, message in told:
        if isinstance(timestamp := timing.get(key), str):
            row: Document = {"type": kind, "timestamp": timestamp}
            row |= {"status": status} if status is not None else {}
            row |= {"message": message} if message is not None else {}
            rows.append(row)
    return {"events": rows}


def trace(run: SimulatedRun) -> Document:
    """The reply of `/trace`: a workflow's steps as phases; an agent's turns."""
    turns = range(section(run.body, "usage").get("agentTurns", 0))
    if turns:
        return {"events": [{"type": "turn", "message": f"turn {turn + 1}", "turn": turn} for turn in turns]}
    return {
        "events": [
            {
                "phase": "execute",
                "stepName": step["name"],
                "status": step["status"],
                "startedAt": step["startedAt"],
                "completedAt": step["completedAt"],
            }
            for step in run.steps
            if "name" in step and "startedAt" in step
        ]
    }


def as_cancelled(run: SimulatedRun, requested: datetime, now: datetime) -> SimulatedRun:
    """A run that was in this state when somebody asked to cancel it, as it stands at `now`."""
    body = deepcopy(run.body)
    ended = requested if run.status in NOT_STARTED else requested + CANCEL_TAKES
    body["timing"]["cancelRequestedAt"] = zulu(requested, "milliseconds")
    if now < ended:
        return replace(run, body=body)
    body["finished"] = True
    body["timing"]["completedAt"] = zulu(ended, "milliseconds")
    body["execution"]["status"] = "cancelled"
    body["execution"]["humanReview"] = None
    steps = [
        {**step, "status": "cancelled"} if step["status"] in ("running", "waiting") else step for step in run.steps
    ]
    if "steps" in body["execution"]:
        body["execution"]["steps"] = steps
    return replace(run, body=body, steps=steps)

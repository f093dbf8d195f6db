"""Bridge Town runs that are odd in one way each: what a reader of that provider has to survive."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from .bridgetown_data import NAME, Document, SimulatedRun, build
from .history import Moments, random_uuid, seeded

PROJECT: Final = "ledger"
"""The project that has the odd runs."""
SHARED_PREFIX: Final = "abcdef01-2345"
"""How the ids of "shared-prefix-a" and "shared-prefix-b" begin, and those of no other runs."""
_AGE: Final = timedelta(days=12)

Change = Callable[[Document], None]


def edge_runs(anchor: datetime) -> dict[str, SimulatedRun]:
    """The odd runs by the name of what is odd about them."""
    runs: dict[str, SimulatedRun] = {}
    for number, (name, (status, change)) in enumerate(EDGES.items()):
        run_id = random_uuid(seeded(NAME, "edge", name))
        if name.startswith("shared-prefix"):
            run_id = SHARED_PREFIX + run_id[len(SHARED_PREFIX) :]
        created = anchor - _AGE - timedelta(minutes=9) * number
        moments = Moments(created, created + timedelta(seconds=1), created + timedelta(seconds=13))
        run = build(run_id, PROJECT, moments, status, 500 + number)
        change(run.document)
        runs[name] = run
    return runs


def _set(**values: Any) -> Change:
    return lambda document: document.update(values)


def _set_output(**values: Any) -> Change:
    return lambda document: document["output"].update(values)


def _cut(document: Document) -> None:
    """The output as text, cut in the middle of its JSON."""
    text = json.dumps(document["output"])
    document |= {"output": text[: len(text) // 2], "truncated": True}


def _only_id(document: Document) -> None:
    for key in list(document):
        if key != "run_id":
            del document[key]


def _without(key: str) -> Change:
    def change(document: Document) -> None:
        del document[key]

    return change


def _as_it_is(_: Document) -> None:
    pass


EDGES: Final[Mapping[str, tuple[str, Change]]] = {
    "truncated-text": ("success", _cut),
    "truncated-object": ("success", _set(output={"status": "success", "stdout": "row 1\nrow 2"}, truncated=True)),
    "nonzero-exit": ("success", _set_output(exit_code=3, stderr="3 checks failed\n")),
    "null-run-number": ("success", _set(run_number=None)),
    "null-commit": ("success", _set(commit_sha=None)),
    "short-commit": ("success", _set(commit_sha="aa11")),
    "microseconds": (
        "success",
        _set(started_at="2026-05-20T07:30:00.000001+00:00", finished_at="2026-05-20T07:30:02.318000+00:00"),
    ),
    "null-output": ("success", _set(output=None)),
    "text-output": ("success", _set(output="42 rows\n")),
    "list-output": ("success", _set(output=[1, {"a": 2}])),
    "zero-output": ("success", _set(output=0)),
    "bare-output": ("success", _set(output={})),
    "odd-output": ("success", _set(output={"exit_code": "1", "stdout": None, "stderr": ["x"], "outputs": "none"})),
    "unicode-output": (
        "success",
        _set_output(stdout="Ærø \u2028 \U0001f600\n", outputs={"résumé.json": {"q": "日本"}}),
    ),
    "large-output": ("success", _set_output(stdout="x" * 1_000_000)),
    "failed-without-message": ("failed", _set(error_message=None)),
    "success-with-message": ("success", _set(error_message="1 warning")),
    "cancelled-before-start": ("cancelled", _set(started_at=None, run_number=None, commit_sha=None)),
    "unknown-status": ("success", _set(status="archived")),
    "odd-case-status": ("timed_out", _set(status=" Timed-Out ")),
    "null-status": ("success", _set(status=None)),
    "no-status": ("success", _without("status")),
    "odd-times": ("success", _set(started_at="2026-05-20T07:30:00", finished_at=1779262202)),
    "odd-types": ("success", _set(run_number="41", truncated="no", project_name=None, error_message={"a": 1})),
    "extra-fields": ("success", _set(branch="main", nested={"deep": [1]})),
    "minimal": ("success", _only_id),
    "no-run-id": ("success", _without("run_id")),
    "shared-prefix-a": ("success", _as_it_is),
    "shared-prefix-b": ("failed", _as_it_is),
}
"""Status and what is changed about an ordinary run, by the name of what is odd about it."""

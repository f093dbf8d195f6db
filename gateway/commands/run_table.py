"""Runs as a table."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from .tables import Column, Table, fit
from .text import NONE, clean, duration, short_moment, zone_name

Row = Mapping[str, Any]

_STYLES = {
    "SUCCEEDED": "green",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "REJECTED": "red",
    "WAITING": "yellow",
    "CANCELLING": "yellow",
    "CANCELLED": "dim",
    "RUNNING": "cyan",
    "QUEUED": "blue",
}
SHORTEST_ID, GOOD_ID = 24, 90
TIME_WIDTH = 14


def status_text(status: str) -> Text:
    """A status of a run or a step in its colour."""
    return Text(status, _STYLES.get(status, "magenta"))


def run_table(runs: Sequence[Row], zone: ZoneInfo, width: int | None, marks: Mapping[str, str] | None = None) -> Table:
    """A table of at most `width` cells; None shows every column whole.

    `marks` has what stands before a run, by id. On a terminal the id says which provider it is; its column is among
    the first to go.
    """

    def column(header: str, of: Callable[[Row], str | Text], **looks: Any) -> Column:
        values = [of(run) for run in runs]
        return Column(header, [Text(value) if isinstance(value, str) else value for value in values], **looks)

    year, created = datetime.now(zone).year, f"created ({zone_name(zone)})"
    if width is not None and len(created) > TIME_WIDTH:
        created = zone_name(zone)
    columns = [
        column(created, lambda run: short_moment(run["createdAt"], zone, year), least=TIME_WIDTH),
        column("status", lambda run: status_text(run["status"])),
        column("provider", lambda run: clean(run["provider"]["name"]), rank=6),
        column("kind", lambda run: run["kind"], rank=5),
        column("target", _target, rank=2, least=12),
        column("took", lambda run: duration(run["durationMs"]), rank=1, right=True),
        column("initiator", _initiator, rank=4, least=8),
        column("id", lambda run: clean(run["id"]), least=SHORTEST_ID, good=GOOD_ID, middle=True),
    ]
    if marks is not None:
        columns.insert(0, column("", lambda run: Text(marks.get(run["id"], " "), "bold")))
    return fit(columns, width)


def _target(run: Row) -> str:
    target = run["target"]
    return NONE if target is None else clean(target["name"] or target["id"] or NONE)


def _initiator(run: Row) -> str:
    actor = run["initiator"]
    if actor is None:
        return NONE
    return clean(actor["name"] or actor["email"] or actor["id"] or actor["kind"].lower())

"""A usage report as a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from .tables import Column, Table, fit
from .text import NONE, amount, clean, whole, zone_name

Row = Mapping[str, Any]

DIMENSIONS = ("provider", "target", "status", "kind", "model", "initiator", "tag")
BUCKETS = ("hour", "day", "week", "month")

_BUCKET_FORMATS = {"hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes a row of a report."""

    dimensions: Sequence[str]
    bucket: str | None

    def bucket_text(self, start: datetime | None) -> str:
        """A time bucket in words; `start` is in the report's time zone. Of an hour that comes twice it says which."""
        if start is None or self.bucket is None:
            return NONE
        comes_twice = self.bucket == "hour" and start.replace(fold=0).utcoffset() != start.replace(fold=1).utcoffset()
        return start.strftime(_BUCKET_FORMATS[self.bucket] + ("%z" if comes_twice else ""))

    def label(self, row: Row) -> str:
        """The values of the dimensions."""
        return " ".join(clean(str(row[name] or NONE)) for name in self.dimensions)


def start_of(row: Row, zone: ZoneInfo) -> datetime | None:
    """When a row's time bucket starts."""
    start: str | None = row["bucketStart"]
    return None if start is None else datetime.fromisoformat(start).astimezone(zone)


def usage_table(report: Row, grouping: Grouping, zone: ZoneInfo, width: int | None) -> Table:
    """A row a group, the total last. Figures of which some runs report none say how many do."""
    rows: Sequence[Row] = report["rows"]
    table = fit([*_keys(rows, grouping, zone), *_figures([*rows, report["total"]])], width)
    lines = list(table.lines)
    rule = Text("─" * max(line.cell_len for line in lines), "dim", no_wrap=True, overflow="crop")
    lines.insert(len(lines) - 1, rule)
    return replace(table, lines=lines)


def _keys(rows: Sequence[Row], grouping: Grouping, zone: ZoneInfo) -> Iterator[Column]:
    keys: list[tuple[str, Callable[[Row], str]]] = []
    if grouping.bucket:
        keys.append((f"{grouping.bucket} ({zone_name(zone)})", lambda row: grouping.bucket_text(start_of(row, zone))))
    keys += [(name, _value_of(name)) for name in grouping.dimensions]
    for place, (header, of) in enumerate(keys):
        total = Text("total" if place == 0 else "", "bold")
        yield Column(header, [*(Text(of(row)) for row in rows), total], least=12)
    if not keys:
        yield Column("", [*(Text() for _ in rows), Text("total", "bold")])


def _value_of(name: str) -> Callable[[Row], str]:
    return lambda row: clean(str(row[name] or NONE))


def _figures(rows: Sequence[Row]) -> Iterator[Column]:
    """The columns of numbers. What most ask for stays longest on a narrow terminal."""

    def column(header: str, of: Callable[[Row], str], rank: int = 0) -> Column:
        return Column(header, [Text(of(row)) for row in rows], rank=rank, right=True)

    def coverage(name: str, rank: int) -> Iterator[Column]:
        """How many of the runs report a figure, where some do and some don't."""
        if rows[-1][name] > 0 and any(row[name] < row["runs"] for row in rows):
            yield column("reported", lambda row: f"{whole(row[name])}/{whole(row['runs'])}", rank)

    yield column("runs", lambda row: whole(row["runs"]))
    for header, key, rank in (("input", "inputTokens", 6), ("output", "outputTokens", 7), ("tokens", "totalTokens", 0)):
        yield column(header, lambda row, key=key: whole(row[key]), rank)
    yield from coverage("runsReportingTokens", 3)
    for unit in units(rows, "costs", "currency"):
        yield column(clean(unit), lambda row, unit=unit: amount_in(row, "costs", "currency", unit), 1)
    yield from coverage("runsReportingCost", 4)
    for unit in units(rows, "credits", "provider"):
        yield column(f"{clean(unit)} credits", lambda row, unit=unit: amount_in(row, "credits", "provider", unit), 2)
    yield from coverage("runsReportingCredits", 5)
    if rows[-1]["modelCalls"] is not None:
        yield column("model calls", lambda row: whole(row["modelCalls"]), 8)


def units(rows: Sequence[Row], figure: str, unit: str) -> Sequence[str]:
    """The currencies of costs, or the providers of credits: amounts of different ones are never added."""
    return sorted({entry[unit] for row in rows for entry in row[figure]})


def amount_in(row: Row, figure: str, unit: str, wanted: str) -> str:
    """A row's amount in one unit."""
    return next((amount(entry["amount"]) for entry in row[figure] if entry[unit] == wanted), NONE)

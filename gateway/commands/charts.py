"""Bar charts in a terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from .tables import GAP
from .text import NONE, clean
from .usage_table import Grouping, Row, start_of, units

FIGURES = ("tokens", "cost", "credits", "runs")

OVERLAPPING = frozenset({"tag"})
"""Dimensions that put a run into several rows, so that the rows of a time bucket can't be added up."""

MAX_LABEL = 40
LEAST_BAR = 10
MOST_BAR = 80
MAX_FILLED = 1000
_EIGHTHS = " ▏▎▍▌▋▊▉"

Bars = Sequence[tuple[str, Decimal | None]]
"""Labels and values; None where nothing is known."""


def chart(
    rows: Sequence[Row], grouping: Grouping, figure: str, zone: ZoneInfo, width: int | None, *, blocks: bool
) -> Sequence[Text]:
    """One bar a time bucket, or else a group; one chart a currency or a provider's credits. Empty without rows.

    `blocks` draws with block characters, else with #.
    """
    lines: list[Text] = []
    for title, unit in _series(rows, figure):
        bars = _bars(rows, grouping, zone, figure, unit)
        if lines:
            lines.append(Text())
        lines += [Text(title, "bold"), *_draw(bars, width or 100, blocks=blocks)]
    return lines


def _series(rows: Sequence[Row], figure: str) -> Iterator[tuple[str, str | None]]:
    if figure == "cost":
        yield from ((f"cost, {clean(unit)}", unit) for unit in units(rows, "costs", "currency"))
    elif figure == "credits":
        yield from ((f"credits, {clean(unit)}", unit) for unit in units(rows, "credits", "provider"))
    elif rows:
        yield figure, None


def value_of(row: Row, figure: str, unit: str | None) -> Decimal | None:
    """A figure of a row, exact; None where nothing reports it."""
    if figure == "runs":
        return Decimal(row["runs"])
    if figure == "tokens":
        return None if row["totalTokens"] is None else Decimal(row["totalTokens"])
    amounts, name = (row["costs"], "currency") if figure == "cost" else (row["credits"], "provider")
    return next((Decimal(entry["amount"]) for entry in amounts if entry[name] == unit), None)


def _bars(rows: Sequence[Row], grouping: Grouping, zone: ZoneInfo, figure: str, unit: str | None) -> Bars:
    if grouping.bucket is None:
        return [(grouping.label(row), value_of(row, figure, unit)) for row in rows]
    dated = [(start, row) for row in rows if (start := start_of(row, zone)) is not None]
    dated.sort(key=lambda pair: pair[0].astimezone(UTC))
    if OVERLAPPING & set(grouping.dimensions):
        return [
            (f"{grouping.bucket_text(start)} {grouping.label(row)}", value_of(row, figure, unit))
            for start, row in dated
        ]
    sums: dict[str, Decimal | None] = {}
    for start in _all_starts([start for start, _ in dated], grouping.bucket):
        sums[grouping.bucket_text(start)] = None
    for start, row in dated:
        label, value = grouping.bucket_text(start), value_of(row, figure, unit)
        if value is not None:
            sums[label] = (sums[label] or Decimal()) + value
    return list(sums.items())


def _all_starts(starts: Sequence[datetime], bucket: str) -> Sequence[datetime]:
    """The starts, and those of the buckets between them that have no runs: time goes on there, too."""
    # Times of one zone are compared by its clocks, which would make one hour of the two that they show alike.
    filled = {start.astimezone(UTC): start for start in starts}
    if starts:
        start, last = starts[0], starts[-1].astimezone(UTC)
        while start.astimezone(UTC) < last and len(filled) < MAX_FILLED:
            start = _following(start, bucket)
            filled.setdefault(start.astimezone(UTC), start)
    return [filled[moment] for moment in sorted(filled)]


def _following(start: datetime, bucket: str) -> datetime:
    """The start of the bucket after: an hour later, or the same time of day on a later day."""
    if bucket == "hour":
        return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)
    if bucket == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if bucket == "week" else 1)


def _draw(bars: Bars, width: int, *, blocks: bool) -> Iterator[Text]:
    values = [NONE if value is None else f"{value:,f}" for _, value in bars]
    labels = min(max((cell_len(label) for label, _ in bars), default=0), MAX_LABEL)
    numbers = max(map(len, values), default=0)
    room = min(max(width - labels - numbers - 2 * GAP, LEAST_BAR), MOST_BAR)
    most = max((value for _, value in bars if value is not None), default=Decimal())
    for (label, value), number in zip(bars, values, strict=True):
        share = Decimal() if value is None or most <= 0 else max(value, Decimal()) / most
        line = Text(no_wrap=True, overflow="crop")
        line.append(set_cell_size(label, labels) + " " * GAP).append(number.rjust(numbers) + " " * GAP)
        yield line.append(_bar(share, room, blocks=blocks), "cyan")


def _bar(share: Decimal, room: int, *, blocks: bool) -> str:
    """A bar of up to `room` cells. Whatever is more than nothing shows."""
    if share <= 0:
        return ""
    if not blocks:
        return "#" * max(round(share * room), 1)
    full, eighths = divmod(max(round(share * room * 8), 1), 8)
    return "█" * full + _EIGHTHS[eighths].strip()

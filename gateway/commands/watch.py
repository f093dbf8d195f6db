"""`rungraph runs --watch`: the list on the whole screen, drawn again and again, with what changed marked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from .exits import CommandError
from .listing import RunList
from .problems import error_line, source_line
from .run_table import Row, run_table
from .text import clean

NEW, CHANGED = "+", "*"
RENDERS_PER_SECOND = 4
"""How soon the view follows when the terminal changes its size."""


@dataclass(frozen=True, slots=True)
class View:
    """One drawing: as many rows as fit, newest first, and below them what is wrong."""

    runs: Sequence[Row]
    marks: Mapping[str, str]
    problems: Sequence[str]
    read_at: datetime
    every: float
    zone: ZoneInfo

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        problems = [Text(clean(line), "yellow", overflow="ellipsis", no_wrap=True) for line in self.problems]
        problems = problems[: max(height - 4, 0)]
        room = max(height - 2 - len(problems), 1)
        time = f"{self.read_at.astimezone(self.zone):%H:%M:%S}"
        head = f"{time}, every {self.every:g} s. {NEW} new, {CHANGED} changed. Ctrl+C ends."
        lines = [
            Text(head, "dim", overflow="ellipsis", no_wrap=True),
            *run_table(self.runs[: room - 1], self.zone, options.max_width, self.marks).lines,
            *problems,
        ]
        yield Text("\n").join(lines)


async def watch_runs(
    read: Callable[[], Awaitable[RunList]], every: float, zone: ZoneInfo, console: Console
) -> NoReturn:
    """Draw until cancelled. While the gateway can't be asked, what it said last stays."""
    runs: Sequence[Row] | None = None
    marks: Mapping[str, str] = {}
    with Live(console=console, screen=True, refresh_per_second=RENDERS_PER_SECOND) as live:
        while True:
            try:
                found = await read()
            except CommandError as error:
                problems = [str(error)]
            else:
                problems = [*map(error_line, found.errors), *filter(None, map(source_line, found.sources))]
                marks = {} if runs is None else changes(runs, found.runs)
                runs = found.runs
            now = datetime.now().astimezone()
            live.update(View(runs or (), marks, problems, now, every, zone), refresh=True)
            await asyncio.sleep(every)


def changes(before: Sequence[Row], now: Sequence[Row]) -> Mapping[str, str]:
    """The mark of every run that was not there before, or was not the same."""
    known = {run["id"]: run for run in before}
    return {run["id"]: NEW if run["id"] not in known else CHANGED for run in now if known.get(run["id"]) != run}

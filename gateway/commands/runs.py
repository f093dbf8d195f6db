"""`rungraph runs`: a list over all providers, once or again and again."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn

from . import options
from .client import Target, connect
from .exits import ExitCode, UsageError
from .listing import MAX_PAGE, RunList, read_runs
from .problems import error_line, say_sources
from .run_table import run_table
from .running import examples, run
from .terminal import is_terminal, output, progress, say, show, show_document
from .watch import watch_runs
from .zones import zone_named

EXAMPLES = examples(
    "rungraph runs --since 1d --status failed,timed_out",
    "rungraph runs --provider NAME --watch --every 5",
    "rungraph runs --limit 500 --json | jq -r '.runs.nodes[].id'",
)


def runs(
    config: options.ConfigOption = None,
    url: options.UrlOption = None,
    header: options.HeaderOption = None,
    provider: options.ProviderOption = None,
    status: options.StatusOption = None,
    kind: options.KindOption = None,
    since: options.SinceOption = None,
    after: options.AfterOption = None,
    before: options.BeforeOption = None,
    target: options.RanOption = None,
    scope: options.ScopeOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many runs at most.")] = 20,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw until Ctrl+C, with changes marked.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, metavar="SECONDS", help="How often to redraw.")] = 2,
    wide: options.WideOption = False,
    timezone: options.TimezoneOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the newest runs of all providers."""

    chosen = options.FilterOptions(provider, status, kind, since, after, before, target, scope)

    async def command() -> ExitCode:
        zone = zone_named(timezone)
        gateway = options.choose_target(config, url, header)
        if not watch:
            return await _once(gateway, chosen.variables(zone), limit, zone, wide=wide, as_json=as_json)
        if as_json or not is_terminal(sys.stdout):
            raise UsageError("--watch draws on a terminal; programs ask again for --json")
        async with connect(gateway) as client:
            # A span such as 1d moves on while somebody watches.
            return await watch_runs(lambda: read_runs(client, chosen.variables(zone), limit), every, zone, output())

    run(command)


async def _once(
    gateway: Target, wanted: Mapping[str, Any], limit: int, zone: ZoneInfo, *, wide: bool, as_json: bool
) -> ExitCode:
    async with connect(gateway) as client:
        with progress(BarColumn(), MofNCompleteColumn(), is_long=limit > MAX_PAGE) as shown:
            task = shown.add_task("reading runs", total=limit)
            found = await read_runs(client, wanted, limit, lambda count: shown.update(task, completed=count))
    if as_json:
        document = {"runs": {"nodes": found.runs, "pageInfo": found.page_info, "sources": found.sources}}
        show_document({**document, "errors": found.errors} if found.errors else document)
    else:
        _show(found, zone, wide=wide)
    for error in found.errors:
        say(error_line(error))
    said = say_sources(found.sources)
    return ExitCode.INCOMPLETE if found.errors else said


def _show(found: RunList, zone: ZoneInfo, *, wide: bool) -> None:
    console = output()
    table = run_table(found.runs, zone, console.width if console.is_terminal and not wide else None)
    show(Group(*table.lines), wide=wide)
    if not found.runs:
        say("no runs")
    elif table.is_cut:
        say("some texts are cut; --wide shows them whole")
    if found.page_info["hasNextPage"]:
        say(f"there are more than these {len(found.runs)}; --limit N shows more")

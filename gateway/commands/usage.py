"""`rungraph usage`: what runs consumed, as a table and a bar chart."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

import typer
from rich.console import Group
from rich.progress import BarColumn
from rich.text import Text

from . import options
from .charts import FIGURES, chart
from .client import Target, connect
from .exits import ExitCode, UsageError
from .problems import SOURCE_FIELDS, error_line, refuse, say_sources
from .running import examples, run
from .terminal import can_show, output, progress, say, show, show_document
from .usage_table import BUCKETS, DIMENSIONS, Grouping, usage_table
from .zones import zone_named

EXAMPLES = examples(
    "rungraph usage --since 7d --group-by provider,day",
    "rungraph usage --since 30d --group-by week --timezone Europe/Berlin --figure cost",
    "rungraph usage --since 1d --group-by model --json | jq '.usage.rows[] | {model, totalTokens}'",
)

MAX_RUNS = 10_000
BAR_WIDTH = 20

_ROW = """bucketStart provider target status kind model initiator tag
      runs runsReportingTokens runsReportingCost runsReportingCredits
      inputTokens outputTokens totalTokens cacheReadInputTokens cacheWriteInputTokens reasoningOutputTokens
      modelCalls costs { amount currency } credits { amount provider } isComplete"""

QUERY = f"""query Usage(
  $filter: RunFilter, $groupBy: [UsageDimension!], $bucket: TimeBucket, $timeZone: String, $maxRuns: Int
) {{
  usage(filter: $filter, groupBy: $groupBy, bucket: $bucket, timeZone: $timeZone, maxRuns: $maxRuns) {{
    rows {{ {_ROW} }}
    total {{ {_ROW} }}
    isComplete scannedRuns runsFailed
    {SOURCE_FIELDS}
  }}
}}"""


def usage(
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
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            "--group-by",
            "-g",
            metavar="WORDS",
            help=f"What makes a row: {', '.join(DIMENSIONS)}, and one of {', '.join(BUCKETS)}. Default: provider.",
        ),
    ] = None,
    figure: Annotated[
        str, typer.Option("--figure", metavar="FIGURE", help=f"What the chart shows: {', '.join(FIGURES)}.")
    ] = "tokens",
    max_runs: Annotated[
        int, typer.Option("--max-runs", min=1, max=MAX_RUNS, metavar="N", help="Read so many runs of a source at most.")
    ] = MAX_RUNS,
    wide: options.WideOption = False,
    timezone: options.TimezoneOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Add up tokens, money and credits of runs."""
    wanted = options.FilterOptions(provider, status, kind, since, after, before, target, scope)

    async def command() -> ExitCode:
        zone = zone_named(timezone)
        grouping = group(group_by)
        if figure not in FIGURES:
            raise UsageError(f'--figure: there is no "{figure}"; there are {", ".join(FIGURES)}')
        variables = {
            "filter": wanted.variables(zone),
            "groupBy": [word.upper() for word in grouping.dimensions],
            "bucket": grouping.bucket and grouping.bucket.upper(),
            "timeZone": zone.key,
            "maxRuns": max_runs,
        }
        report, errors = await _fetch(options.choose_target(config, url, header), variables)
        if as_json:
            show_document({"usage": report, "errors": errors} if errors else {"usage": report})
        else:
            _show(report, grouping, figure, zone, wide=wide)
        for error in errors:
            say(error_line(error))
        return _say_coverage(report, failed=bool(errors))

    run(command)


def _show(report: Mapping[str, Any], grouping: Grouping, figure: str, zone: ZoneInfo, *, wide: bool) -> None:
    console = output()
    width = console.width if console.is_terminal else None
    table = usage_table(report, grouping, zone, None if wide else width)
    bars = chart(report["rows"], grouping, figure, zone, width, blocks=can_show("█", console))
    show(Group(*table.lines, Text(), *bars) if bars else Group(*table.lines), wide=wide)
    if table.left_out:
        say(f"columns for which there is no room: {', '.join(table.left_out)}; --wide shows them")
    if report["rows"] and not bars:
        say(f"there is no chart: no run reports {figure}")


def group(named: Sequence[str] | None) -> Grouping:
    """The dimensions and the time bucket that `--group-by` names."""
    words = [word.lower() for word in options.split(named)] or ["provider"]
    for word in words:
        if word not in DIMENSIONS and word not in BUCKETS:
            raise UsageError(f'--group-by: there is no "{word}"; there are {", ".join((*DIMENSIONS, *BUCKETS))}')
    buckets = [word for word in dict.fromkeys(words) if word in BUCKETS]
    if len(buckets) > 1:
        raise UsageError(f"--group-by: {' and '.join(buckets)} can't be had together")
    dimensions = tuple(word for word in dict.fromkeys(words) if word in DIMENSIONS)
    return Grouping(dimensions, buckets[0] if buckets else None)


async def _fetch(
    gateway: Target, variables: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    async with connect(gateway) as client:
        with progress(BarColumn(BAR_WIDTH)) as shown:
            shown.add_task("adding up runs", total=None)
            answer = await client.ask(QUERY, variables)
    report = answer.data.get("usage")
    if report is None:
        raise refuse(answer.errors)
    return cast("Mapping[str, Any]", report), answer.errors


def _say_coverage(report: Mapping[str, Any], *, failed: bool) -> ExitCode:
    """Say what the figures leave out, and how complete they are."""
    said = say_sources(report["sources"])
    if report["runsFailed"]:
        say(f"the usage of {report['runsFailed']} runs could not be fetched")
    return ExitCode.INCOMPLETE if failed or report["runsFailed"] else said

"""`rungraph export`: runs as a file."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, FileSizeColumn

from . import options
from .client import Client, Target, connect, refusal
from .endings import FORMATS, TAIL_BYTES, Ending
from .exits import CommandError, ExitCode, UsageError
from .files import Draft, drafted, standard_output
from .problems import is_incomplete, say_sources
from .running import examples, run
from .terminal import progress, say, show_document
from .text import whole
from .zones import zone_named

EXAMPLES = examples(
    "rungraph export --since 30d --output runs.csv",
    "rungraph export --provider NAME --columns id,status,usage.totalTokens --output runs.parquet",
    "rungraph export --since 1d --format ndjson --output - | jq -c 'select(._end | not)'",
)

MAX_RUNS = 1_000_000
BAR_WIDTH = 20


def export(
    out: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE|-", help="The file to write; - is standard output.")
    ],
    file_format: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="FORMAT", help=f"{', '.join(FORMATS)}. Default: as FILE ends, or csv."),
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", metavar="NAMES", help="Fields of a run: id,usage.cost.amount ...")
    ] = None,
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
    max_runs: Annotated[
        int, typer.Option("--max-runs", min=1, max=MAX_RUNS, metavar="N", help="Write so many runs at most.")
    ] = MAX_RUNS,
    timezone: options.TimezoneOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Write runs to a file, one row a run.

    FILE appears when it is whole. Where runs are missing it is named like runs.incomplete.csv, and a file that was
    cut is removed: the exit code is 3 then.
    """
    wanted = options.FilterOptions(provider, status, kind, since, after, before, target, scope)

    async def command() -> ExitCode:
        zone = zone_named(timezone)
        gateway = options.choose_target(config, url, header)
        if as_json and out == "-":
            raise UsageError("--json and the file can't both go to standard output")
        suffix = _suffix(out, file_format)
        parameters = [*wanted.parameters(zone), ("maxRuns", str(max_runs))]
        parameters += [("columns", ",".join(names)) for names in [options.split(columns)] if names]
        return await _export(gateway, out, suffix, parameters, as_json=as_json)

    run(command)


def _suffix(out: str, named: str | None) -> str:
    if named is not None:
        return options.chosen("--format", [named], [name.upper() for name in FORMATS])[0].lower()
    ending = Path(out).suffix.removeprefix(".").lower()
    return ending if ending in FORMATS else "csv"


async def _export(
    gateway: Target, out: str, suffix: str, parameters: Sequence[tuple[str, str]], *, as_json: bool
) -> ExitCode:
    with ExitStack() as stack:
        draft = None if out == "-" else stack.enter_context(drafted(Path(out)))
        async with connect(gateway) as client:
            tail = await _download(client, suffix, parameters, draft.stream if draft else standard_output())
        ending = FORMATS[suffix](tail)
        if ending is None:
            raise CommandError("the export was cut: its end is missing", ExitCode.INCOMPLETE)
        is_whole = not (ending["error"] or ending["rowsFailed"] or is_incomplete(ending["sources"]))
        if draft is not None:
            _report(draft, draft.keep(whole=is_whole), suffix, ending, as_json=as_json)
    say_sources(ending["sources"])
    if ending["rowsFailed"]:
        say(f"{whole(ending['rowsFailed'])} rows lack values that could not be fetched")
    if ending["error"]:
        say(f"the export stopped early: {ending['error']}")
    return ExitCode.DONE if is_whole else ExitCode.INCOMPLETE


async def _download(client: Client, suffix: str, parameters: Sequence[tuple[str, str]], stream: BinaryIO) -> bytes:
    """Write the file while it is made; its last bytes."""
    tail = b""
    with progress(BarColumn(BAR_WIDTH), FileSizeColumn()) as shown:
        task = shown.add_task("exporting runs", total=None)
        async with client.download(f"/export/runs.{suffix}", parameters) as reply:
            if reply.status != 200:
                raise await refusal(reply)
            async for chunk in reply.chunks:
                stream.write(chunk)
                tail = (tail + chunk)[-TAIL_BYTES:]
                shown.update(task, advance=len(chunk))
    stream.flush()
    return tail


def _report(draft: Draft, path: Path, suffix: str, ending: Ending, *, as_json: bool) -> None:
    if as_json:
        show_document({"export": {"file": str(path), "format": suffix, **ending}})
        return
    missing = "" if path == draft.path else ", incomplete"
    say(f"{whole(ending['rows'])} runs in {path}{missing}")

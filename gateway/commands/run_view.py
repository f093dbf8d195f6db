"""One run, laid out to be read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway import encoding

from .run_table import status_text
from .tables import Column, fit
from .text import NONE, amount, clean, clean_json, clean_lines, duration, indented, moment, size, whole, zone_name

Value = Mapping[str, Any]
INDENT = 2
SHORTEST_TEXT = 12
NOT_FETCHED = "could not be fetched"


def run_view(
    run: Value, parts: Sequence[str], zone: ZoneInfo, failed: Sequence[Sequence[str | int]], width: int | None
) -> Group:
    """The run with the chosen parts. `failed` are the paths of what could not be fetched; tables fit into `width`."""
    room = None if width is None else width - INDENT
    lost = {str(step) for path in failed for step in path}
    pieces: list[RenderableType] = [
        Text("  ").join([status_text(run["status"]), Text(clean(run["id"]), "bold")]),
        _facts(_core(run, zone, lost, with_usage="usage" in parts)),
    ]
    for part in parts:
        if part == "usage":
            continue
        value: Any = run["debug"] and run["debug"]["events"] if part == "events" else run[part]
        pieces += [Text(), Text(part, "bold"), Padding(_section(part, run, value, zone, lost, room), (0, 0, 0, INDENT))]
    return Group(*pieces)


def _section(part: str, run: Value, value: Any, zone: ZoneInfo, lost: set[str], width: int | None) -> RenderableType:
    if value is None:
        is_lost = part in lost or (part == "events" and "debug" in lost)
        return Text(NOT_FETCHED, "red") if is_lost else Text("none, or the provider has no such thing", "dim")
    if part == "steps":
        return _steps(value, zone, width)
    if part == "files":
        return _files(value, width)
    if part == "events":
        return _events(value, zone, width)
    if part == "debug":
        return _debug(value)
    body = document(value)
    if part == "output" and run["outputTruncated"]:
        body.append("\n(the provider cut the output)", "yellow")
    return body


def _core(run: Value, zone: ZoneInfo, lost: set[str], *, with_usage: bool) -> Iterator[tuple[str, Text]]:
    yield "provider", _words(run["provider"]["title"], f"({run['provider']['name']})")
    derived = "worked out by the gateway" if run["statusSource"] == "DERIVED" else None
    if run["rawStatus"] is not None or derived:
        yield "its status", _words(run["rawStatus"], f"({derived})" if derived else None)
    if target := run["target"]:
        version = target["version"] and f"version {target['version']}"
        named = target["name"] and target["id"] not in (None, target["name"]) and f"({target['id']})"
        commit = target["commitSha"] and f"commit {target['commitSha']}"
        yield "target", _words(target["name"] or target["id"], named, version, target["model"], commit)
    yield "kind", _words(run["kind"])
    for name in ("createdAt", "startedAt", "endedAt"):
        yield name.removesuffix("At"), _words(run[name] and f"{moment(run[name], zone)} {zone_name(zone)}")
    yield "took", _words(duration(run["durationMs"]))
    if actor := run["initiator"]:
        mail = actor["email"] and f"<{actor['email']}>"
        yield "initiator", _words(actor["name"] or actor["id"], mail, f"({actor['kind'].lower()})")
    if run["parentId"]:
        yield "parent", _words(run["parentId"])
    if run["tags"]:
        yield "tags", _words(", ".join(run["tags"]))
    if run["metadata"]:
        yield "metadata", document(run["metadata"])
    if run["error"]:
        yield "error", Text(error_text(run["error"]), "red")
    if with_usage:
        yield "usage", Text(NOT_FETCHED, "red") if "usage" in lost else _usage(run["usage"])
    for warning in run["warnings"]:
        where = warning["path"] and f"(at {warning['path']})"
        yield "warning", _words(warning["message"], where, style="yellow")


def error_text(error: Value) -> str:
    """What went wrong inside a run or a step, in a line or several."""
    again = {True: "another try may work", False: "another try won't help", None: None}[error["retryable"]]
    details = [error["rawCode"], error["stepName"] and f"in step {error['stepName']}", again]
    said = ", ".join(clean(detail) for detail in details if detail)
    return f"{error['code']}: {clean_lines(error['message'] or NONE)}" + (f" ({said})" if said else "")


def _usage(usage: Value | None) -> Text:
    if usage is None:
        return Text("none is reported", "dim")
    counts = {
        "input": "inputTokens",
        "output": "outputTokens",
        "cache read": "cacheReadInputTokens",
        "cache write": "cacheWriteInputTokens",
        "reasoning": "reasoningOutputTokens",
    }
    known = ", ".join(f"{name} {whole(usage[key])}" for name, key in counts.items() if usage[key] is not None)
    lines = [f"{whole(usage['totalTokens'])} tokens" + (f" ({known})" if known else "")]
    if cost := usage["cost"]:
        lines.append(f"{amount(cost['amount'])} {clean(cost['currency'])}")
    if charged := usage["credits"]:
        lines.append(f"{amount(charged['amount'])} credits of {clean(charged['provider'])}")
    numbers = {"model calls": "modelCalls", "retries": "retries", "turns": "agentTurns", "pages": "pagesProcessed"}
    lines += [f"{whole(usage[key])} {name}" for name, key in numbers.items() if usage[key] is not None]
    if usage["modelDurationMs"] is not None:
        lines.append(f"{duration(usage['modelDurationMs'])} in models")
    for model in usage["models"]:
        name = clean(model["model"] or model["provider"] or NONE)
        lines.append(f"{name}: input {whole(model['inputTokens'])}, output {whole(model['outputTokens'])}")
    if usage["isPartial"]:
        lines.append("so far: the run has not ended")
    return Text("\n".join(lines))


def _steps(steps: Sequence[Value], zone: ZoneInfo, width: int | None) -> RenderableType:
    """A row a step, and below it what went wrong there: all of it, which no column has room for."""

    def name(step: Value) -> Text:
        return Text(INDENT * " " * min(step["depth"], 20) + clean(step["label"] or step["name"] or step["id"]))

    columns = (
        Column("step", [name(step) for step in steps], least=SHORTEST_TEXT),
        Column("kind", [Text(clean(step["kind"] or NONE)) for step in steps], rank=3),
        Column("status", [status_text(step["status"]) for step in steps]),
        Column("started", [Text(moment(step["startedAt"], zone)) for step in steps], rank=2),
        Column("took", [Text(duration(step["durationMs"])) for step in steps], rank=1, right=True),
    )
    header, *lines = fit(columns, width).lines
    pieces: list[RenderableType] = [header]
    for step, line in zip(steps, lines, strict=True):
        pieces.append(line)
        if step["error"]:
            pieces.append(Padding(Text(error_text(step["error"]), "red"), (0, 0, 0, 2 * INDENT)))
    return Group(*pieces) if steps else Text("none", "dim")


def _files(files: Sequence[Value], width: int | None) -> RenderableType:
    columns = {"role": ("role", 3), "type": ("contentType", 4), "step": ("stepName", 2)}
    return _table(
        width,
        Column("file", [Text(clean(file["name"])) for file in files], least=SHORTEST_TEXT),
        *(
            Column(head, [Text(clean(file[key] or NONE)) for file in files], rank=rank)
            for head, (key, rank) in columns.items()
        ),
        Column("size", [Text(size(file["sizeBytes"])) for file in files], rank=1, right=True),
    )


def _events(events: Sequence[Value], zone: ZoneInfo, width: int | None) -> RenderableType:
    def texts(name: str) -> Sequence[Text]:
        return [Text(clean(event[name] or NONE)) for event in events]

    return _table(
        width,
        Column("at", [Text(moment(event["at"], zone)) for event in events]),
        Column("type", texts("type"), least=SHORTEST_TEXT),
        Column("status", texts("status"), rank=1),
        Column("message", texts("message"), least=SHORTEST_TEXT),
    )


def _table(width: int | None, *columns: Column) -> RenderableType:
    return Group(*fit(columns, width).lines) if columns[0].texts else Text("none", "dim")


def _debug(debug: Value) -> RenderableType:
    names = ("traceId", "spanId", "exitCode", "retries")
    facts = [(name, _words(str(debug[name]))) for name in names if debug[name] is not None]
    if fallback := debug["fallback"]:
        used = "another model answered" if fallback["used"] else "not needed"
        facts.append(("fallback", _words(used, fallback["modelId"], fallback["reason"])))
    names = ("stdout", "stderr", "state", "observability")
    facts += [(name, document(debug[name])) for name in names if debug[name] is not None]
    return _facts(facts) if facts else Text("none", "dim")


def document(value: Any) -> Text:
    """A value of a provider: texts as they are, anything else as JSON."""
    if isinstance(value, str):
        return Text(clean_lines(value))
    return Text(clean_json(indented(encoding.dumps(value).decode())))


def _facts(facts: Iterator[tuple[str, Text]] | Sequence[tuple[str, Text]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    before = ""
    for name, text in facts:
        grid.add_row(f"  {name}" if name != before else "", text)
        before = name
    return grid


def _words(*words: Any, style: str = "") -> Text:
    """The words there are, in one line."""
    return Text(clean(" ".join(str(word) for word in words if word)) or NONE, style)

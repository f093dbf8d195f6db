"""`rungraph get`: one run, to read."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from . import options
from .client import Target, connect
from .exits import CommandError, ExitCode, UsageError
from .problems import error_line, refuse
from .run_view import run_view
from .running import examples, run
from .terminal import output, say, show, show_document
from .zones import zone_named

EXAMPLES = examples(
    "rungraph get PROVIDER:ID --config rungraph.toml",
    "rungraph get PROVIDER:ID --part steps,files --part output",
    "rungraph get PROVIDER:ID --part all --json | jq .run.usage.totalTokens",
)

_ERROR = "error { code rawCode message retryable stepName }"

_CORE = f"""
  id nativeId provider {{ name title }} kind status rawStatus statusSource isTerminal
  createdAt startedAt endedAt durationMs
  target {{ id name version kind model commitSha }}
  initiator {{ id name email kind }}
  parentId
  {_ERROR}
  warnings {{ code message path }}
  tags metadata
"""

PARTS: Mapping[str, str] = {
    "usage": """usage {
      inputTokens outputTokens totalTokens cacheReadInputTokens cacheWriteInputTokens reasoningOutputTokens
      tokenAccounting cost { amount currency } credits { amount provider }
      models { provider model inputTokens outputTokens cacheReadInputTokens }
      modelCalls retries agentTurns pagesProcessed modelDurationMs isPartial derivedFields
    }""",
    "steps": f"""steps {{
      id parentId depth name label agent kind status rawStatus startedAt endedAt durationMs {_ERROR}
    }}""",
    "files": "files { name role path contentType sizeBytes stepName downloadUrl }",
    "input": "input",
    "output": "output outputTruncated",
    "debug": """debug {
      traceId spanId stdout stderr exitCode retries fallback { used reason modelId } state observability
    }""",
    "events": "debug { events { type at status message attributes } }",
    "raw": "raw",
}
"""What each part of a run selects. A part that is not selected is not fetched."""

ALL = "all"
DEFAULT = ("usage",)


def get(
    id: Annotated[str, typer.Argument(metavar="ID", help='A run: "<provider name>:<native id>".')],  # noqa: A002
    part: Annotated[
        list[str] | None,
        typer.Option("--part", metavar="PART", help=f"Show these, too: {', '.join(PARTS)}, or {ALL}. May be repeated."),
    ] = None,
    config: options.ConfigOption = None,
    url: options.UrlOption = None,
    header: options.HeaderOption = None,
    timezone: options.TimezoneOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show one run: status, times, usage, what went wrong, and the parts that are asked for."""

    async def command() -> ExitCode:
        zone = zone_named(timezone)
        parts = choose_parts(part)
        gateway = options.choose_target(config, url, header)
        found, errors = await _fetch(gateway, id, parts)
        if as_json:
            show_document({"run": found, "errors": errors} if errors else {"run": found})
        else:
            console = output()
            width = console.width if console.is_terminal else None
            show(run_view(found, parts, zone, [error.get("path", []) for error in errors], width))
        for error in errors:
            say(error_line(error))
        return ExitCode.INCOMPLETE if errors else ExitCode.DONE

    run(command)


def choose_parts(named: Sequence[str] | None) -> Sequence[str]:
    """The parts to select, in the order of `PARTS`."""
    words = [word.lower() for word in options.split(named)]
    for word in words:
        if word not in PARTS and word != ALL:
            raise UsageError(f'--part: there is no "{word}"; there are {", ".join(PARTS)} and {ALL}')
    return [name for name in PARTS if ALL in words or name in (*DEFAULT, *words)]


async def _fetch(
    gateway: Target, run_id: str, parts: Sequence[str]
) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """The run, and the errors of parts that could not be fetched; CommandError where there is no run."""
    selected = _CORE + "\n".join(PARTS[name] for name in parts)
    async with connect(gateway) as client:
        answer = await client.ask(f"query Run($id: ID!) {{ run(id: $id) {{ {selected} }} }}", {"id": run_id})
    found = answer.data.get("run")
    if found is not None:
        return found, answer.errors
    if answer.errors:
        raise refuse(answer.errors)
    raise CommandError(f"there is no run {run_id}")

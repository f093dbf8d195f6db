"""`rungraph query`: any operation, from a file or standard input."""

import json
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from . import options
from .client import Target, connect
from .exits import ExitCode, UsageError
from .problems import error_line, refuse
from .running import examples, run
from .terminal import say, show_json

EXAMPLES = examples(
    "rungraph query report.graphql --variables '{\"first\": 5}'",
    "rungraph query report.graphql --variables @variables.json --operation Report",
    "echo '{ providers { name health { state } } }' | rungraph query - | jq .data",
)


def query(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A GraphQL document; - is standard input.")],
    variables: Annotated[
        str | None, typer.Option("--variables", metavar="JSON|@FILE", help="Values of its variables: one JSON object.")
    ] = None,
    operation: Annotated[
        str | None, typer.Option("--operation", metavar="NAME", help="Which operation, where there are several.")
    ] = None,
    config: options.ConfigOption = None,
    url: options.UrlOption = None,
    header: options.HeaderOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="No colours, also on a terminal.")] = False,
) -> None:
    """Run a GraphQL operation, and print the answer: data and errors."""

    def command() -> Coroutine[Any, Any, ExitCode]:
        gateway = options.choose_target(config, url, header)
        values = _variables(variables)
        # Read outside of the event loop, which would not let Ctrl+C end the wait for somebody's typing.
        document = _read("FILE", file)
        return _answer(gateway, document, values, operation, coloured=not as_json)

    run(command)


async def _answer(
    gateway: Target, document: str, variables: Mapping[str, Any] | None, operation: str | None, *, coloured: bool
) -> ExitCode:
    async with connect(gateway) as client:
        answer = await client.ask(document, variables, operation)
    show_json(answer.text, coloured=coloured)
    for error in answer.errors:
        say(error_line(error))
    if not answer.errors:
        return ExitCode.DONE
    has_data = any(value is not None for value in answer.data.values())
    return ExitCode.INCOMPLETE if has_data else refuse(answer.errors).code


def _variables(given: str | None) -> Mapping[str, Any] | None:
    if given is None:
        return None
    text = _read("--variables", given[1:]) if given.startswith("@") else given
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--variables: this is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UsageError("--variables: expected a JSON object")
    return cast("dict[str, Any]", values)


def _read(option: str, name: str) -> str:
    try:
        return sys.stdin.buffer.read().decode() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{option}: can't read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{option}: {name} is not UTF-8 text") from None

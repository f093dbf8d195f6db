"""`rungraph documents`: a manifest of trusted documents, made of the files that a front end keeps them in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from .exits import ExitCode, UsageError
from .running import examples, run
from .terminal import say

SUFFIXES = (".graphql", ".gql")
EXAMPLES = examples(
    "rungraph documents src > documents.json",
    "rungraph documents src/queries/run.graphql src/queries/runs.graphql > documents.json",
)


def documents(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Folders with .graphql or .gql files, at any depth, or such files."),
    ],
) -> None:
    """Print a manifest of GraphQL files, for the section documents of the configuration.

    Each file is one document, as it stands: with all of its fragments, and with names for its operations. Each is
    checked against the schema.
    """

    async def command() -> ExitCode:
        files = {path: _text(path) for path in _files(paths)}
        # Making the schema takes a moment, which only those who need it should wait.
        from gateway.limits.collect import collect

        manifest, troubles = collect(files)
        if troubles:
            say("\n".join(troubles))
            return ExitCode.NO
        typer.echo(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        return ExitCode.DONE

    run(command)


def _files(paths: Sequence[str]) -> Sequence[Path]:
    """The files that are meant, each once, in an order that does not depend on the file system."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        elif path.is_file():
            files = [path]
        else:
            raise UsageError(f"{path}: there is no such file or folder")
        if not files:
            raise UsageError(f"{path}: there is no {' or '.join(SUFFIXES)} file in it")
        found |= dict.fromkeys(files)
    return list(found)


def _text(path: Path) -> str:
    try:
        # Byte for byte, as a client that sends the file would: the id is its digest.
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None

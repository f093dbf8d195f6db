"""Standard output and standard error: what is shown how on a terminal, and plainly elsewhere."""

import io
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.highlighter import JSONHighlighter
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway import encoding

from .text import clean, clean_json, indented

PIPE_WIDTH = 100_000
"""Wide enough for any line: outside of a terminal nothing is cut or wrapped."""


def output() -> Console:
    """Standard output. Colours only where it is a terminal and the environment doesn't forbid them."""
    return _console(sys.stdout)


def errors() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody watches this stream, on a terminal that can redraw."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


def can_show(character: str, console: Console) -> bool:
    """Whether a console's encoding has a character."""
    try:
        character.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(message: str) -> None:
    """One line on standard error. Control characters of providers are made visible."""
    errors().print(clean(f"rungraph: {message}"), soft_wrap=True)


def show(content: RenderableType, *, wide: bool = False) -> None:
    """Print to standard output: as wide as the terminal, or unbounded and without blanks at the ends of lines.

    With `wide` lines may be longer than the terminal, which breaks them.
    """
    console = output()
    if console.is_terminal:
        console.print(content, soft_wrap=wide)
        return
    plain = io.StringIO()
    Console(file=plain, width=PIPE_WIDTH, color_system=None, highlight=False, markup=False, emoji=False).print(content)
    text = "\n".join(line.rstrip() for line in plain.getvalue().split("\n"))
    sys.stdout.write(text)
    sys.stdout.flush()


def show_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document, plainly."""
    show_json(encoding.dumps(document).decode(), coloured=False)


def show_json(text: str, *, coloured: bool) -> None:
    """Print JSON text over several lines: the same document, digit for digit."""
    readable = clean_json(indented(text))
    console = output()
    if coloured and console.is_terminal:
        console.print(JSONHighlighter()(readable), soft_wrap=True)
    else:
        write_utf8(readable + "\n")


def write_utf8(text: str) -> None:
    """Write to standard output as UTF-8, whatever the locale says: the encoding of JSON and of exports."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def progress(*columns: ProgressColumn, is_long: bool = True) -> Progress:
    """Progress of long work, on standard error; invisible where that is no terminal, and gone when it is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *columns,
        TimeElapsedColumn(),
        console=errors(),
        transient=True,
        disable=not (is_long and is_terminal(sys.stderr)),
    )


class SayingHandler(logging.Handler):
    """The log of a gateway in this process, as lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        for line in record.getMessage().splitlines():
            say(line)

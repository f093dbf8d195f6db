"""Runs a command from its first line to its exit code."""

import asyncio
import errno
import io
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from gateway.settings import ConfigError

from .exits import CommandError, ExitCode
from .terminal import SayingHandler, say


def run(command: Callable[[], Coroutine[Any, Any, ExitCode]]) -> None:
    """Run a command, and end the process with its exit code; what it raises is one sentence on standard error."""
    stdout: Any = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # A terminal that can't show a character gets its code, not half an answer.
        stdout.reconfigure(errors="backslashreplace")
    root = logging.getLogger()
    # Warnings of a gateway in this process are for those who run it; they come with `serve` and `check`.
    handler = SayingHandler(logging.ERROR)
    root.addHandler(handler)
    try:
        code = asyncio.run(command())
    except CommandError as error:
        say(str(error))
        code = error.code
    except ConfigError as error:
        say(str(error))
        code = ExitCode.USAGE
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        say(f"can't write: {error.strerror}")
        code = ExitCode.NO
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    finally:
        root.removeHandler(handler)
    raise typer.Exit(code)


def examples(*commands: str) -> str:
    """What stands below a command's help. The first line keeps the others from being joined."""
    return "\n".join(("\b", "Examples:", *(f"  {command}" for command in commands)))

"""Servers in processes of their own."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def process(*arguments: str) -> Generator[tuple[str, int]]:
    """A module that prints its port and serves: its URL and process id. Stopped on exit."""
    with subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True) as started:  # noqa: S603
        try:
            assert started.stdout is not None  # noqa: S101 - it is a pipe
            port = started.stdout.readline().strip()
            if not port:
                raise RuntimeError(f"{arguments} did not start")
            yield f"http://127.0.0.1:{port}", started.pid
        finally:
            started.terminate()

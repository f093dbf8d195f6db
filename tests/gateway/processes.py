"""`rungraph` as a process of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds until a process that says nothing counts as stuck."""


class Process:
    """A running `rungraph`, with what it printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._incoming: Queue[str | None] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def read_until(self, start: str) -> str:
        """The next line that starts so."""
        while (line := self._incoming.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
            if line.startswith(start):
                return line
        raise AssertionError(f"no line {start!r} in {self.lines}")

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Sends the signal; then as `end`."""
        self.process.send_signal(number)
        return self.end()

    def signal_all(self, number: signal.Signals) -> None:
        """Sends the signal to the process and all that it started."""
        os.killpg(self.process.pid, number)

    def end(self) -> tuple[int, str]:
        """Waits for the end; the exit code, and all that was printed to both streams, by any process."""
        code = self.process.wait(PATIENCE)
        while (line := self._incoming.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return code, "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._incoming.put(line.rstrip("\n"))
        self._incoming.put(None)


@contextmanager
def rungraph(*arguments: str, columns: int = 80) -> Generator[Process]:
    """Starts the command with its output piped, as a supervisor would; ends it whatever happens."""
    # A program of its own group, so that a terminal's signals to the tests don't reach it.
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(columns)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield Process(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()

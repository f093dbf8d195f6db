"""Runs commands as processes on a pseudo-terminal, as somebody would."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE = 120
"""Seconds until a process that does not do what is waited for counts as stuck, whatever else it says."""

ALTERNATE_SCREEN, MAIN_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
SHOW_CURSOR = "\x1b[?25h"
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")


def plain(shown: str) -> str:
    """What a terminal was sent, without the sequences that steer it."""
    return _SEQUENCES.sub("", shown).replace("\r\n", "\n")


def _as_from_a_shell() -> None:
    """So that Ctrl+C reaches the process, and ends it though the tests run where it is ignored, as behind `nohup`."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A process whose three streams are one terminal. `shown` has all that it sent so far."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.shown = ""
        self._master = master

    def wait_for(self, pattern: str) -> str:
        """Reads on until the plain text of what is read from now on fits; that text."""
        start, deadline = len(self.shown), time.monotonic() + PATIENCE
        while re.search(pattern, plain(self.shown[start:])) is None:
            assert self._read(deadline), f"ended without {pattern!r}: {self.shown!r}"
        return plain(self.shown[start:])

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Reads to the end; the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"stuck after {self.shown[-10_000:]!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # what Linux says when the other end is closed
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def on_terminal(
    *arguments: str, columns: int = 100, rows: int = 30, environment: Mapping[str, str] | None = None
) -> Generator[Terminal]:
    """Starts a command on a terminal of this size; ends it whatever happens."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=_as_from_a_shell,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)

"""Several worker processes on one socket: throughput that grows with the cores."""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from . import crashes
from .reloading import LiveApp, Reloads, adopt, make_app, reread, say_reloaded
from .serving import Server
from .settings import Settings

log = logging.getLogger(__name__)

SPAWN = multiprocessing.get_context("spawn")


class Said(Enum):
    """What a worker tells its parent. The parent tells it settings, or None where a file has none to use."""

    READY = auto()
    ADOPTED = auto()
    KEPT = auto()


def serve(path: Path, settings: Settings, sock: socket.socket, workers: int, started: Callable[[], None]) -> int:
    """Serve until SIGINT or SIGTERM, by a file that is read again on SIGHUP; the exit code.

    A worker that dies is replaced. Each has a memory cache of its own. A second signal ends them all at once.
    """
    return asyncio.run(_Supervisor(path, settings, sock, workers, started).run())


class _Worker:
    """One process, as its parent sees it."""

    def __init__(self, settings: Settings, sock: socket.socket) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_work, args=(settings, sock, theirs))
        self.process.start()
        theirs.close()
        self.is_ready = False
        self.has_answered = asyncio.Event()


class _Supervisor:
    def __init__(
        self, path: Path, settings: Settings, sock: socket.socket, count: int, started: Callable[[], None]
    ) -> None:
        self._path = path
        self._settings = settings
        self._sock = sock
        self._count = count
        self._started: Callable[[], None] | None = started
        self._workers: list[_Worker] = []
        self._is_stopping = False
        self._code = 0
        self._ended = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        Reloads(self._reload).listen()
        for _ in range(self._count):
            self._start()
        await self._ended.wait()
        return self._code

    def _start(self) -> None:
        worker = _Worker(self._settings, self._sock)
        self._workers.append(worker)
        loop = asyncio.get_running_loop()
        loop.add_reader(worker.pipe.fileno(), self._heard, worker)
        loop.add_reader(worker.process.sentinel, self._ended_one, worker)

    def _heard(self, worker: _Worker) -> None:
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(worker.pipe.fileno())
            return
        if said is not Said.READY:
            worker.has_answered.set()
            return
        worker.is_ready = True
        if self._started is not None and all(other.is_ready for other in self._workers):
            self._started()
            self._started = None

    def _ended_one(self, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(worker.process.sentinel)
        loop.remove_reader(worker.pipe.fileno())
        worker.process.join()
        worker.pipe.close()
        worker.has_answered.set()
        self._workers.remove(worker)
        if self._is_stopping:
            if not self._workers:
                self._ended.set()
        elif worker.is_ready:
            log.warning("a worker ended with code %s: another one takes its place", worker.process.exitcode)
            self._start()
        else:
            # The next one would fare no better.
            log.error("a worker could not start: stopping")
            self._stop(signal.SIGTERM)
            self._code = 1
            if not self._workers:
                self._ended.set()

    def _stop(self, number: int) -> None:
        for worker in self._workers:
            if self._is_stopping:
                worker.process.kill()
            else:
                worker.process.terminate()
        if self._is_stopping:
            self._code = 128 + number
        self._is_stopping = True
        # As long as anybody has it open, new clients are let in and wait for an answer.
        self._sock.close()

    async def _reload(self) -> None:
        read = await asyncio.to_thread(reread, self._path, self._settings)
        if self._is_stopping:
            return
        self._settings = read or self._settings
        workers = list(self._workers)
        for worker in workers:
            worker.has_answered.clear()
            # One that has just ended is replaced by one that has them.
            with suppress(OSError):
                worker.pipe.send(read)
        for worker in workers:
            await worker.has_answered.wait()
        if read is not None:
            say_reloaded(read)


def _work(settings: Settings, sock: socket.socket, pipe: "Connection[Said, Settings | None]") -> None:
    """What a worker process does."""
    # The terminal sends these to all processes; the parent decides.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    code = 0
    try:
        _WorkerServer(make_app(settings), settings, pipe).run(sockets=[sock])
    except Exception as error:
        # multiprocessing would print its text.
        sys.stderr.write(f"unexpected {type(error).__qualname__} in a worker\n{crashes.report(error)}\n")
        code = 1
    sys.stderr.flush()
    # Threads of the HTTP client can abort the process while the interpreter winds up: nothing is left to do there.
    os._exit(code)


class _WorkerServer(Server):
    """A worker's server: its parent has it reload, and tells it to stop, also by going away."""

    def __init__(self, app: LiveApp, settings: Settings, pipe: "Connection[Said, Settings | None]") -> None:
        super().__init__(app, settings.server, self._listen)
        self._live = app
        self._pipe = pipe
        self._adopting: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM:
            super().handle_exit(sig, frame)

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._heard)
        self._pipe.send(Said.READY)

    def _heard(self) -> None:
        try:
            settings = self._pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self.should_exit = True
            return
        # The parent waits for the answer before it says more.
        self._adopting = asyncio.ensure_future(self._adopt(settings))

    async def _adopt(self, settings: Settings | None) -> None:
        adopted = await adopt(self, self._live, settings)
        with suppress(OSError):
            self._pipe.send(Said.ADOPTED if adopted else Said.KEPT)

"""Runs ASGI applications on loopback ports in a thread of their own."""

import asyncio
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp


class LoopbackServers:
    """A context manager: on entry every application listens on a free loopback port; on exit all have stopped.

    `urls` then holds each one's root URL, without a trailing slash. Their event loop runs in one background thread,
    so that signals stay with the main thread.
    """

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._sockets = {name: listening_socket() for name in apps}
        self._servers = {
            name: uvicorn.Server(
                uvicorn.Config(app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=1)
            )
            for name, app in apps.items()
        }
        self.urls = {name: f"http://127.0.0.1:{sock.getsockname()[1]}" for name, sock in self._sockets.items()}
        self._thread = threading.Thread(target=self._run, name="loopback-servers", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise RuntimeError("a loopback server could not start") from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers.values():
            server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, server in self._servers.items():
                group.create_task(server.serve(sockets=[self._sockets[name]]))
            while not all(server.started for server in self._servers.values()):
                if any(server.should_exit for server in self._servers.values()):
                    raise RuntimeError("a server stopped while starting")
                await asyncio.sleep(0.005)
            self._ready.set()


def listening_socket() -> socket.socket:
    """A socket on a free loopback port."""
    # asyncio turns Nagle's algorithm off only on sockets that name the protocol: without it every answer takes 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock

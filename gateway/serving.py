"""Runs the gateway's HTTP server in the main thread until it is told to stop."""

import asyncio
import gc
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import IPv6Address, ip_address
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from . import crashes
from .connections import Connection, ConnectionLimits, cut_waiting
from .health import DRAINING
from .settings import ServerSettings

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; port 0 takes a free one. OSError where it can't be had."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Bound is not enough: until one of them listens, two processes can bind the same port.
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server there. An address that can't be had is no other one's."""
    try:
        resolved = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4][0]
    except OSError:
        return True
    address = ip_address(str(resolved).partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def url_of(sock: socket.socket) -> str:
    """The root URL of a server on this socket, as a client on this machine writes it."""
    bound: tuple[str, int] = sock.getsockname()[:2]
    host, port = bound
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def settle_memory() -> None:
    """Take what is loaded by now out of garbage collection, and collect less often.

    The schema and the modules stay for good. Without this, walking them again and again takes a tenth of the time of
    small answers, and pauses of tens of milliseconds. What is to go one day must not be there yet: circles of it would
    stay.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def make_room_for(connections: int) -> None:
    """Allow this process as many open files as so many clients, and the calls made for them, may need.

    The usual 1024 are used up by fewer clients than it takes to notice, and then no provider can be called either.
    """
    try:
        import resource
    except ImportError:  # where there is no such limit
        return
    wanted = 2 * connections + 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Server(uvicorn.Server):
    """One process's server.

    Told to stop, it says so at /readyz for `drain_delay_ms`, and asks clients to close their connections; then it stops
    listening, and gives the requests in flight `drain_ms` to finish before they are cut. `started` is called once it
    listens.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, started: Callable[[], None] | None = None) -> None:
        self._limits = ConnectionLimits(settings.max_connections, settings.client_timeout_ms / 1000)
        options: dict[str, Any] = {"log_level": "warning", "access_log": False, "ws": "none", "server_header": False}
        # Nothing depends on a client's address or scheme, so that no header can pretend to one.
        options["proxy_headers"] = False
        connection: Any = partial(Connection, limits=self._limits)
        super().__init__(uvicorn.Config(app, interface="asgi3", http=connection, **options))
        crashes.keep_texts_out_of_logs()
        self.apply(settings)
        self._started = started

    def apply(self, settings: ServerSettings) -> None:
        """Use these settings for what has not happened yet."""
        self._delay = settings.drain_delay_ms / 1000
        config: Any = self.config  # uvicorn says whole seconds, and takes any number of them
        config.timeout_graceful_shutdown = settings.drain_ms / 1000
        self._limits.most = settings.max_connections
        self._limits.timeout = settings.client_timeout_ms / 1000
        make_room_for(settings.max_connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._started is not None and not self.should_exit:
            self._started()

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            cut_waiting(self.server_state.connections, self._limits.timeout)
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        await super().main_loop()
        self.lifespan.state[DRAINING] = True
        self.config.encoded_headers.append((b"connection", b"close"))
        end = monotonic() + self._delay
        while (left := end - monotonic()) > 0:
            # The headers of every answer are made anew there, about once a second.
            await self.on_tick(0)
            await asyncio.sleep(min(left, 1))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # One line says how many requests were cut: without a stack trace for each.
        logging.getLogger("uvicorn.error").addFilter(_is_no_cut)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own would raise the signal again after all is done, and the exit code would not be 0.
        self.should_exit = True


def _is_no_cut(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class ForegroundServer(Server):
    """The server of a process that has no other: a second signal ends it at once, whatever it is doing."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def serve(
    app: ASGIApp, sock: socket.socket, started: Callable[[str], None], settings: ServerSettings | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, and as `Server` says after it. `started` gets the root URL."""
    settle_memory()
    server = ForegroundServer(app, settings or ServerSettings(), lambda: started(url_of(sock)))
    server.run(sockets=[sock])

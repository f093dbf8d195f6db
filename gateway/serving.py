"""Runs the gateway's HTTP server in the main thread until it is told to stop."""

import gc
import signal
import socket
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp

SHUTDOWN_SECONDS = 10
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
    small answers, and pauses of tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def uvicorn_options() -> dict[str, Any]:
    """What every server process is started with."""
    return {
        "log_level": "warning",
        "access_log": False,
        "ws": "none",
        "server_header": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }


def serve(app: ASGIApp, sock: socket.socket, started: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished first. `started` gets the root URL."""
    settle_memory()
    config = uvicorn.Config(app, **uvicorn_options())
    server = _Announcing(config, lambda: started(url_of(sock)))
    # uvicorn raises the signal again once it has shut down. By default SIGTERM would then end the process on the spot.
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        server.run(sockets=[sock])
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()

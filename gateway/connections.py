"""What one client connection may take: memory, time, a place. uvicorn itself sets no bounds here.

Nothing is measured per request: connections are looked at once a second, and only the bytes of one that is in the
middle of a request are counted.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .joined import JoinedWrites

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers; likewise of what frames its body, trailers included."""
MAX_DISCARDED_BYTES = 4 * 1024 * 1024
"""Of a body that is still sent when the answer is out."""
MAX_TRAILERS = 100
MAX_PIPELINED = 50
"""Requests that wait on one connection for the answer to an earlier one."""


@dataclass(slots=True)
class ConnectionLimits:
    """`most` connections at a time; `timeout` in seconds for each wait for a client."""

    most: int
    timeout: float


class Connection(HttpToolsProtocol):
    """One client's connection, within limits.

    Trailers are dropped: uvicorn would add them to the headers, so that whoever checks headers on the way, as a proxy
    does, would not see what the gateway sees.
    """

    def __init__(self, *args: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._pending = 0
        self._running: Any = None
        self.waits_for: object = None
        """What the client was last seen to be keeping the server waiting for, and since when."""
        self.waits_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.most:
            self._refuse(b"503 Service Unavailable", b"retry-after: 1\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # uvicorn tells the last request only. The others would write to what is closed, which is logged with a trace.
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def data_received(self, data: bytes) -> None:
        cycle: Any = self.cycle
        before = 0 if cycle is None else len(cycle.body)
        super().data_received(data)
        scope: Any = self.scope
        if scope is None:
            return
        if "method" not in scope:
            self._pending += len(data)
            if self._pending > MAX_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")
            return
        current: Any = self.cycle
        if current is None or not current.more_body:
            self._pending = 0
            return
        taken = len(current.body) - (before if current is cycle else 0)
        self._pending += len(data) - taken
        most = MAX_DISCARDED_BYTES if current.response_complete else 2 * MAX_HEAD_BYTES
        if self._pending > most or len(self.headers) > MAX_TRAILERS:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            self.transport.abort()
            raise ValueError("too many requests at once")
        super().on_headers_complete()
        parser: Any = self.parser
        if not parser.should_upgrade():
            self.headers = []

    def send_400_response(self, msg: str) -> None:
        cycle: Any = self.cycle
        is_next = "method" not in (self.scope or {})
        if self.pipeline or (is_next and cycle is not None and not cycle.response_complete):
            # It would be taken for the answer to a request that came before.
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def waits(self) -> object:
        """What the server waits for this client to send or to take: the same, by ==, as long as nothing moves.

        None where it waits for nothing, or uvicorn's own time for the next request runs.
        """
        if self.transport.is_closing():
            return "closing" if self.transport.get_write_buffer_size() else None
        cycle: Any = self.cycle
        if self.flow.write_paused:
            return cycle, self.transport.get_write_buffer_size()
        if self.flow.read_paused:
            return None
        if cycle is not None and cycle.more_body:
            return cycle, "body"
        is_idle = cycle is None or cycle.response_complete
        return (cycle, "head") if is_idle and self.timeout_keep_alive_task is None else None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        cycle.transport = JoinedWrites(self.transport)
        super()._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        # Whoever asks for an upgrade gets an answer without one; there is nothing that an operator should install.
        pass

    def _refuse(self, status: bytes, header: bytes = b"") -> None:
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\n" + header + b"content-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.close()


def cut_waiting(connections: Iterable[Any], timeout: float) -> None:
    """Cut the connections whose client has kept the server waiting for the same thing for `timeout` seconds."""
    now = monotonic()
    for connection in list(connections):
        if not isinstance(connection, Connection):
            continue
        waits_for = connection.waits()
        if waits_for is None or waits_for != connection.waits_for:
            connection.waits_for, connection.waits_since = waits_for, now
        elif now - connection.waits_since >= timeout:
            connection.transport.abort()

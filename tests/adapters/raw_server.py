"""A loopback server that answers with bytes as they are, for replies that no web framework would send."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.streams import stream_server

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Writes one reply. The connection closes after it, unless it raises KeepAlive."""


class KeepAlive(Exception):
    """The connection stays open for another request."""


@dataclass(slots=True)
class RawServer:
    """`connections` and `requests` count them; `asked` is set by the first request."""

    url: str = ""
    connections: int = 0
    requests: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def raw_server(
    answer: Answer, *, unasked: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[RawServer]:
    """Serves until the block ends; then every connection is closed. `unasked`: answers before any request came."""
    state = RawServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        while True:
            if not unasked:
                await reader.readuntil(b"\r\n\r\n")
                state.requests += 1
                state.asked.set()
            try:
                await answer(writer)
            except KeepAlive:
                continue
            break

    async with stream_server(serve, tls=tls) as port:
        state.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
        yield state


def sending(content: bytes, *, keep_alive: bool = False) -> Answer:
    """Sends these bytes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        if keep_alive:
            raise KeepAlive

    return answer


def resetting(content: bytes) -> Answer:
    """Sends these bytes, then resets the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        # Without it the connection would end in good order.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return answer


def hanging(content: bytes = b"") -> Answer:
    """Sends these bytes, then nothing more, and stays connected."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        await asyncio.Event().wait()

    return answer


def dripping(content: bytes) -> Answer:
    """Sends these bytes one at a time, again and again, until the client goes away."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            for number in content:
                writer.write(bytes([number]))
                await writer.drain()
                await asyncio.sleep(0.001)

    return answer


def endless(head: bytes, piece: bytes) -> Answer:
    """Sends a head, then the same piece again and again, until the client goes away."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    return answer

"""A server that keeps some of its clients waiting, and sees them leave."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.streams import stream_server

PATIENCE = 30
"""Seconds until a client that should have left counts as one that stays. Less than `LONG_MS`."""


@dataclass(slots=True)
class Stall:
    """What happens to requests for one path. `start` is all that is sent until `rest` is let go."""

    start: bytes = b""
    rest: bytes = b""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the client has closed the connection while it waited."""

    async def has_left(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.left.wait()


@asynccontextmanager
async def stalling(stalls: Mapping[str, Stall]) -> AsyncGenerator[str]:
    """Serves one request a connection, by the end of its path. Gives the URL of the server."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode().partition("?")[0]
        stall = next(stall for ending, stall in stalls.items() if path.endswith(ending))
        writer.write(stall.start)
        stall.asked.set()
        leaving = asyncio.ensure_future(reader.read())
        freeing = asyncio.ensure_future(stall.free.wait())
        try:
            await asyncio.wait((leaving, freeing), return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                # How it left, in order or by a reset, is all the same.
                leaving.exception()
                stall.left.set()
            else:
                writer.write(stall.rest)
        finally:
            freeing.cancel()
            leaving.cancel()

    async with stream_server(serve) as port:
        yield f"http://127.0.0.1:{port}"

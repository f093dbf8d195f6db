"""A loopback server of byte streams that leaves no connection behind, whenever its test ends."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TURNS_OF_ACCEPTING = 4
"""Of the event loop, from a connection that is accepted to the first step of the task that serves it."""


@asynccontextmanager
async def stream_server(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Runs `serve` for each connection, and gives the port. The end of the block is the end of all of them.

    A connection closes once it is served, also where its peer broke it off; any other error is raised at the end.
    """
    tasks: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        # No more are accepted, but those that were need the server until they have their tasks, and a task its first
        # step before it can be cancelled: connections would be left open.
        asyncio.get_running_loop().remove_reader(server.sockets[0].fileno())
        for _ in range(TURNS_OF_ACCEPTING):
            await asyncio.sleep(0)
        server.close()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

"""Calls an ASGI application in this process, and gives its answer while it is made."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from .exits import CommandError, ExitCode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a gateway: its head, and its body while it arrives. Names of headers are in lower case.

    `chunks` raises CommandError where the body ends before it is whole.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def body(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks])


class Carrier(Protocol):
    """Takes requests to a gateway. `target` is a path with its query."""

    def send(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes
    ) -> AbstractAsyncContextManager[Reply]: ...


@dataclass(frozen=True, slots=True)
class InProcess:
    """Takes requests to an application. No request is answered faster than it is read."""

    app: ASGIApp

    @asynccontextmanager
    async def send(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> AsyncGenerator[Reply]:
        exchange = _Exchange(content)
        task = asyncio.create_task(exchange.call(self.app, _scope(method, target, headers)))
        try:
            start = await exchange.next()
            fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
            yield Reply(start["status"], fields, exchange.chunks())
        finally:
            task.cancel()
            await asyncio.wait([task])


@dataclass(slots=True)
class _Exchange:
    content: bytes
    messages: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue[Message | None](1))
    is_sent: bool = False

    async def call(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self.receive, self.messages.put)
        except Exception as error:
            log.error("unexpected %s in the gateway", type(error).__qualname__)
        await self.messages.put(None)

    async def receive(self) -> Message:
        if self.is_sent:
            # This client never leaves before its answer ends: then the call is cancelled.
            await asyncio.Event().wait()
        self.is_sent = True
        return {"type": "http.request", "body": self.content, "more_body": False}

    async def next(self) -> Message:
        message = await self.messages.get()
        if message is None:
            raise CommandError("the gateway's answer broke off", ExitCode.INCOMPLETE)
        return message

    async def chunks(self) -> AsyncGenerator[bytes]:
        while True:
            message = await self.next()
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body", False):
                return


def _scope(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }

"""What can go wrong below HTTP, or in it: what a server does, and what the gateway is to make of it."""

import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trustme

from adapters.errors import BadResponse, TimedOut, Unavailable
from tests.adapters.raw_server import (
    Answer,
    RawServer,
    dripping,
    endless,
    hanging,
    raw_server,
    resetting,
    sending,
)

Serving = Callable[[], AbstractAsyncContextManager[RawServer]]
"""Runs a server while a block runs."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = b'{"id": "x", "padding": "' + b"x" * 2000 + b'"}'
MEGABYTE = b"x-filler: " + b"f" * (1 << 20) + b"\r\n"
RETRIES = 2
"""How often a call is repeated that failed by no fault of its own, as `SETTINGS` say."""
SETTINGS: Mapping[str, Any] = {"max_retries": RETRIES, "retry_wait_ms": 0}
"""Keys of the provider that a fault is about."""


def raw(answer: Answer) -> Serving:
    """A server of bytes."""

    @asynccontextmanager
    async def serving() -> AsyncGenerator[RawServer]:
        async with raw_server(answer) as server:
            yield server

    return serving


@asynccontextmanager
async def plain() -> AsyncGenerator[RawServer]:
    """Speaks HTTP where its URL says HTTPS, and takes the client's greeting for a bad request."""
    async with raw_server(sending(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), unasked=True) as server:
        server.url = server.url.replace("http:", "https:")
        yield server


@asynccontextmanager
async def refusing() -> AsyncGenerator[RawServer]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield RawServer(f"http://127.0.0.1:{taken.getsockname()[1]}")


@asynccontextmanager
async def nowhere() -> AsyncGenerator[RawServer]:
    yield RawServer("http://nothing.invalid")


@asynccontextmanager
async def unknown() -> AsyncGenerator[RawServer]:
    """Speaks TLS, with a certificate of an authority that nobody knows."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]
    async with raw_server(sending(b""), tls=tls) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Trouble:
    """A server, the kind of error it leads to, and how often one look-up reaches it where nothing is repeated."""

    serving: Serving
    error: type[Unavailable | TimedOut | BadResponse]
    connections: int = 1
    requests: int = 1

    @property
    def attempts(self) -> int:
        """How often a look-up is tried: where there was no answer it may be there a moment later."""
        return 1 + (RETRIES if self.error is Unavailable else 0)


TROUBLES: Mapping[str, Trouble] = {
    "refused": Trouble(refusing, Unavailable, 0, 0),
    "no such host": Trouble(nowhere, Unavailable, 0, 0),
    "plain HTTP where TLS should be": Trouble(plain, Unavailable, 1, 0),
    "certificate that nobody vouches for": Trouble(unknown, Unavailable, 0, 0),
    "closed at once": Trouble(raw(sending(b"")), Unavailable),
    "reset at once": Trouble(raw(resetting(b"")), Unavailable),
    "reset in the headers": Trouble(raw(resetting(HEAD + b"content-le")), Unavailable),
    "reset in the body": Trouble(raw(resetting(HEAD + b"content-length: 5000\r\n\r\n" + BODY)), Unavailable),
    "closed in the body": Trouble(raw(sending(HEAD + b"content-length: 5000\r\n\r\n" + BODY)), Unavailable),
    "chunks cut off": Trouble(raw(sending(HEAD + b"transfer-encoding: chunked\r\n\r\nfff\r\n" + BODY)), Unavailable),
    "never answers": Trouble(raw(hanging()), TimedOut),
    "stops in the headers": Trouble(raw(hanging(HEAD)), TimedOut),
    "stops in the body": Trouble(raw(hanging(HEAD + b"content-length: 5000\r\n\r\n" + BODY)), TimedOut),
    "drips headers": Trouble(raw(dripping(HEAD + b"x-filler: " + b"f" * 10_000)), TimedOut),
    "drips a body": Trouble(raw(dripping(HEAD + b"\r\n" + b" " * 10_000)), TimedOut),
    "not HTTP": Trouble(raw(sending(b"220 smtp.example ready\r\n\r\n")), BadResponse),
    "noise": Trouble(raw(sending(bytes(range(256)) * 8)), BadResponse),
    "headers without end": Trouble(raw(endless(HEAD, MEGABYTE)), BadResponse),
    "more than it says": Trouble(raw(sending(HEAD + b"content-length: 20\r\n\r\n" + BODY)), BadResponse),
    "two lengths": Trouble(raw(sending(HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}")), BadResponse),
    "no length that is one": Trouble(raw(sending(HEAD + b"content-length: many\r\n\r\n{}")), BadResponse),
    "broken chunks": Trouble(raw(sending(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}")), BadResponse),
    "broken gzip": Trouble(
        raw(sending(HEAD + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd")), BadResponse
    ),
}

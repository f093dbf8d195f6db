"""Files through a real server: a file that breaks off, a client that leaves, a file larger than any buffer."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.upstream import Transport
from gateway.app import create_app
from gateway.serving import Server, listen
from gateway.settings import ServerSettings, parse
from tests.adapters.raw_server import Answer, RawServer, hanging, raw_server, sending
from tests.support import patiently, run

TOKEN = "canary-token-of-files"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nset-cookie: a=b\r\n"
PIECE = b"x" * 65536


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Served:
    provider: RawServer
    port: int


@asynccontextmanager
async def served(answer: Answer, transport: Transport | None = None, **keys: Any) -> AsyncGenerator[Served]:
    """A gateway on a port, over a provider that gives this answer."""
    async with raw_server(answer) as provider:
        section = {"base_url": provider.url, "token": TOKEN, **keys}
        app = create_app(parse({"providers": {"eigenpal": section}}))
        started = asyncio.Event()
        sock = listen("127.0.0.1", 0)
        server = Server(app, ServerSettings(drain_delay_ms=0), started.set)
        task = asyncio.create_task(server.serve(sockets=[sock]))
        await started.wait()
        try:
            yield Served(provider, sock.getsockname()[1])
        finally:
            server.should_exit = True
            await task


async def asked(port: int, method: str = "GET") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} /files/eigenpal:r/a.txt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    return reader, writer


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection is closed."""
    with suppress(ConnectionError):
        return await reader.read()
    return b""


async def both(port: int) -> tuple[bytes, bytes]:
    reader, writer = await asked(port)
    try:
        return await head_of(reader), await rest_of(reader)
    finally:
        writer.close()


def outcome(answer: Answer, ask: Callable[[int], Awaitable[Any]] = both, **keys: Any) -> Any:
    async def go() -> Any:
        async with served(answer, **keys) as state:
            return await ask(state.port)

    return run(go())


def test_a_file_that_breaks_off_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    head, rest = outcome(sending(HEAD + b"content-length: 500\r\n\r\nhalf"))
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length: 500\r\n" in head
    assert b"cookie" not in head
    assert len(rest) < 500
    assert "a file broke off" in caplog.text
    assert TOKEN not in caplog.text


def test_a_file_of_unknown_size_that_breaks_off_has_no_end() -> None:
    head, rest = outcome(sending(HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"))
    assert b"transfer-encoding: chunked\r\n" in head
    assert b"content-length" not in head
    assert not rest.endswith(b"0\r\n\r\n")


def test_a_file_that_stops_arriving_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    def check(idle_ms: int) -> None:
        _, rest = outcome(hanging(HEAD + b"content-length: 500\r\n\r\nhalf"), download_idle_timeout_ms=idle_ms)
        assert rest == b"half"
        assert "stopped arriving" in caplog.text

    patiently(check)


def test_a_file_beyond_the_limit() -> None:
    head, _ = outcome(sending(HEAD + b"content-length: 5000\r\n\r\n" + b"x" * 5000), max_download_bytes=1024)
    assert head.startswith(b"HTTP/1.1 502")


async def only_head(port: int) -> bytes:
    reader, writer = await asked(port, "HEAD")
    try:
        return await head_of(reader)
    finally:
        writer.close()


def test_head_of_a_file_of_unknown_size_does_not_say_that_it_is_empty() -> None:
    head = outcome(sending(HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n"), only_head)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length" not in head


class Endless:
    """`sent` counts what went out; `left` is set when the gateway has gone."""

    def __init__(self, *, then_waits: bool = False) -> None:
        self.sent = 0
        self.left = asyncio.Event()
        self._then_waits = then_waits

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"content-length: 100000000000\r\n\r\n")
        try:
            while not (self._then_waits and self.sent):
                writer.write(PIECE)
                await writer.drain()
                self.sent += len(PIECE)
            # The only way to see that the other side goes while nothing is sent.
            while not writer.is_closing():
                await asyncio.sleep(0.01)
                writer.write(b"x")
                await writer.drain()
        finally:
            self.left.set()


def test_a_client_that_reads_nothing_holds_the_provider_back() -> None:
    async def go() -> int:
        source = Endless()
        async with served(source) as state:
            reader, writer = await asked(state.port)
            await head_of(reader)
            before = -1
            while before != source.sent:
                before = source.sent
                await asyncio.sleep(0.05)
            writer.transport.abort()
            await source.left.wait()
            return source.sent

    assert run(go()) < 64 * 1024 * 1024


@pytest.mark.parametrize("then_waits", [False, True], ids=["while it flows", "while it stands still"])
def test_a_client_that_leaves_ends_the_download(then_waits: bool) -> None:
    async def go() -> None:
        source = Endless(then_waits=then_waits)
        async with served(source) as state:
            reader, writer = await asked(state.port)
            await head_of(reader)
            await reader.readexactly(1000)
            writer.transport.abort()
            await source.left.wait()

    run(go())


def test_no_token_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    outcome(sending(HEAD + b"content-length: 4\r\n\r\nfile"))
    assert TOKEN not in caplog.text

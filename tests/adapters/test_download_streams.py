"""How a file arrives: piece by piece, bounded, ended with its reader, and never cut in silence."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest

from adapters import errors
from adapters.upstream import ByteRange
from tests.support import patiently, run

from .downloads import downloaded, opened, taken
from .raw_server import Answer, hanging, raw_server, resetting, sending

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
PIECE = b"x" * 65536


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Source:
    """Sends a file without end. `sent` counts its bytes; `left` is set once the reader has gone."""

    def __init__(self) -> None:
        self.sent = 0
        self.left = asyncio.Event()

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"content-length: 100000000000\r\n\r\n")
        try:
            while True:
                writer.write(PIECE)
                await writer.drain()
                self.sent += len(PIECE)
        finally:
            self.left.set()


def test_a_reader_that_stops_stops_the_provider() -> None:
    """Only what fits into the buffers of sockets is sent beyond what was read; leaving ends the rest at once."""

    async def ask() -> tuple[int, int]:
        source = Source()
        async with raw_server(source) as server, opened(server.url) as upstream:
            async with upstream.download("x") as download:
                read = len(await anext(download.chunks))
                before = -1
                while before != source.sent:
                    before = source.sent
                    await asyncio.sleep(0.05)
            await source.left.wait()
            return read, source.sent

    read, sent = run(ask())
    assert read <= 65536
    assert sent < 64 * 1024 * 1024


def test_pieces_arrive_before_the_file_is_whole() -> None:
    async def ask() -> bytes:
        answer = hanging(HEAD + b"content-length: 10\r\n\r\nfirst")
        async with (
            raw_server(answer) as server,
            opened(server.url) as upstream,
            upstream.download("x") as download,
        ):
            return await anext(download.chunks)

    assert run(ask()) == b"first"


def test_a_reader_that_is_cancelled_leaves() -> None:
    async def ask() -> None:
        source = Source()
        async with raw_server(source) as server, opened(server.url) as upstream:

            async def read() -> None:
                async with upstream.download("x") as download:
                    async for _ in download.chunks:
                        await asyncio.sleep(0)

            reader = asyncio.create_task(read())
            await server.asked.wait()
            reader.cancel()
            await asyncio.wait([reader])
            await source.left.wait()

    run(ask())


def outcome(answer: Answer, part: ByteRange | None = None, **keys: Any) -> tuple[bytes, errors.AdapterError | None]:
    """What arrived, and why no more did."""

    async def ask() -> tuple[bytes, errors.AdapterError | None]:
        got = bytearray()
        async with raw_server(answer) as server, opened(server.url, **keys) as upstream:
            try:
                async with upstream.download("x", part=part) as download:
                    async for chunk in download.chunks:
                        got += chunk
            except errors.AdapterError as error:
                return bytes(got), error
        return bytes(got), None

    return run(ask())


CUT = {
    "shorter than it says": sending(HEAD + b"content-length: 50\r\n\r\nhalf"),
    "reset": resetting(HEAD + b"content-length: 50\r\n\r\nhalf"),
    "chunks without an end": sending(HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    "broken chunks": sending(HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
}


@pytest.mark.parametrize("what", CUT)
def test_a_file_that_breaks_off_is_an_error(what: str) -> None:
    _, error = outcome(CUT[what])
    assert type(error) in (errors.BadResponse, errors.Unavailable)


def test_a_file_that_stops_arriving() -> None:
    def check(idle_ms: int) -> None:
        got, error = outcome(hanging(HEAD + b"content-length: 50\r\n\r\nhalf"), download_idle_timeout_ms=idle_ms)
        assert got == b"half"
        assert type(error) is errors.TimedOut

    patiently(check)


def test_no_headers_in_time() -> None:
    assert type(outcome(hanging(), timeout_ms=30)[1]) is errors.TimedOut


def test_a_slow_file_is_not_bound_by_the_timeout_of_calls() -> None:
    def check(timeout_ms: int) -> None:
        async def drip(writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + b"content-length: 6\r\n\r\n")
            for _ in range(6):
                await asyncio.sleep(timeout_ms / 4000)
                writer.write(b"x")
                await writer.drain()

        assert outcome(drip, timeout_ms=timeout_ms) == (b"xxxxxx", None)

    patiently(check)


def test_the_limit_for_a_file_that_says_its_size() -> None:
    head = HEAD + b"content-length: 1025\r\n\r\n"
    got, error = outcome(sending(head + b"x" * 1025), max_download_bytes=1024)
    assert (got, type(error)) == (b"", errors.BadResponse)
    assert outcome(sending(head + b"x" * 1025), max_download_bytes=1025) == (b"x" * 1025, None)


def test_the_limit_for_a_file_that_does_not() -> None:
    got, error = outcome(Source(), max_download_bytes=1024)
    assert "larger than 1024 bytes" in str(error)
    got, error = outcome(sending(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2000), max_download_bytes=1024)
    assert len(got) <= 1024
    assert "larger than 1024 bytes" in str(error)


def test_a_bomb_is_unpacked_no_further_than_it_is_read() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    got, error = outcome(sending(head + bomb), max_download_bytes=100_000)
    assert len(got) <= 100_000
    assert "larger than" in str(error)


def test_a_packed_file_is_unpacked_and_no_longer_described_as_packed() -> None:
    packed = gzip.compress(b"content")
    headers = {
        "content-encoding": "gzip",
        "content-length": str(len(packed)),
        "etag": '"1"',
        "content-type": "text/csv",
    }
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=packed))
    status, described, content = downloaded("https://p.test", "x", transport=transport)
    assert (status, described, content) == (200, {"content-type": "text/csv"}, b"content")


@pytest.mark.parametrize("content_range", ["", "bytes 0-1", "bytes */9", "lines 0-1/9", "bytes 0-1/9, bytes 3-4/9"])
def test_a_range_that_does_not_say_which(content_range: str) -> None:
    head = b"HTTP/1.1 206 Partial Content\r\ncontent-length: 2\r\ncontent-range: %s\r\n\r\n" % content_range.encode()
    assert type(outcome(sending(head + b"xx"), ByteRange("bytes=0-1"))[1]) is errors.BadResponse


def test_a_range_that_nobody_asked_for() -> None:
    head = b"HTTP/1.1 206 Partial Content\r\ncontent-length: 2\r\ncontent-range: bytes 0-1/9\r\n\r\n"
    assert type(outcome(sending(head + b"xx"))[1]) is errors.BadResponse


def test_downloads_share_the_connections_of_calls() -> None:
    async def ask() -> int:
        reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        async with raw_server(sending(reply, keep_alive=True)) as server, opened(server.url) as upstream:
            await upstream.get("x")
            await taken(upstream, "y")
            await upstream.get("z")
            return server.connections

    assert run(ask()) == 1


def test_an_endless_error_is_not_read_to_its_end() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        while True:
            writer.write(PIECE)
            await writer.drain()

    assert type(outcome(endless)[1]) is errors.NotFound

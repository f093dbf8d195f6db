"""What one client connection may take, asked of a real server over raw sockets."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.connections import MAX_PIPELINED, MAX_TRAILERS, Connection, cut_waiting
from gateway.serving import Server, listen
from gateway.settings import ServerSettings
from tests.support import run

PATIENCE = 60
LARGE = 32 * 1024 * 1024
CHUNKED = b"POST /headers HTTP/1.1\r\nhost: x\r\nauthorization: mine\r\ntransfer-encoding: chunked\r\n\r\n"


class Served:
    """A server in this loop. `/held` answers once `release` is set."""

    def __init__(self, **settings: int) -> None:
        self.release = asyncio.Event()
        self.asked = 0
        self._clients: list[asyncio.StreamWriter] = []
        routes = [
            Route("/headers", self._headers, methods=["GET", "POST"]),
            Route("/held", self._held),
            Route("/large", self._large),
        ]
        self._sock = listen("127.0.0.1", 0)
        self.server = Server(Starlette(routes=routes), ServerSettings.model_validate(settings))

    async def connect(self, *sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._sock.getsockname())
        self._clients.append(writer)
        writer.write(b"".join(sent))
        return reader, writer

    async def answer(self, *sent: bytes) -> bytes:
        """All that comes back until the server closes the connection, or cuts it."""
        reader, _ = await self.connect(*sent)
        got = b""
        try:
            async with asyncio.timeout(PATIENCE):
                while piece := await reader.read(65536):
                    got += piece
        except ConnectionError:
            pass
        return got

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)

    async def look_twice(self) -> None:
        """As the server does once a second, with no patience at all."""
        for _ in range(2):
            cut_waiting(self.server.server_state.connections, 0)

    async def _headers(self, request: Request) -> Response:
        with suppress(ClientDisconnect):
            await request.body()
        return JSONResponse(request.headers.items())

    async def _held(self, _request: Request) -> Response:
        self.asked += 1
        await self.release.wait()
        return Response(b"held")

    async def _large(self, _request: Request) -> Response:
        return Response(bytes(LARGE))

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator["Served"]:
        serving = asyncio.create_task(self.server.serve(sockets=[self._sock]))
        try:
            await self.until(lambda: self.server.started)
            yield self
        finally:
            self.release.set()
            for writer in self._clients:
                writer.transport.abort()
            self.server.should_exit = True
            await serving


def against(ask: Callable[[Served], Awaitable[None]], **settings: int) -> None:
    async def serve() -> None:
        async with Served(drain_ms=1000, **settings)() as served:
            await ask(served)

    run(serve())


@pytest.mark.parametrize(
    "start",
    [b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000, b"GET / HTTP/1.1\r\n" + b"x: a\r\n" * 20_000],
    ids=["line", "header", "headers"],
)
def test_a_head_without_end_is_refused(start: bytes) -> None:
    async def ask(served: Served) -> None:
        assert (await served.answer(start)).startswith(b"HTTP/1.1 431 ")

    against(ask)


def test_trailers_are_no_headers() -> None:
    async def ask(served: Served) -> None:
        sent = CHUNKED.replace(b"host: x", b"host: x\r\nconnection: close")
        got = await served.answer(sent, b"1\r\na\r\n0\r\nauthorization: other\r\nx-new: 1\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200 ")
        assert b'["authorization","mine"]' in got
        assert b"other" not in got
        assert b"x-new" not in got

    against(ask)


@pytest.mark.parametrize(
    "rest",
    [b"0\r\n" + b"x: a\r\n" * (MAX_TRAILERS + 2), b"0\r\nx: " + b"a" * 200_000, b"1;" + b"a" * 200_000],
    ids=["trailers", "trailer", "extension"],
)
def test_a_bodys_frame_without_end_is_cut(rest: bytes) -> None:
    async def ask(served: Served) -> None:
        assert await served.answer(CHUNKED, rest) == b""

    against(ask)


class TestPipelined:
    def test_a_few_are_answered_in_order(self) -> None:
        async def ask(served: Served) -> None:
            one = b"GET /headers HTTP/1.1\r\nhost: x\r\nn: %d\r\n\r\n"
            last = b"GET /headers HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            got = await served.answer(*(one % n for n in range(20)), last)
            assert got.count(b"HTTP/1.1 200 ") == 21
            places = [got.index(b'["n","%d"]' % n) for n in range(20)]
            assert places == sorted(places)

        against(ask)

    def test_too_many_are_cut_and_not_begun(self, caplog: pytest.LogCaptureFixture) -> None:
        async def ask(served: Served) -> None:
            one = b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n"
            assert await served.answer(one * (MAX_PIPELINED + 2)) == b""
            assert served.asked <= 1
            served.release.set()
            await served.until(lambda: not served.server.server_state.tasks)

        against(ask)
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

    def test_nonsense_after_a_request_is_not_answered_in_its_place(self) -> None:
        async def ask(served: Served) -> None:
            assert await served.answer(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n", b"nonsense\r\n\r\n") == b""

        against(ask)

    def test_nonsense_alone_is_a_bad_request(self) -> None:
        async def ask(served: Served) -> None:
            assert (await served.answer(b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")

        against(ask)


def test_one_client_too_many_is_told_to_come_back() -> None:
    async def ask(served: Served) -> None:
        _, first = await served.connect()
        await served.until(lambda: len(served.server.server_state.connections) == 1)
        got = await served.answer()
        assert got.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in got
        first.close()
        await served.until(lambda: not served.server.server_state.connections)
        again = b"GET /headers HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        assert (await served.answer(again)).startswith(b"HTTP/1.1 200 ")

    against(ask, max_connections=1)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET /headers HTTP/1.1\r\nhost:",
        b"POST /headers HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
        b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["nothing", "blank", "head", "body", "answer not read"],
)
def test_a_client_that_keeps_the_server_waiting_is_cut(sent: bytes) -> None:
    async def ask(served: Served) -> None:
        await served.connect(sent)
        connections = served.server.server_state.connections

        def waiting() -> list[Connection]:
            return [one for one in connections if isinstance(one, Connection)]

        await served.until(lambda: any(one.waits() is not None for one in waiting()))
        await asyncio.sleep(0.05)
        await served.look_twice()
        await served.until(lambda: not connections)

    against(ask)


def test_a_client_that_waits_for_the_server_is_not_cut() -> None:
    async def ask(served: Served) -> None:
        reader, _ = await served.connect(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n")
        await served.until(lambda: served.asked == 1)
        await served.look_twice()
        served.release.set()
        assert (await reader.readuntil(b"held")).startswith(b"HTTP/1.1 200 ")
        # Until the next request uvicorn's own time runs.
        await served.look_twice()
        assert len(served.server.server_state.connections) == 1

    against(ask)

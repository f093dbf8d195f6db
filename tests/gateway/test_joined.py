"""How an answer's head and body leave the server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.joined import JoinedWrites
from gateway.serving import Server, listen
from gateway.settings import ServerSettings
from tests.support import LONG_MS, run


class Noted(asyncio.Transport):
    """Notes what it is told to do."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def write(self, data: Any) -> None:
        self.told.append(data)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.told.append(list(list_of_data))

    def close(self) -> None:
        self.told.append("close")

    def is_closing(self) -> bool:
        return "close" in self.told


def joining(test: Callable[[JoinedWrites, Noted], Awaitable[None]]) -> None:
    async def body() -> None:
        noted = Noted()
        await test(JoinedWrites(noted), noted)

    run(body())


def test_a_head_goes_with_its_body() -> None:
    async def body(joined: JoinedWrites, noted: Noted) -> None:
        joined.write(b"head")
        assert noted.told == []
        joined.write(b"body")
        joined.write(b"more")
        await asyncio.sleep(0)
        assert noted.told == [[b"head", b"body"], b"more"]

    joining(body)


def test_a_head_waits_for_one_turn_only() -> None:
    async def body(joined: JoinedWrites, noted: Noted) -> None:
        joined.write(b"head")
        await asyncio.sleep(0)
        assert noted.told == [b"head"]
        joined.write(b"body")
        assert noted.told == [b"head", b"body"]

    joining(body)


def test_nothing_is_lost_by_closing() -> None:
    async def body(joined: JoinedWrites, noted: Noted) -> None:
        joined.write(b"head")
        joined.close()
        assert joined.is_closing()
        await asyncio.sleep(0)
        assert noted.told == [b"head", "close"]

    joining(body)


def test_nothing_is_written_to_what_is_closed() -> None:
    async def body(joined: JoinedWrites, noted: Noted) -> None:
        joined.write(b"head")
        noted.close()
        await asyncio.sleep(0)
        assert noted.told == ["close"]

    joining(body)


def test_a_client_has_the_head_before_there_is_a_body() -> None:
    async def body() -> None:
        release = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await release.wait()
            await send({"type": "http.response.body", "body": b"body"})

        sock = listen("127.0.0.1", 0)
        server = Server(app, ServerSettings())
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        async with asyncio.timeout(LONG_MS / 1000):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
            release.set()
            assert await reader.read() == b"body"
        writer.close()
        server.should_exit = True
        await serving

    run(body())

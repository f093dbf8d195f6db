"""A client that goes away: what was under way for it ends. Over real sockets."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
import uvicorn

from gateway.app import create_app
from gateway.demo.server import listening_socket
from gateway.disconnect import WATCH_AFTER
from gateway.settings import parse
from tests.adapters.raw_server import hanging, raw_server
from tests.adapters.stalling import Stall, stalling
from tests.support import run

QUERY = '{ run(id: "refactor:1") { id } }'
BODY = json.dumps({"query": QUERY}).encode()
REQUESTS = {
    "POST": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    % (len(BODY), BODY),
    "GET": b"GET /graphql?query=%s HTTP/1.1\r\nhost: x\r\n\r\n" % quote(QUERY).encode(),
    "usage": b"GET /graphql?query=%s HTTP/1.1\r\nhost: x\r\n\r\n" % quote("{ usage { isComplete } }").encode(),
    "export": b"GET /export/runs.ndjson HTTP/1.1\r\nhost: x\r\n\r\n",
    "file": b"GET /files/eigenpal:1/a.txt HTTP/1.1\r\nhost: x\r\n\r\n",
}
IN_TIME = 60
"""Seconds. Nothing here takes as long, but a test that waits for ever says nothing."""
PATIENT = {"timeout_ms": 300_000, "read_timeout_ms": 300_000}
"""Nobody but the client ends what is under way."""


@asynccontextmanager
async def gateway(upstream: str) -> AsyncGenerator[int]:
    """The port of a gateway over providers at one URL."""
    providers = {"adapter": "middesk", "base_url": upstream, "token": "t0ken", **PATIENT}
    server_keys = {"deadline_ms": 3_600_000}
    feed = {"deadline_ms": 300_000, "report_deadline_ms": 300_000}
    app = create_app(
        parse(
            {
                "server": server_keys,
                "feed": feed,
                "providers": {
                    "refactor": {**providers, "adapter": "refactor"},
                    "middesk": providers,
                    "eigenpal": {**providers, "adapter": "eigenpal"},
                },
            }
        )
    )
    sock = listening_socket()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_work_ends_with_the_client(request_: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with raw_server(hanging()) as upstream, gateway(upstream.url) as port:
            before = asyncio.all_tasks()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUESTS[request_])
            await upstream.asked.wait()
            writer.close()
            while left := {task for task in asyncio.all_tasks() - before if "stream_server" not in str(task)}:
                await asyncio.wait(left)

    run(asyncio.wait_for(scenario(), IN_TIME))
    assert caplog.messages == []


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_providers_work_ends_with_the_client(request_: str) -> None:
    """It sees the connection close, at once and not at a limit: there is none as short as this test."""

    async def scenario() -> None:
        stall = Stall()
        async with stalling({"": stall}) as url, gateway(url) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUESTS[request_])
            await stall.asked.wait()
            writer.close()
            await stall.left.wait()

    run(asyncio.wait_for(scenario(), IN_TIME))


def test_the_work_goes_on_while_another_client_waits_for_it() -> None:
    """It was asked for by the one who leaves, and is done once."""
    asked: list[asyncio.StreamWriter] = []
    first_asked, release = asyncio.Event(), asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        first_asked.set()
        await release.wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    async def scenario() -> bytes:
        async with raw_server(answer) as upstream, gateway(upstream.url) as port:
            _, leaving = await asyncio.open_connection("127.0.0.1", port)
            leaving.write(REQUESTS["POST"])
            await first_asked.wait()
            reader, staying = await asyncio.open_connection("127.0.0.1", port)
            # Long enough for the first to be watched, so that only a request makes another task.
            await asyncio.sleep(4 * WATCH_AFTER)
            tasks = len(asyncio.all_tasks())
            staying.write(REQUESTS["POST"])
            while len(asyncio.all_tasks()) == tasks:  # noqa: ASYNC110 - nothing says that it came
                await asyncio.sleep(0.005)
            leaving.close()
            # Long enough for its leaving to be seen.
            await asyncio.sleep(4 * WATCH_AFTER)
            release.set()
            await reader.readuntil(b"\r\n\r\n")
            body = await reader.readuntil(b"}}")
            staying.close()
            return body

    assert run(asyncio.wait_for(scenario(), IN_TIME)) == b'{"data":{"run":null}}'
    assert len(asked) == 1


def test_the_work_ends_with_the_last_client() -> None:
    async def scenario() -> None:
        stall = Stall()
        async with stalling({"": stall}) as url, gateway(url) as port:
            writers: list[asyncio.StreamWriter] = []
            for _ in range(3):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(REQUESTS["POST"])
                writers.append(writer)
            await stall.asked.wait()
            for writer in writers:
                await asyncio.sleep(2 * WATCH_AFTER)
                assert not stall.left.is_set()
                writer.close()
            await stall.left.wait()

    run(asyncio.wait_for(scenario(), IN_TIME))


def test_a_client_that_stays_is_answered() -> None:
    """Also after the gateway began to watch for its leaving."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    async def scenario() -> list[bytes]:
        async with raw_server(answer) as upstream, gateway(upstream.url) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answers: list[bytes] = []
            for request in (REQUESTS["POST"], REQUESTS["GET"]):
                writer.write(request)
                await reader.readuntil(b"\r\n\r\n")
                answers.append(await reader.readuntil(b"}}"))
            writer.close()
            return answers

    assert run(asyncio.wait_for(scenario(), IN_TIME)) == [b'{"data":{"run":null}}'] * 2

"""Every provider in every trouble of `transport`: the right code, the other's run, no more calls, and nothing left."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.errors import TimedOut
from gateway.app import GRAPHQL_PATH, create_app
from gateway.demo.world import DemoWorld
from gateway.settings import parse
from tests.adapters.raw_server import RawServer, sending
from tests.gateway.calls import PROVIDERS, ended_run, run_ids
from tests.gateway.conftest import secrets
from tests.support import LONG_MS, patiently, run

from .transport import RETRIES, SETTINGS, TROUBLES, Trouble, raw

QUERY = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
WELL = "well"
"""The name of a provider that is not in trouble."""
PATIENCE = 30
"""Seconds until what has not been let go of counts as leaked."""


def in_trouble(world: DemoWorld, servers: Mapping[str, RawServer], timeout_ms: int) -> Mapping[str, Any]:
    """The configuration of providers that are at these servers, and of one that is well."""
    keys = {**SETTINGS, "timeout_ms": timeout_ms}
    sections = world.configuration()["providers"]
    troubled = {
        name: {**sections[name], **keys, "base_url": server.url + world.simulators[name].prefix}
        for name, server in servers.items()
    }
    # Each of them may be asked as often as if it were alone.
    server = {"max_retries": RETRIES * len(servers)}
    return {"server": server, "providers": {**troubled, WELL: {**sections["middesk"], "adapter": "middesk"}}}


async def asked(document: Mapping[str, Any], ids: Sequence[str]) -> httpx.Response:
    """The answer of a gateway that is there for one question."""
    app = create_app(parse(document))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client,
    ):
        return await client.post(GRAPHQL_PATH, json={"query": QUERY, "variables": {"ids": ids}})


def sockets() -> set[str]:
    """The sockets of this process, each by its inode; none where the system does not tell."""
    found: set[str] = set()
    folder = Path("/proc/self/fd")
    for descriptor in folder.iterdir() if folder.exists() else ():
        try:
            found.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # it was that of this very look
    return {name for name in found if name.startswith("socket:")}


def left_open(before: set[str]) -> set[str]:
    """The sockets that were not there before, once the threads that close them have had their time."""
    deadline = time.monotonic() + PATIENCE
    while (left := sockets() - before) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


@pytest.fixture(scope="module", autouse=True)
def warm(running_world: DemoWorld) -> None:
    """What lives as long as the process, such as the HTTP client's thread, is there before anybody looks."""
    section = running_world.configuration()["providers"]["refactor"]
    run(asked({"providers": {"refactor": section}}, ["refactor:x"]))


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble(world: DemoWorld, name: str, caplog: pytest.LogCaptureFixture) -> None:
    def check(timeout_ms: int) -> None:
        world.reset()
        caplog.clear()
        meet(TROUBLES[name], timeout_ms, world, caplog)

    # What never ends by itself ends with the time of the call, but not before the request has arrived.
    patiently(check) if TROUBLES[name].error is TimedOut else check(LONG_MS)


def meet(trouble: Trouble, timeout_ms: int, world: DemoWorld, caplog: pytest.LogCaptureFixture) -> None:
    """One look-up at each provider in trouble, and at the one that is well."""
    kind = trouble.error
    broken = [f"{provider}:{ended_run(world, provider)}" for provider in PROVIDERS]
    well = f"{WELL}:{ended_run(world, 'middesk')}"

    async def body() -> tuple[httpx.Response, dict[str, RawServer]]:
        tasks = asyncio.all_tasks()
        async with AsyncExitStack() as stack:
            servers = {name: await stack.enter_async_context(trouble.serving()) for name in PROVIDERS}
            answer = await asked(in_trouble(world, servers, timeout_ms), [*broken, well])
        assert asyncio.all_tasks() == tasks
        return answer, servers

    before = sockets()
    with caplog.at_level(logging.DEBUG):
        answer, servers = run(body())

    assert left_open(before) == set()
    said = answer.json()
    assert said["data"] == {"nodes": [*[None] * len(PROVIDERS), {"id": well}]}
    told = {error["extensions"]["provider"]: (error["path"], error["extensions"]["code"]) for error in said["errors"]}
    assert told == {name: (["nodes", place], kind.code.value) for place, name in enumerate(PROVIDERS)}
    assert {error["extensions"]["retryable"] for error in said["errors"]} == {kind.retryable}
    assert {name: (server.connections, server.requests) for name, server in servers.items()} == dict.fromkeys(
        PROVIDERS, (trouble.connections * trouble.attempts, trouble.requests * trouble.attempts)
    )
    assert len(world.middesk.calls) == 1

    # What a client and the log are told names neither an address nor a secret, nor what the server sent.
    sentences = (kind.default_message, "the answer is not valid JSON")
    for error in said["errors"]:
        assert error["message"].partition(": ")[2] in sentences
    logged = [record.getMessage() for record in caplog.records if record.name.startswith(("gateway", "adapters"))]
    text = "".join((answer.text, *logged))
    places = [server.url.partition("//")[2] for server in servers.values()]
    assert [word for word in (*secrets(world), *places, "smtp", "padding", "Traceback") if word in text] == []


@pytest.mark.parametrize("provider", ["refactor", "eigenpal", "middesk", "rightbrain"])
def test_an_answer_that_ends_with_its_connection(world: DemoWorld, provider: str) -> None:
    """As HTTP/1.0 has it."""
    simulator = world.simulators[provider]
    ids = run_ids(provider, [ended_run(world, provider)])
    section = world.configuration()["providers"][provider]
    run(asked({"providers": {provider: section}}, ids))
    call = simulator.calls[-1]
    headers = {"authorization": call.headers["authorization"]}
    whole = httpx.get(world.urls[provider] + call.target, headers=headers, timeout=60, trust_env=False).content
    serving = raw(sending(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + whole))

    async def body() -> tuple[httpx.Response, RawServer]:
        async with serving() as server:
            elsewhere = {**section, "base_url": server.url + simulator.prefix}
            return await asked({"providers": {provider: elsewhere}}, ids), server

    answer, server = run(body())
    assert answer.json() == {"data": {"nodes": [{"id": run_id} for run_id in ids]}}
    assert (server.connections, server.requests) == (1, 1)

"""Time that a test sets, and gateways that run side by side."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from gateway.app import GRAPHQL_PATH, create_app
from gateway.demo.world import DemoWorld
from gateway.settings import Settings, parse

from .redis_process import PATIENT, RedisProcess

EPOCH = 1_780_315_200.0
"""2026-06-01T12:00:00Z, in seconds."""


class Clock:
    """Seconds since the epoch, which pass when a test says so."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> float:
        return self.now


class Replica:
    """One of several gateways on one event loop."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient) -> None:
        self.app = app
        self._client = client

    async def send(self, query: str, **variables: Any) -> httpx.Response:
        return await self._client.post(GRAPHQL_PATH, json={"query": query, "variables": variables})

    async def get(self, query: str, headers: Mapping[str, str] | None = None, **variables: str) -> httpx.Response:
        """The answer to a GET; variables are texts."""
        parameters = {"query": query, "variables": httpx_json(variables)}
        return await self._client.get(GRAPHQL_PATH, params=parameters, headers=headers)

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer, which may not have errors."""
        body = (await self.send(query, **variables)).json()
        assert "errors" not in body, body["errors"]
        return body["data"]


def httpx_json(value: object) -> str:
    return httpx.Request("POST", "http://x", json=value).content.decode()


@asynccontextmanager
async def replicas(*settings: Settings, clock: Callable[[], float] | None = None) -> AsyncGenerator[list[Replica]]:
    """A gateway for each configuration, on this event loop."""
    async with AsyncExitStack() as stack:
        running: list[Replica] = []
        for one in settings:
            app = create_app(one) if clock is None else create_app(one, clock=clock)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://gateway.test")
            running.append(Replica(app, await stack.enter_async_context(client)))
        yield running


def configured(world: DemoWorld, *, only: Sequence[str] = (), **cache: Any) -> Settings:
    """A gateway over the simulated providers, or some of them, with a section `cache`."""
    document = world.configuration()
    if only:
        document["providers"] = {name: document["providers"][name] for name in only}
    return parse({**document, "cache": cache})


def sharing(world: DemoWorld, redis: RedisProcess, **cache: Any) -> tuple[Settings, Settings]:
    """Two gateways with the same configuration."""
    settings = configured(world, url=redis.url, **{**PATIENT, **cache})
    return settings, settings


async def together(*coroutines: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*coroutines))

"""Exports over adapters made up for a test."""

import asyncio
from asyncio import Semaphore
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Scope

from adapters.model import Part
from gateway.cache import RunCache
from gateway.context import Context
from gateway.export import EXPORT_PATH, Columns, ExportEndpoint
from gateway.providers import Provider, Providers
from gateway.schema import build, run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings, FeedSettings
from tests.gateway.fake import FakeAdapter
from tests.gateway.feed.simulated import ListedAdapter, Step, run_at
from tests.gateway.usage.strategies import usage
from tests.support import run

ORIGIN = "http://gateway.test"
SCHEMA = build().graphql_schema


def listed(count: int, name: str = "fake", steps: Sequence[Step] = (), **values: Any) -> ListedAdapter:
    """A source of runs that carry their usage: one token each. `values` are of every run."""
    values = {"usage": usage(input_tokens=1), "parts": frozenset({Part.USAGE, Part.ERROR}), **values}
    rows = [replace(run_at(-number, f"r{number:05}"), **values) for number in range(count)]
    return ListedAdapter(name, rows, max_page_size=100, steps=steps)


def app_over(*adapters: FakeAdapter, suggestions: bool = True, places: int = 8) -> Starlette:
    """A gateway that only exports. `app.state.contexts` has what requests carried."""
    providers = Providers(Provider(adapter.name, adapter) for adapter in adapters)
    service = RunService(RunCache.in_memory(CacheSettings()))
    names = run_type_names()

    def new_context(request_id: str, _scope: Scope) -> Context:
        return Context(providers, service, names, 500, request_id, feed_settings=FeedSettings(deadline_ms=1000))

    export = ExportEndpoint(Columns(SCHEMA, suggestions=suggestions), new_context, Semaphore(places))
    return Starlette(routes=[Route(EXPORT_PATH, export)])


def get(app: Starlette, path: str, method: str = "GET", **query: str) -> httpx.Response:
    """The answer to `/export/` and the path."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            return await client.request(method, f"/export/{path}", params=query)

    return run(ask())


class SlowClient:
    """An ASGI server whose client takes one piece of an answer at a time. `sent` has what was sent so far."""

    def __init__(self, app: Starlette, path: str, query: str) -> None:
        self.sent: list[Message] = []
        self._app = app
        self._takes = asyncio.Semaphore(0)
        self._gone = asyncio.Event()
        self._scope: Mapping[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [],
            "client": None,
            "server": ("gateway.test", 80),
        }

    async def __aenter__(self) -> "SlowClient":
        self._task = asyncio.create_task(self._app(dict(self._scope), self._receive, self._send))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def is_served(self) -> bool:
        return self._task.done()

    async def take(self, pieces: int) -> None:
        for _ in range(pieces):
            self._takes.release()
        await self.settle()

    async def leave(self) -> None:
        self._gone.set()
        await self.settle()

    async def settle(self) -> None:
        """Let the server do all it can."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        await self._takes.acquire()

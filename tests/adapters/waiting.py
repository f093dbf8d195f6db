"""Upstream clients whose waits take no time, and are noted."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from adapters.auth import Auth, Bearer
from adapters.budget import CURRENT, Budget
from adapters.errors import AdapterError
from adapters.settings import TokenSettings
from adapters.upstream import Timing, UpstreamClient
from tests.support import run

from .upstreams import TOKEN, read_error


@dataclass
class Clock:
    """A clock that waiting sets forward. `waits` has each wait."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list[float])

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds
        await asyncio.sleep(0)


class Provider(httpx.AsyncBaseTransport):
    """A provider that answers as told, seen through one client.

    `requests` are those that reached it; `most_at_once` is how many of them at a time. It answers nothing while it is
    `held`.
    """

    def __init__(self, *replies: httpx.Response | Exception, auth: Auth | None = None, **keys: Any) -> None:
        """`replies` in their order, the last one again and again. No wait before retries, unless `keys` say so."""
        self.replies = list(replies)
        self.clock = Clock()
        self.requests: list[httpx.Request] = []
        self.most_at_once = self._at_once = 0
        self._free = asyncio.Event()
        self._free.set()
        defaults = {"adapter": "acme", "base_url": "http://acme.test", "token": TOKEN, "retry_wait_ms": 0}
        self.client = UpstreamClient(
            "acme",
            TokenSettings.model_validate({**defaults, **keys}),
            auth=auth or Bearer(SecretStr(TOKEN)),
            read_error=read_error,
            transport=self,
            timing=Timing(self.clock, self.clock.sleep),
        )

    @property
    def calls(self) -> int:
        return len(self.requests)

    @contextmanager
    def held(self) -> Generator[None]:
        self._free.clear()
        yield
        self._free.set()

    async def outcome(self, method: str = "GET", **how: Any) -> Any:
        """The status of a call's answer, or its error."""
        try:
            return (await self.client.send(method, ("x",), **how)).status
        except AdapterError as error:
            return error

    async def outcomes(self, count: int) -> Sequence[Any]:
        """Of calls at the same time."""
        return await asyncio.gather(*(self.outcome() for _ in range(count)))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self._free.wait()
        finally:
            self._at_once -= 1
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


OK = httpx.Response(200, json={})


def failing(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={}, headers={name.replace("_", "-"): value for name, value in headers.items()})


def on_budget(budget: Budget, calls: Callable[[], Awaitable[Any]]) -> Any:
    """What comes of calls that are on a budget."""

    async def asked() -> Any:
        CURRENT.set(budget)
        return await calls()

    return run(asked())

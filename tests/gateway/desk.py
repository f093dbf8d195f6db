"""A service over a fake provider, for tests that look at the calls it makes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.errors import AdapterError, Unavailable
from adapters.model import Part, RunRecord
from gateway.cache import RunCache
from gateway.providers import Provider
from gateway.service import Outcome, RunService
from gateway.settings import CacheSettings
from tests.support import run

from .fake import BatchingAdapter, FakeAdapter, ended

INPUT, OUTPUT, USAGE, STEPS = (frozenset({part}) for part in (Part.INPUT, Part.OUTPUT, Part.USAGE, Part.STEPS))


class Timer:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A service over one fake provider, with a cache whose time a test sets."""

    def __init__(self, adapter: FakeAdapter) -> None:
        self.timer = Timer()
        self.adapter = adapter
        self.provider = Provider("fake", adapter)
        self.service = RunService(RunCache.in_memory(CacheSettings(live_ttl=2, not_found_ttl=5), self.timer))

    async def load(self, wants: Mapping[str, frozenset[Part]]) -> dict[str, Outcome]:
        return await self.service.load(self.provider, wants)

    async def parts(self, native_id: str, parts: frozenset[Part]) -> frozenset[Part]:
        """The parts of a record that is loaded."""
        outcome = (await self.load({native_id: parts}))[native_id]
        assert isinstance(outcome, RunRecord), outcome
        return outcome.parts


def at_desk(adapter: Callable[[], FakeAdapter] = FakeAdapter) -> Callable[[Any], Callable[[Any], None]]:
    """A test as a coroutine, with a desk over a new adapter."""

    def decorate(test: Callable[[Any, Desk], Awaitable[None]]) -> Callable[[Any], None]:
        def wrapped(self: Any) -> None:
            async def body() -> None:
                await test(self, Desk(adapter()))

            run(body())

        wrapped.__name__ = test.__name__
        return wrapped

    return decorate


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def failing(error: Exception, *ids: str) -> Callable[[str, frozenset[Part]], Awaitable[RunRecord]]:
    """An answer that raises for some ids, or for all where none is named."""

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        if not ids or native_id in ids:
            raise error
        return await ended(native_id, parts)

    return answer


class BrokenBatches(BatchingAdapter):
    """A batch with "a" in it fails as a whole."""

    async def fetch_many(self, native_ids: Any, parts: frozenset[Part]) -> Mapping[str, RunRecord | AdapterError]:
        if "a" in native_ids:
            raise Unavailable(provider=self.name)
        return await super().fetch_many(native_ids, parts)

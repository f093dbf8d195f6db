"""Adapters over real HTTP against the simulated providers."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from adapters.contract import ListsRuns, RunAdapter, RunQuery
from adapters.errors import AdapterError
from adapters.model import Part, RunRecord
from adapters.settings import ProviderSettings
from gateway.demo.server import LoopbackServers
from gateway.demo.simulator import Simulator

ANCHOR = datetime(2026, 6, 1, 12, tzinfo=UTC)

A = TypeVar("A", bound=RunAdapter[Any])


def still() -> datetime:
    """A clock at the anchor."""
    return ANCHOR


@contextmanager
def served(simulator: Simulator) -> Generator[str]:
    """The simulator on a loopback port; gives the base URL of its API."""
    with LoopbackServers({simulator.name: simulator.app()}) as servers:
        yield servers.urls[simulator.name] + simulator.prefix


@asynccontextmanager
async def connected(adapter: type[A], url: str, token: str, **more: object) -> AsyncGenerator[A]:
    """An adapter with real connections, named "sim", that waits for nothing."""
    keys = {
        "retry_wait_ms": 0,
        "max_retry_wait_ms": 0,
        "max_pause_ms": 0,
        "adapter": adapter.info.adapter,
        "base_url": url,
        "token": token,
        **more,
    }
    configured: ProviderSettings = adapter.settings_type.model_validate(keys)
    opened = adapter.open("sim", configured)
    try:
        yield opened
    finally:
        await opened.aclose()


async def outcomes(
    adapter: RunAdapter[Any], native_ids: Iterable[str], parts: frozenset[Part]
) -> dict[str, RunRecord | AdapterError]:
    """What comes of looking up each of these, at most eight at a time."""
    at_once = asyncio.Semaphore(8)

    async def outcome(native_id: str) -> RunRecord | AdapterError:
        async with at_once:
            try:
                return await adapter.fetch(native_id, parts)
            except AdapterError as error:
                return error

    ids = list(native_ids)
    return dict(zip(ids, await asyncio.gather(*map(outcome, ids)), strict=True))


async def listed(adapter: ListsRuns, limit: int, **query: Any) -> list[RunRecord]:
    """All runs of a listing, page by page."""
    runs: list[RunRecord] = []
    cursor = None
    while True:
        page = await adapter.list_runs(RunQuery(limit=limit, cursor=cursor, **query))
        runs += page.runs
        if (cursor := page.next_cursor) is None:
            return runs

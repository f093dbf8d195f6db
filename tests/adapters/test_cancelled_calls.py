"""A call that is cancelled ends at the provider, too: at once, long before any limit, and without harm to others."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from tests.support import LONG_MS, run

from .downloads import opened
from .stalling import Stall, stalling
from .upstreams import JSON_HEAD

HALF = JSON_HEAD + b'content-length: 10\r\n\r\n{"id"'
CHUNKED = JSON_HEAD + b'transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n'
OK = JSON_HEAD + b'connection: close\r\ncontent-length: 8\r\n\r\n{"id":1}'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def cancelled(call: Coroutine[Any, Any, Any], stall: Stall) -> None:
    """Cancels a call that is being kept waiting."""
    task = asyncio.ensure_future(call)
    await stall.asked.wait()
    # What was sent so far has its time to arrive.
    await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("read_timeout_ms", [LONG_MS, LONG_MS // 2], ids=["no limit of silence", "limit of silence"])
@pytest.mark.parametrize("start", [b"", JSON_HEAD, HALF, CHUNKED], ids=["asked", "head", "body", "chunks"])
def test_a_call(start: bytes, read_timeout_ms: int) -> None:
    async def ask() -> None:
        stall = Stall(start)
        async with (
            stalling({"/x": stall}) as url,
            opened(url, timeout_ms=LONG_MS, read_timeout_ms=read_timeout_ms) as upstream,
        ):
            await cancelled(upstream.get("x"), stall)
            await stall.has_left()

    run(ask())


def test_a_call_with_a_body() -> None:
    async def ask() -> None:
        stall = Stall()
        async with stalling({"/x": stall}) as url, opened(url, timeout_ms=LONG_MS) as upstream:
            await cancelled(upstream.send("POST", ("x",), json={"a": "b" * 100_000}), stall)
            await stall.has_left()

    run(ask())


@pytest.mark.parametrize("start", [b"", HALF], ids=["asked", "body"])
def test_a_download(start: bytes) -> None:
    async def ask() -> None:
        stall = Stall(start)
        async with (
            stalling({"/x": stall}) as url,
            opened(url, timeout_ms=LONG_MS, download_idle_timeout_ms=LONG_MS) as upstream,
        ):

            async def read() -> None:
                async with upstream.download("x") as download:
                    async for _ in download.chunks:
                        pass

            await cancelled(read(), stall)
            await stall.has_left()

    run(ask())


def test_a_call_whose_time_is_over() -> None:
    """It is given up here, so that it has to end there, too: the limit of one call, and that of its request."""

    async def ask() -> None:
        stall = Stall()
        async with stalling({"/x": stall}) as url, opened(url, timeout_ms=LONG_MS) as upstream:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await upstream.get("x")
            await stall.has_left()

    run(ask())


def test_other_calls_go_on() -> None:
    async def ask() -> list[Any]:
        first, second, third = Stall(), Stall(rest=OK), Stall(HALF, b":123}")
        stalls = {"/1": first, "/2": second, "/3": third}
        async with stalling(stalls) as url, opened(url, timeout_ms=LONG_MS, max_connections=3) as upstream:
            others = [asyncio.ensure_future(upstream.get(name)) for name in "23"]
            await second.asked.wait()
            await third.asked.wait()
            await cancelled(upstream.get("1"), first)
            await first.has_left()
            second.free.set()
            third.free.set()
            return [*await asyncio.gather(*others), await upstream.get("2")]

    assert run(ask()) == [{"id": 1}, {"id": 123}, {"id": 1}]


def test_many_at_once_leave_nothing_behind() -> None:
    """Each has its place back, so that as many calls can be made as before."""

    async def ask() -> Any:
        stall, other = Stall(), Stall(rest=OK)
        async with (
            stalling({"/x": stall, "/y": other}) as url,
            opened(url, timeout_ms=LONG_MS, max_connections=5, max_queue_ms=LONG_MS) as upstream,
        ):
            for _ in range(4):
                stall.asked.clear()
                await asyncio.gather(*(cancelled(upstream.get("x"), stall) for _ in range(5)))
            other.free.set()
            answers = await asyncio.gather(*(upstream.get("y") for _ in range(5)))
            return answers, upstream.gate.traffic.in_flight

    assert run(ask()) == ([{"id": 1}] * 5, 0)

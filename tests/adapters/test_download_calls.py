"""Asking for a file is a call like any other, until the file begins: gate, retries and budget."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from adapters.budget import Budget
from adapters.errors import AdapterError, NotFound, QuotaExceeded, RateLimited, TimedOut, Unavailable
from tests.support import run

from .waiting import OK, Provider, failing, on_budget, settle


def file() -> httpx.Response:
    return httpx.Response(200, content=b"it")


def to_storage() -> httpx.Response:
    return httpx.Response(302, headers={"location": "https://s.test/x"})


async def got(provider: Provider) -> Any:
    """The content of a file, or the error in its place."""
    try:
        async with provider.client.download("x") as download:
            return b"".join([chunk async for chunk in download.chunks])
    except AdapterError as error:
        return error


@pytest.mark.parametrize(
    "reply", [*map(failing, (408, 429, 502, 503, 504)), httpx.ConnectError("no"), httpx.ReadError("cut")], ids=repr
)
def test_a_failure_for_a_moment_is_retried(reply: httpx.Response | Exception) -> None:
    provider = Provider(reply, reply, file())
    assert run(got(provider)) == b"it"
    assert provider.calls == 3
    assert provider.client.gate.traffic.retries == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_any_other_failure_is_not(status: int) -> None:
    provider = Provider(failing(status))
    assert run(got(provider)).upstream_status == status
    assert provider.calls == 1


def test_a_retry_waits_as_the_provider_asks() -> None:
    provider = Provider(failing(503, retry_after="2"), file())
    assert run(got(provider)) == b"it"
    assert provider.clock.waits == [2]


def test_the_storage_is_asked_anew_with_a_new_link() -> None:
    provider = Provider(to_storage(), failing(503), to_storage(), file(), download_hosts=["s.test"])
    assert run(got(provider)) == b"it"
    assert [request.url.host for request in provider.requests] == ["acme.test", "s.test"] * 2


def test_a_file_that_breaks_off_is_not_asked_for_again() -> None:
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"half"
            raise httpx.ReadError("cut")

    provider = Provider(httpx.Response(200, stream=Broken()))
    assert type(run(got(provider))) is Unavailable
    assert provider.calls == 1


def test_failures_open_the_circuit_for_all_calls() -> None:
    provider = Provider(failing(503), max_retries=0, breaker_failures=2, breaker_pause_ms=1000)

    async def ask() -> list[Any]:
        return [await got(provider) for _ in range(3)] + [await provider.outcome()]

    *_, third, call = run(ask())
    assert provider.calls == 2
    assert third.unsent
    assert call.unsent

    async def later() -> Any:
        provider.replies[:] = [file()]
        provider.clock.now += 1
        return [await got(provider), provider.client.gate.circuit.value]

    assert run(later()) == [b"it", "CLOSED"]


def test_a_storage_that_fails_is_not_the_provider() -> None:
    replies = [reply for _ in range(3) for reply in (to_storage(), failing(500))]
    provider = Provider(*replies, OK, breaker_failures=2, download_hosts=["s.test"])

    async def ask() -> Any:
        assert [(await got(provider)).upstream_status for _ in range(3)] == [500] * 3
        return await provider.outcome()

    assert run(ask()) == 200
    assert provider.client.gate.traffic.calls == 4


def test_a_place_is_taken_until_the_file_begins() -> None:
    provider = Provider(file(), max_connections=1, max_queue_ms=0)

    async def ask() -> tuple[Any, Any, bytes]:
        with provider.held():
            opening = asyncio.ensure_future(got(provider))
            await settle()
            refused = await provider.outcome()
        assert await opening == b"it"
        async with provider.client.download("x") as download:
            call = await provider.outcome()
            return refused, call, await anext(download.chunks)

    refused, call, content = run(ask())
    assert type(refused) is Unavailable
    assert refused.unsent
    assert (call, content) == (200, b"it")
    assert provider.most_at_once == 1


def test_a_download_that_is_cancelled_gives_its_place_back() -> None:
    provider = Provider(file(), max_connections=1, max_queue_ms=0, breaker_failures=1)

    async def ask() -> Any:
        with provider.held():
            opening = asyncio.ensure_future(got(provider))
            await settle()
            opening.cancel()
            await asyncio.wait([opening])
        return await got(provider)

    assert run(ask()) == b"it"
    assert provider.client.gate.traffic.in_flight == 0


def test_no_head_in_time_counts_as_a_failure() -> None:
    provider = Provider(file(), timeout_ms=20, breaker_failures=1)

    async def ask() -> tuple[Any, Any]:
        with provider.held():
            return await got(provider), await got(provider)

    late, refused = run(ask())
    assert type(late) is TimedOut
    assert refused.unsent
    assert provider.calls == 1


def test_the_rate_limit() -> None:
    provider = Provider(file(), max_requests_per_second=1)

    async def ask() -> list[Any]:
        return [await got(provider) for _ in range(3)]

    assert run(ask()) == [b"it"] * 3
    assert provider.clock.waits == [1, 1]


def test_a_pause_that_the_provider_asked_for() -> None:
    provider = Provider(failing(429, retry_after="9"), file())

    async def ask() -> tuple[Any, Any]:
        return await got(provider), await got(provider)

    first, second = run(ask())
    assert type(first) is type(second) is RateLimited
    assert (first.unsent, second.unsent) == (False, True)
    assert provider.calls == 1


def test_a_file_that_is_missing_says_that_the_provider_works() -> None:
    provider = Provider(failing(404), breaker_failures=1)

    async def ask() -> list[Any]:
        return [await got(provider) for _ in range(3)]

    assert [type(outcome) for outcome in run(ask())] == [NotFound] * 3


def test_the_budget_of_the_request() -> None:
    provider = Provider(failing(503))
    assert type(on_budget(Budget(retries=0), lambda: got(provider))) is Unavailable
    assert provider.calls == 1
    budget = Budget(calls=2, retries=9)
    assert type(on_budget(budget, lambda: got(provider))) is QuotaExceeded
    assert (provider.calls, budget.calls_made) == (3, 2)


def test_the_time_of_the_request() -> None:
    provider = Provider(file())

    async def ask() -> Any:
        with provider.held():
            return await got(provider)

    assert type(on_budget(Budget(seconds=0.02), ask)) is TimedOut
    assert provider.calls == 1

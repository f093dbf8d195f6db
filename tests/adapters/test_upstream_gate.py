"""What keeps calls from being made: an open circuit, the rate limit, busy connections, a spent budget."""

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from adapters.auth import Bearer
from adapters.breaker import Circuit
from adapters.budget import CURRENT, UNLIMITED, Budget, JointBudget
from adapters.errors import AdapterError, QuotaExceeded, RateLimited, TimedOut, Unavailable
from adapters.upstream.limiter import Limiter
from tests.support import run

from .raw_server import hanging, raw_server
from .upstreams import client
from .waiting import OK, Clock, Provider, failing, on_budget, settle

FAILURES = (failing(500), failing(503), failing(504), httpx.ConnectError("x"), httpx.ReadTimeout("x"))
NO_FAILURES = (OK, *map(failing, (400, 401, 403, 404, 408, 429, 451, 501)))


class TestBreaker:
    def over(self, *replies: httpx.Response | Exception, **keys: Any) -> Provider:
        settings: dict[str, Any] = {"max_retries": 0, "breaker_failures": 3, "breaker_pause_ms": 5000}
        return Provider(*replies, **(settings | keys))

    @pytest.mark.parametrize("failure", FAILURES, ids=str)
    def test_opens_after_failures_in_a_row(self, failure: httpx.Response | Exception) -> None:
        provider = self.over(failure)

        async def calls() -> Any:
            for _ in range(3):
                assert provider.client.gate.circuit is Circuit.CLOSED
                await provider.outcome()
            return [await provider.outcome() for _ in range(10)]

        outcomes = run(calls())
        assert (provider.calls, provider.client.gate.circuit) == (3, Circuit.OPEN)
        assert {(type(error), error.retry_after_ms, error.unsent) for error in outcomes} == {(Unavailable, 5000, True)}
        assert provider.client.gate.traffic.refused == 10
        assert "acme: not called" in str(outcomes[0])

    @pytest.mark.parametrize("reply", NO_FAILURES, ids=str)
    def test_an_answer_about_the_request_is_no_failure(self, reply: httpx.Response) -> None:
        provider = self.over(failing(503), failing(503), reply, failing(503), failing(503), OK)

        async def calls() -> None:
            for _ in range(6):
                await provider.outcome()

        run(calls())
        assert (provider.calls, provider.client.gate.circuit) == (6, Circuit.CLOSED)

    def test_one_probe_closes_it(self) -> None:
        provider = self.over(*[failing(503)] * 3, OK)

        async def calls() -> list[Any]:
            for _ in range(3):
                await provider.outcome()
            provider.clock.now += 5
            assert provider.client.gate.circuit is Circuit.HALF_OPEN
            with provider.held():
                probing = asyncio.gather(*(provider.outcome() for _ in range(5)))
                await settle()
                assert (provider.calls, provider.client.gate.circuit) == (4, Circuit.HALF_OPEN)
            return [*await probing, await provider.outcome()]

        first, *others, last = run(calls())
        assert (first, last, {type(error) for error in others}) == (200, 200, {Unavailable})
        assert (provider.calls, provider.client.gate.circuit) == (5, Circuit.CLOSED)

    def test_a_probe_whose_caller_leaves_is_made_again(self) -> None:
        provider = self.over(*[failing(503)] * 3, OK)

        async def calls() -> Any:
            for _ in range(3):
                await provider.outcome()
            provider.clock.now += 5
            with provider.held():
                probe = asyncio.create_task(provider.outcome())
                await settle()
                probe.cancel()
                await asyncio.wait([probe])
            return await provider.outcome()

        assert (run(calls()), provider.calls) == (200, 5)

    def test_a_probe_that_fails_doubles_the_pause_up_to_a_bound(self) -> None:
        provider = self.over(failing(503), max_pause_ms=15_000)

        async def calls() -> list[float]:
            for _ in range(3):
                await provider.outcome()
            waits: list[float] = []
            for _ in range(4):
                waits.append(provider.client.gate.wait)
                provider.clock.now += provider.client.gate.wait
                await provider.outcome()
            return waits

        assert run(calls()) == [5, 10, 15, 15]
        assert provider.calls == 3 + 4

    def test_retries_stop_when_it_opens(self) -> None:
        provider = self.over(failing(503), max_retries=10)
        error = run(provider.outcome())
        assert (type(error), error.unsent, provider.calls) == (Unavailable, True, 3)

    def test_a_call_that_has_no_answer_in_time_is_a_failure(self) -> None:
        async def calls() -> Any:
            async with raw_server(hanging()) as server:
                upstream = client(server.url, timeout_ms=20, breaker_failures=2)
                outcomes: list[AdapterError] = []
                for _ in range(3):
                    try:
                        await upstream.get("x")
                    except AdapterError as error:
                        outcomes.append(error)
                await upstream.aclose()
                return [type(error) for error in outcomes], upstream.gate.traffic

        kinds, traffic = run(calls())
        assert kinds == [TimedOut, TimedOut, Unavailable]
        assert (traffic.in_flight, traffic.calls, traffic.refused) == (0, 2, 1)

    def test_a_caller_that_leaves_says_nothing(self) -> None:
        async def calls() -> Any:
            async with raw_server(hanging()) as server:
                upstream = client(server.url, breaker_failures=1)
                call = asyncio.create_task(upstream.get("x"))
                await server.asked.wait()
                assert upstream.gate.traffic.in_flight == 1
                call.cancel()
                await asyncio.wait([call])
                await upstream.aclose()
                return upstream.gate.circuit, upstream.gate.traffic.in_flight

        assert run(calls()) == (Circuit.CLOSED, 0)


class TestConnections:
    def test_no_more_calls_at_a_time_than_connections(self) -> None:
        provider = Provider(OK, max_connections=2)

        async def calls() -> Any:
            with provider.held():
                waiting = asyncio.gather(*(provider.outcome() for _ in range(6)))
                await settle()
                assert (provider.calls, provider.client.gate.traffic.in_flight) == (2, 2)
            return await waiting

        assert run(calls()) == [200] * 6
        assert (provider.most_at_once, provider.client.gate.traffic.calls) == (2, 6)

    def test_credentials_share_them_and_nothing_else(self) -> None:
        provider = Provider(failing(500), OK, max_connections=1, max_queue_ms=0, breaker_failures=1)
        other = provider.client.with_auth(Bearer(SecretStr("another")))

        async def calls() -> None:
            await provider.outcome()
            assert (provider.client.gate.circuit, other.gate.circuit) == (Circuit.OPEN, Circuit.CLOSED)
            with provider.held():
                waiting = asyncio.create_task(other.get("x"))
                await settle()
                provider.clock.now += 5
                error = await provider.outcome()
            assert (await waiting, type(error), error.unsent) == ({}, Unavailable, True)
            assert (provider.client.gate.traffic.calls, other.gate.traffic.calls) == (1, 1)

        run(calls())

    def test_the_wait_for_one_is_bounded(self) -> None:
        async def calls() -> Any:
            async with raw_server(hanging()) as server:
                upstream = client(server.url, max_connections=1, max_queue_ms=20, max_retries=2)
                first = asyncio.create_task(upstream.get("x"))
                await server.asked.wait()
                with pytest.raises(Unavailable, match="all its 1 connections stayed in use") as refused:
                    await upstream.get("x")
                first.cancel()
                await asyncio.wait([first])
                await upstream.aclose()
                return refused.value.unsent, server.connections, upstream.gate.traffic.refused

        assert run(calls()) == (True, 1, 1)


class TestLimiter:
    @pytest.mark.parametrize(("rate", "starts"), [(3, [0, 0, 0, 1, 1, 1, 2]), (0.5, [0, 2, 4]), (1.5, [0, 2 / 3])])
    def test_no_second_has_more(self, rate: float, starts: list[float]) -> None:
        limiter = Limiter(rate, Clock())
        assert [limiter.reserve(100) for _ in starts] == pytest.approx(starts)  # pyright: ignore[reportUnknownMemberType]

    def test_time_makes_room(self) -> None:
        clock = Clock()
        limiter = Limiter(2, clock)
        assert [limiter.reserve(9), limiter.reserve(9)] == [0, 0]
        clock.now += 0.75
        assert limiter.reserve(9) == 0.25
        clock.now += 5
        assert [limiter.reserve(9) for _ in range(3)] == [0, 0, 1]

    def test_a_wait_that_is_too_long_takes_no_place(self) -> None:
        limiter = Limiter(1, Clock())
        assert [limiter.reserve(0.5) for _ in range(4)] == [0, 1, 1, 1]

    def test_without_a_limit_only_pauses_hold_calls_back(self) -> None:
        clock = Clock()
        limiter = Limiter(0, clock)
        assert not limiter.is_busy
        limiter.pause(2)
        limiter.pause(1)
        assert (limiter.is_busy, limiter.reserve(9)) == (True, 2)
        clock.now += 2
        assert (limiter.reserve(9), limiter.is_busy) == (0, False)

    def test_calls_wait_for_their_turn(self) -> None:
        provider = Provider(OK, max_requests_per_second=2)
        assert run(provider.outcomes(5)) == [200] * 5
        assert provider.clock.waits == [1, 1]

    def test_and_not_beyond_their_time(self) -> None:
        provider = Provider(OK, max_requests_per_second=2)
        outcomes = on_budget(Budget(seconds=0.5, timer=provider.clock), lambda: provider.outcomes(3))
        assert outcomes[:2] == [200, 200]
        assert (type(outcomes[2]), outcomes[2].retry_after_ms, outcomes[2].unsent) == (RateLimited, 1000, True)
        assert provider.calls == 2

    def test_a_pause_that_the_provider_asks_for(self) -> None:
        provider = Provider(failing(429, retry_after="30"), OK)

        async def calls() -> Any:
            refused = [await provider.outcome(), *await provider.outcomes(5)]
            provider.clock.now += 25
            waited = await provider.outcome()
            return refused, waited, await provider.outcome()

        refused, *later = run(calls())
        assert {(type(error), error.retry_after_ms) for error in refused} == {(RateLimited, 30_000)}
        assert [error.unsent for error in refused] == [False, *[True] * 5]
        assert (later, provider.calls, provider.clock.waits) == ([200, 200], 3, [5])

    def test_no_pause_is_longer_than_agreed(self) -> None:
        provider = Provider(failing(429, retry_after="86400"), OK, max_pause_ms=2000)
        assert run(provider.outcome()).retry_after_ms == 86_400_000
        assert (provider.client.gate.wait, run(provider.outcome())) == (2, 200)

    def test_the_other_credential_is_not_held_back(self) -> None:
        one, other = Provider(failing(429, retry_after="30"), OK), Provider(OK)
        run(one.outcome())
        assert (run(other.outcome()), type(run(one.outcome()))) == (200, RateLimited)


class TestBudget:
    def test_calls_beyond_it_are_not_made(self) -> None:
        provider = Provider(OK)
        outcomes = on_budget(Budget(calls=3), lambda: provider.outcomes(5))
        assert outcomes[:3] == [200] * 3
        assert {(type(error), error.unsent) for error in outcomes[3:]} == {(QuotaExceeded, True)}
        assert "its 3 upstream calls" in str(outcomes[3])
        assert (provider.calls, provider.client.gate.traffic.in_flight) == (3, 0)

    def test_retries_are_calls(self) -> None:
        provider = Provider(failing(503))
        assert isinstance(on_budget(Budget(calls=2), provider.outcome), QuotaExceeded)
        assert provider.calls == 2

    def test_a_refusal_gives_its_connection_back(self) -> None:
        provider = Provider(OK, max_connections=1)
        for _ in range(3):
            assert isinstance(on_budget(Budget(calls=0), provider.outcome), QuotaExceeded)
        assert run(provider.outcome()) == 200

    def test_several_requests_pay_for_what_they_share(self) -> None:
        one, other = Budget(calls=1, retries=0, seconds=1), Budget(calls=2, retries=1, seconds=9)
        joint = JointBudget(one, other)
        assert 8 < joint.seconds_left <= 9
        assert [joint.take_call() for _ in range(3)] == [True] * 3
        assert (joint.take_retry(), joint.is_spent) == (True, False)
        assert (joint.take_call(), joint.is_spent) == (False, True)

    def test_without_a_request_nothing_is_limited(self) -> None:
        assert CURRENT.get() is UNLIMITED

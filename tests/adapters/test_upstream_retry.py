"""Calls that fail for a moment are made again: which, how often, and after what wait."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from adapters.auth import Auth
from adapters.budget import Budget
from adapters.errors import (
    AdapterError,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
    UpstreamInternal,
    for_status,
)
from tests.streams import stream_server
from tests.support import LONG_MS, patiently, run

from .raw_server import KeepAlive, hanging, raw_server
from .upstreams import JSON_HEAD, client, raw_outcome
from .waiting import OK, Provider, failing, on_budget

PASSING = (408, 429, 502, 503, 504)
LASTING = (400, 401, 402, 403, 404, 405, 409, 410, 422, 451, 499, 500, 501, 505, 529)


class TestWhich:
    @pytest.mark.parametrize("status", PASSING)
    def test_statuses_that_pass(self, status: int) -> None:
        provider = Provider(failing(status), OK)
        assert run(provider.outcome()) == 200
        assert (provider.calls, provider.client.gate.traffic.retries) == (2, 1)

    @pytest.mark.parametrize("status", PASSING)
    def test_no_more_often_than_agreed(self, status: int) -> None:
        provider = Provider(failing(status))
        error = run(provider.outcome())
        assert (type(error), error.upstream_status, provider.calls) == (for_status(status), status, 3)

    @pytest.mark.parametrize("status", LASTING)
    def test_statuses_that_last(self, status: int) -> None:
        provider = Provider(failing(status))
        assert isinstance(run(provider.outcome()), AdapterError)
        assert provider.calls == 1

    @pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.RemoteProtocolError("x")])
    def test_connections_that_fail(self, error: Exception) -> None:
        provider = Provider(error, error, OK)
        assert (run(provider.outcome()), provider.calls) == (200, 3)

    def test_no_answer_in_time_is_not_asked_for_again(self) -> None:
        provider = Provider(httpx.ReadTimeout("x"))
        assert isinstance(run(provider.outcome()), TimedOut)
        assert provider.calls == 1

    @pytest.mark.parametrize(("method", "calls"), [("GET", 3), ("HEAD", 3), ("POST", 1), ("DELETE", 1), ("PUT", 1)])
    def test_methods(self, method: str, calls: int) -> None:
        provider = Provider(failing(503))
        assert isinstance(run(provider.outcome(method)), Unavailable)
        assert provider.calls == calls

    def test_a_post_that_is_said_to_be_idempotent(self) -> None:
        provider = Provider(failing(503), OK)
        assert run(provider.outcome("POST", json={}, idempotent=True)) == 200
        assert provider.calls == 2

    @pytest.mark.parametrize(("retries", "calls"), [(0, 1), (1, 2), (5, 6)])
    def test_how_often(self, retries: int, calls: int) -> None:
        provider = Provider(failing(503), max_retries=retries)
        run(provider.outcome())
        assert provider.calls == calls

    def test_the_last_error_counts(self) -> None:
        provider = Provider(failing(503), failing(429), failing(500))
        assert isinstance(run(provider.outcome()), UpstreamInternal)
        assert provider.calls == 3

    def test_a_new_credential_and_then_a_retry(self) -> None:
        class Renewing(Auth):
            number = 0

            async def header(self) -> str:
                return f"Bearer {self.number}"

            async def renew(self, rejected: str) -> bool:
                self.number += 1
                return True

            def secrets(self) -> tuple[str, ...]:
                return ()

        provider = Provider(failing(401), failing(503), OK, auth=Renewing())
        assert run(provider.outcome()) == 200
        sent = [request.headers["authorization"] for request in provider.requests]
        assert sent == ["Bearer 0", "Bearer 1", "Bearer 1"]
        provider = Provider(failing(401), failing(401), auth=Renewing())
        assert isinstance(run(provider.outcome()), Unauthenticated)
        assert provider.calls == 2


class TestWaits:
    def test_nobody_waits_for_a_call_that_works(self) -> None:
        provider = Provider(OK)
        assert (run(provider.outcome()), provider.clock.waits) == (200, [])

    def test_exponential_with_full_jitter(self) -> None:
        waits: list[list[float]] = []
        for _ in range(50):
            provider = Provider(failing(503), max_retries=4, retry_wait_ms=1000, max_retry_wait_ms=4000)
            run(provider.outcome())
            waits.append(provider.clock.waits)
        bounds = (1, 2, 4, 4)
        assert all(0 <= wait <= bound for made in waits for wait, bound in zip(made, bounds, strict=True))
        assert all(len({made[number] for made in waits}) > 10 for number in range(4))

    @pytest.mark.parametrize("status", PASSING)
    def test_retry_after_in_seconds(self, status: int) -> None:
        provider = Provider(failing(status, retry_after="3"), OK, max_pause_ms=0)
        assert (run(provider.outcome()), provider.calls, provider.clock.waits) == (200, 2, [3])

    def test_retry_after_as_a_date(self) -> None:
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        keys = dict.fromkeys(("timeout_ms", "max_retry_wait_ms", "max_pause_ms"), 120_000)
        provider = Provider(failing(503, retry_after=soon), OK, **keys)
        assert run(provider.outcome()) == 200
        (wait,) = provider.clock.waits
        assert 0 < wait <= 60

    @pytest.mark.parametrize("said", ["soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "0"])
    def test_retry_after_that_says_nothing(self, said: str) -> None:
        provider = Provider(failing(503, retry_after=said), OK)
        assert (run(provider.outcome()), provider.clock.waits) == (200, [0])

    @pytest.mark.parametrize("keys", [{"max_retry_wait_ms": 2999}, {"timeout_ms": 3000}])
    def test_a_wait_that_is_too_long_is_not_begun(self, keys: dict[str, Any]) -> None:
        provider = Provider(failing(429, retry_after="3"), OK, **keys)
        error = run(provider.outcome())
        assert (type(error), error.retry_after_ms, provider.calls) == (RateLimited, 3000, 1)
        assert provider.clock.waits == []

    def test_nor_one_beyond_the_end_of_the_request(self) -> None:
        provider = Provider(failing(429, retry_after="3"), OK)
        error = on_budget(Budget(seconds=2.9, timer=provider.clock), provider.outcome)
        assert (type(error), error.retry_after_ms, provider.calls) == (RateLimited, 3000, 1)


class TestBudget:
    def test_retries_of_all_calls_of_a_request(self) -> None:
        provider = Provider(failing(503))
        outcomes = on_budget(Budget(retries=3), lambda: provider.outcomes(5))
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        assert provider.calls == 5 + 3

    def test_none(self) -> None:
        provider = Provider(failing(503))
        on_budget(Budget(retries=0), provider.outcome)
        assert provider.calls == 1

    def test_a_share_of_many_calls(self) -> None:
        provider = Provider(failing(503), breaker_failures=0)
        budget = Budget(retries=3, retries_per_call=0.2)

        async def calls() -> None:
            for _ in range(100):
                await provider.outcome()

        on_budget(budget, calls)
        # Each call earns a fifth of a retry, and each retry is a call: 100 + r = 5 (r - 3), rounded down.
        assert provider.calls == 100 + 28


class TestOnTheWire:
    def test_a_kept_connection_that_closes_as_it_is_used(self) -> None:
        answered = 0

        async def answer(writer: asyncio.StreamWriter) -> None:
            nonlocal answered
            answered += 1
            if answered == 2:
                return
            writer.write(JSON_HEAD + b"content-length: 2\r\n\r\n{}")
            await writer.drain()
            raise KeepAlive

        async def ask() -> list[Any]:
            async with raw_server(answer) as server:
                upstream = client(server.url, retry_wait_ms=0)
                replies = [await upstream.get("x") for _ in range(3)]
                await upstream.aclose()
                assert server.connections == 2
                return replies

        assert run(ask()) == [{}, {}, {}]
        assert answered == 4

    def test_a_call_that_is_cancelled_is_over_with_its_time(self) -> None:
        async def ask(timeout_ms: int) -> None:
            left = asyncio.Event()

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                call.cancel()
                await reader.read()
                left.set()

            async with stream_server(connected) as port:
                upstream = client(f"http://127.0.0.1:{port}", timeout_ms=timeout_ms, read_timeout_ms=LONG_MS)
                call = asyncio.create_task(upstream.get("x"))
                await asyncio.wait([call])
                assert (call.cancelled(), upstream.gate.traffic.in_flight) == (True, 0)
                await left.wait()
                await upstream.aclose()

        patiently(lambda timeout_ms: run(ask(timeout_ms)))

    def test_a_slow_drip_ends_with_the_time_of_the_call(self) -> None:
        async def drip(writer: asyncio.StreamWriter) -> None:
            writer.write(JSON_HEAD + b"content-length: 9999\r\n\r\n")
            for _ in range(9999):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.005)

        assert isinstance(raw_outcome(drip, timeout_ms=50), TimedOut)

    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", JSON_HEAD + b"content-length: 9\r\n\r\n{"])
    def test_a_silence_ends_with_the_read_timeout(self, sent: bytes) -> None:
        outcome = raw_outcome(hanging(sent), read_timeout_ms=30, connect_timeout_ms=200)
        assert (type(outcome), outcome.upstream_status) == (TimedOut, None)

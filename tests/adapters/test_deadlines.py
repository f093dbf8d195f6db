"""How long a call may take: its credential, all its attempts and their bodies together."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from adapters.auth import Auth, Bearer
from adapters.breaker import Circuit
from adapters.errors import AdapterError, TimedOut
from adapters.settings import TokenSettings
from adapters.upstream import Timing, UpstreamClient
from adapters.upstream.carriers import Answer, Prepared, TransportCarrier
from tests.support import LONG_MS, patiently, run

from .downloads import opened
from .raw_server import dripping, hanging, raw_server
from .stalling import Stall, stalling
from .upstreams import JSON_HEAD, TOKEN, client, raw_outcome, read_error
from .waiting import OK, Clock, failing

PACKED = gzip.compress(b'{"id": 1}' * 100)
UNFINISHED = {
    "asked": b"",
    "head": JSON_HEAD + b"content-length: 10\r\n\r\n",
    "body": JSON_HEAD + b'content-length: 10\r\n\r\n{"id"',
    "chunks": JSON_HEAD + b'transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n',
    "no length": JSON_HEAD + b'\r\n{"id"',
    "packed": JSON_HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(PACKED) + PACKED[:20],
    "error": b'HTTP/1.1 500 Oops\r\ncontent-length: 10\r\n\r\n{"id"',
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("read_timeout_ms", [LONG_MS, 40], ids=["no limit of silence", "limit of silence"])
@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_wherever_the_answer_stops(sent: bytes, read_timeout_ms: int) -> None:
    """It has no status: not all of it was read."""
    outcome = raw_outcome(hanging(sent), timeout_ms=50, read_timeout_ms=read_timeout_ms)
    assert (type(outcome), outcome.upstream_status) == (TimedOut, None)


@pytest.mark.parametrize("head", [b"content-length: 99999", b"content-encoding: identity"], ids=["length", "none"])
def test_a_body_that_never_stops(head: bytes) -> None:
    """No silence is long; the whole is."""
    answer = dripping(b" ")

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(JSON_HEAD + head + b"\r\n\r\n")
        await answer(writer)

    assert type(raw_outcome(drip, timeout_ms=60, read_timeout_ms=50)) is TimedOut


@pytest.mark.parametrize("what", UNFINISHED)
def test_the_connection_is_closed_and_the_breaker_knows(what: str) -> None:
    def check(limit_ms: int) -> None:
        async def ask() -> Any:
            stall = Stall(UNFINISHED[what])
            async with (
                stalling({"/x": stall}) as url,
                opened(url, timeout_ms=limit_ms, read_timeout_ms=LONG_MS, breaker_failures=1) as upstream,
            ):
                with pytest.raises(TimedOut):
                    await upstream.get("x")
                assert stall.asked.is_set()
                await stall.has_left()
                return upstream.gate.circuit, upstream.gate.traffic.in_flight, upstream.gate.traffic.calls

        assert run(ask()) == (Circuit.OPEN, 0, 1)

    patiently(check)


def test_a_time_out_of_the_caller_stays_the_callers() -> None:
    """Even where the call's own would pass a moment later: it is a cancellation, which says nothing of the provider."""

    async def ask() -> Any:
        async with raw_server(hanging()) as server:
            upstream = client(server.url, timeout_ms=LONG_MS, breaker_failures=1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await upstream.get("x")
            await upstream.aclose()
            return upstream.gate.circuit, upstream.gate.traffic.in_flight

    assert run(ask()) == (Circuit.CLOSED, 0)


class Noting(TransportCarrier):
    """`allowed` has the seconds that each exchange may take, `sent` the headers of each; both go to a transport."""

    def __init__(self, *replies: httpx.Response) -> None:
        queue = list(replies)
        super().__init__(httpx.MockTransport(self._answer))
        self._queue = queue
        self.allowed: list[float] = []
        self.sent: list[httpx.Headers] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.headers)
        return self._queue.pop(0) if len(self._queue) > 1 else self._queue[0]

    async def send(
        self, method: str, url: str, headers: Prepared, content: bytes | None, max_bytes: int, seconds: float
    ) -> Answer:
        self.allowed.append(round(seconds, 6))
        return await super().send(method, url, headers, content, max_bytes, seconds)


def over(carrier: Noting, clock: Clock, auth: Auth | None = None, **keys: Any) -> UpstreamClient:
    defaults = {"adapter": "acme", "base_url": "http://acme.test", "token": TOKEN, "retry_wait_ms": 0}
    return UpstreamClient(
        "acme",
        TokenSettings.model_validate({**defaults, "timeout_ms": 10_000, **keys}),
        auth=auth or Bearer(SecretStr(TOKEN)),
        read_error=read_error,
        carrier=carrier,
        timing=Timing(clock, clock.sleep),
    )


def test_each_attempt_has_what_the_others_left() -> None:
    carrier, clock = Noting(failing(503, retry_after="3"), failing(503, retry_after="4"), OK), Clock()
    upstream = over(carrier, clock, max_pause_ms=0)
    run(upstream.get("x"))
    assert carrier.allowed == [10, 7, 3]
    run(upstream.get("x"))
    assert carrier.allowed[3:] == [10]


def test_a_wait_for_its_turn_is_part_of_a_call() -> None:
    carrier, clock = Noting(OK), Clock()
    upstream = over(carrier, clock, max_requests_per_second=0.25)

    async def calls() -> None:
        await asyncio.gather(upstream.get("x"), upstream.get("x"))

    run(calls())
    assert carrier.allowed == [10, 6]


class Slow(Auth):
    """A credential that takes its time: that of the clock, or, where there is none, for ever."""

    def __init__(self, clock: Clock | None = None, *, renews: bool = False) -> None:
        self._clock = clock
        self._renews = renews

    async def header(self) -> str:
        if not self._renews:
            await self._wait()
        return "Bearer slow"

    async def renew(self, rejected: str) -> bool:
        await self._wait()
        return True

    async def _wait(self) -> None:
        await (asyncio.Event().wait() if self._clock is None else self._clock.sleep(4))

    def secrets(self) -> tuple[str, ...]:
        return ()


def test_a_credential_is_part_of_a_call() -> None:
    clock = Clock()
    carrier = Noting(failing(401), OK)
    run(over(carrier, clock, Slow(clock, renews=True)).get("x"))
    assert carrier.allowed == [10, 6]
    carrier = Noting(OK)
    run(over(carrier, clock, Slow(clock)).get("x"))
    assert carrier.allowed == [6]


@pytest.mark.parametrize(("renews", "calls"), [(False, 0), (True, 1)])
def test_a_credential_that_does_not_come_in_time(renews: bool, calls: int) -> None:
    carrier = Noting(failing(401), OK)
    upstream = over(carrier, Clock(), Slow(renews=renews), timeout_ms=20)
    with pytest.raises(TimedOut):
        run(upstream.get("x"))
    assert (len(carrier.sent), upstream.gate.traffic.in_flight) == (calls, 0)


def test_a_call_whose_time_is_over_before_it_is_sent() -> None:
    """A transport that takes no time answers nevertheless; the network never does."""

    async def ask() -> AdapterError:
        async with raw_server(hanging()) as server:
            clock = Clock()
            settings = TokenSettings.model_validate({"adapter": "acme", "base_url": server.url, "token": TOKEN})
            upstream = UpstreamClient(
                "acme",
                settings.model_copy(update={"timeout_ms": 3_000}),
                auth=Slow(clock),
                read_error=read_error,
                timing=Timing(clock, clock.sleep),
            )
            with pytest.raises(TimedOut) as caught:
                await upstream.get("x")
            await upstream.aclose()
            return caught.value

    assert run(ask()).upstream_status is None


def test_headers_of_one_call_are_no_other_calls() -> None:
    class Counting(Auth):
        number = 0

        async def header(self) -> str | None:
            self.number += 1
            return None if self.number == 3 else f"Bearer {self.number // 2}"

        def secrets(self) -> tuple[str, ...]:
            return ()

    carrier = Noting(OK)
    upstream = over(carrier, Clock(), Counting())

    async def calls() -> None:
        await upstream.get("x")
        await upstream.send("POST", ("x",), json={}, headers={"x-session": "1"})
        await upstream.get("x")
        await upstream.get("x")

    run(calls())
    names = ("accept", "authorization", "content-type", "user-agent", "x-session")
    assert [[sent.get(name) for name in names] for sent in carrier.sent] == [
        ["application/json", "Bearer 0", None, "rungraph", None],
        ["application/json", "Bearer 1", "application/json", "rungraph", "1"],
        ["application/json", None, None, "rungraph", None],
        ["application/json", "Bearer 2", None, "rungraph", None],
    ]

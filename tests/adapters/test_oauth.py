"""OAuth client credentials: how often a token is minted, for whom, and what goes wrong."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.errors import AdapterError, BadResponse, ErrorCode, TimedOut, Unauthenticated, Unavailable
from adapters.oauth import DEFAULT_LIFETIME_S, ClientCredentials, read_error
from adapters.settings import ProviderSettings
from adapters.testing.mutations import STABLE
from adapters.upstream import ErrorReply
from tests.support import run

SECRET = "s3cret/with+signs and:colon"
TOKEN_URL = "https://oauth.example/oauth2/token"
SETTINGS = ProviderSettings(adapter="x", base_url="https://api.example/v1", timeout_ms=300_000, max_retries=0)


@dataclass(slots=True)
class Endpoint:
    """A token endpoint that counts. `gate`, where set, is waited for before each answer."""

    reply: Callable[[int], httpx.Response] = lambda count: httpx.Response(
        200, json={"access_token": f"token-{count}", "token_type": "bearer", "expires_in": 3600}
    )
    gate: asyncio.Event | None = None
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        count = len(self.requests)
        if self.gate is not None:
            await self.gate.wait()
        return self.reply(count)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def credentials(endpoint: Endpoint, clock: Callable[[], float] | None = None) -> ClientCredentials:
    return ClientCredentials(
        "rb",
        SETTINGS,
        token_url=TOKEN_URL,
        client_id="client one",
        client_secret=SecretStr(SECRET),
        transport=httpx.MockTransport(endpoint),
        clock=clock or Clock(),
    )


def answer(**body: object) -> Callable[[int], httpx.Response]:
    return lambda _: httpx.Response(200, json=body)


async def settled(endpoint: Endpoint, calls: int) -> None:
    """Let background work run until the endpoint saw that many calls, and was left."""
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(endpoint.requests) == calls


def test_the_request_is_a_form_with_basic_client_authentication() -> None:
    endpoint = Endpoint()
    assert run(credentials(endpoint).header()) == "Bearer token-1"
    (request,) = endpoint.requests
    assert (request.method, str(request.url)) == ("POST", TOKEN_URL)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.content == b"grant_type=client_credentials"
    scheme, _, encoded = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert b64decode(encoded) == b"client+one:s3cret%2Fwith%2Bsigns+and%3Acolon"


def test_many_at_once_share_one_mint() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(gate=asyncio.Event())
        auth = credentials(endpoint)
        waiting = [asyncio.create_task(auth.header()) for _ in range(20)]
        await settled(endpoint, 1)
        assert endpoint.gate is not None
        endpoint.gate.set()
        assert set(await asyncio.gather(*waiting)) == {"Bearer token-1"}
        assert await auth.header() == "Bearer token-1"
        assert len(endpoint.requests) == 1

    run(scenario())


def test_a_waiter_that_is_cancelled_does_not_break_the_others() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(gate=asyncio.Event())
        auth = credentials(endpoint)
        first, second = asyncio.create_task(auth.header()), asyncio.create_task(auth.header())
        await settled(endpoint, 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert endpoint.gate is not None
        endpoint.gate.set()
        assert await second == "Bearer token-1"
        assert len(endpoint.requests) == 1

    run(scenario())


def test_a_failure_reaches_every_waiter_and_the_next_call_tries_again() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(
            lambda count: httpx.Response(503) if count == 1 else httpx.Response(200, json={"access_token": "late"})
        )
        auth = credentials(endpoint)
        outcomes = await asyncio.gather(auth.header(), auth.header(), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert await auth.header() == "Bearer late"
        assert len(endpoint.requests) == 2

    run(scenario())


def test_a_failure_that_nobody_waits_for_any_more_is_silent() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(lambda _: httpx.Response(401), gate=asyncio.Event())
        auth = credentials(endpoint)
        waiter = asyncio.create_task(auth.header())
        await settled(endpoint, 1)
        waiter.cancel()
        assert endpoint.gate is not None
        endpoint.gate.set()
        await settled(endpoint, 1)

    run(scenario())


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [(3600, 3300), (601, 301), (600, 300), (400, 200), (20, 10), ("1800", 1500), (None, DEFAULT_LIFETIME_S - 300)],
)
def test_renewal_five_minutes_early_or_at_half_life(expires_in: object, renewed_after: float) -> None:
    async def scenario() -> None:
        clock = Clock()
        body = {} if expires_in is None else {"expires_in": expires_in}
        endpoint = Endpoint(lambda count: httpx.Response(200, json={"access_token": f"token-{count}", **body}))
        auth = credentials(endpoint, clock)
        await auth.header()
        clock.now += renewed_after - 0.5
        assert await auth.header() == "Bearer token-1"
        await settled(endpoint, 1)
        clock.now += 0.5
        assert await auth.header() == "Bearer token-1", "the old one serves while the new one is fetched"
        await settled(endpoint, 2)
        assert await auth.header() == "Bearer token-2"
        assert len(endpoint.requests) == 2

    run(scenario())


def test_the_old_token_serves_while_renewal_fails_and_attempts_stay_few() -> None:
    async def scenario() -> None:
        clock = Clock()
        minted = httpx.Response(200, json={"access_token": "token-1", "expires_in": 3600})
        endpoint = Endpoint(lambda count: minted if count == 1 else httpx.Response(500))
        auth = credentials(endpoint, clock)
        await auth.header()
        for elapsed, calls in ((3300, 2), (3301, 2), (3449, 2), (3450, 3), (3451, 3)):
            clock.now = 1000.0 + elapsed
            assert await auth.header() == "Bearer token-1"
            await settled(endpoint, calls)
        clock.now = 1000.0 + 3600
        with pytest.raises(Unavailable):
            await auth.header()

    run(scenario())


@pytest.mark.parametrize("expires_in", [-5, "soon", True, 1.5, [], {}])
def test_an_unreadable_lifetime_is_an_hour(expires_in: object) -> None:
    async def scenario() -> None:
        clock = Clock()
        endpoint = Endpoint(answer(access_token="token", expires_in=expires_in))
        auth = credentials(endpoint, clock)
        await auth.header()
        clock.now += DEFAULT_LIFETIME_S - 301
        await auth.header()
        await settled(endpoint, 1)

    run(scenario())


def test_a_token_without_any_life_is_used_once() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(answer(access_token="token", expires_in=0))
        auth = credentials(endpoint)
        assert await auth.header() == await auth.header() == "Bearer token"
        assert len(endpoint.requests) == 2

    run(scenario())


def test_it_is_ready_while_there_is_a_token_that_serves() -> None:
    async def scenario() -> None:
        clock = Clock()
        auth = credentials(Endpoint(), clock)
        assert not auth.is_ready()
        await auth.header()
        clock.now += 3599
        assert auth.is_ready()
        clock.now += 1
        assert not auth.is_ready()
        token = await auth.header()
        assert auth.is_ready()
        await auth.renew(token)
        assert not auth.is_ready()

    run(scenario())


def test_a_rejected_token_is_replaced_once_for_all_who_met_the_rejection() -> None:
    async def scenario() -> None:
        endpoint = Endpoint()
        auth = credentials(endpoint)
        rejected = await auth.header()
        assert await auth.renew(rejected)
        renewed = asyncio.create_task(auth.header())
        assert await auth.renew(rejected)
        assert await renewed == await auth.header() == "Bearer token-2"
        assert await auth.renew(rejected), "there is a newer one: it is used, not replaced"
        assert await auth.header() == "Bearer token-2"
        assert len(endpoint.requests) == 2

    run(scenario())


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, Unauthenticated, False),
        (401, Unauthenticated, False),
        (403, Unauthenticated, False),
        (404, Unauthenticated, False),
        (429, Unavailable, True),
        (408, Unavailable, True),
        (500, Unavailable, True),
        (502, Unavailable, True),
        (302, BadResponse, False),
    ],
)
def test_refusals_name_the_provider_and_keep_the_secret(status: int, kind: type[AdapterError], retryable: bool) -> None:
    body = {"error": "invalid_client", "error_description": f"no client with {SECRET}"}
    endpoint = Endpoint(lambda _: httpx.Response(status, json=body, headers={"retry-after": "7"}))
    with pytest.raises(AdapterError) as caught:
        run(credentials(endpoint).header())
    error = caught.value
    assert type(error) is kind
    assert error.retryable is retryable
    assert (error.provider, error.upstream_status, error.retry_after_ms) == ("rb", status, 7000)
    assert str(error) == "rb: the token endpoint gave no token: no client with ***"
    assert error.raw_code == "invalid_client"


def test_no_connection_to_the_token_endpoint_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"refused {SECRET}", request=request)

    auth = credentials(Endpoint())
    run(auth.aclose())
    auth = ClientCredentials(
        "rb",
        SETTINGS,
        token_url=TOKEN_URL,
        client_id="c",
        client_secret=SecretStr(SECRET),
        transport=httpx.MockTransport(refuse),
    )
    with pytest.raises(Unavailable) as caught:
        run(auth.header())
    assert SECRET not in str(caught.value)


def test_a_token_endpoint_that_does_not_answer_in_time() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(gate=asyncio.Event())
        auth = ClientCredentials(
            "rb",
            SETTINGS.model_copy(update={"timeout_ms": 1}),
            token_url=TOKEN_URL,
            client_id="c",
            client_secret=SecretStr(SECRET),
            transport=httpx.MockTransport(endpoint),
        )
        with pytest.raises(TimedOut):
            await auth.header()

    run(scenario())


UNUSABLE = [b"7", b"null", b"[]", b'""', b'"a b"', b'"a\\nb"', '"ä"'.encode()]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"null", b"[]", b"{}", *(b'{"access_token": %s}' % token for token in UNUSABLE)],
)
def test_an_answer_without_a_token_is_a_bad_response(content: bytes) -> None:
    endpoint = Endpoint(lambda _: httpx.Response(200, content=content))
    with pytest.raises(BadResponse):
        run(credentials(endpoint).header())


def test_every_secret_is_known_for_redaction() -> None:
    async def scenario() -> None:
        auth = credentials(Endpoint())
        first = await auth.header()
        await auth.renew(first)
        await auth.header()
        assert {SECRET, "token-1", "token-2"} <= set(auth.secrets())

    run(scenario())


def test_closing_ends_a_mint_under_way_and_tells_who_waits() -> None:
    async def scenario() -> None:
        endpoint = Endpoint(gate=asyncio.Event())
        auth = credentials(endpoint)
        waiter = asyncio.create_task(auth.header())
        await settled(endpoint, 1)
        await auth.aclose()
        with pytest.raises(Unavailable):
            await waiter

    run(scenario())


@STABLE
@given(st.integers(100, 599), st.binary() | st.sampled_from([b'{"error": {}}', b'{"error": [1]}', b'{"error": null}']))
def test_reading_a_refusal_is_total(status: int, body: bytes) -> None:
    reading = read_error(ErrorReply(status, {}, body))
    assert reading.code in (None, ErrorCode.UNAUTHENTICATED, ErrorCode.UNAVAILABLE)
    assert reading.message

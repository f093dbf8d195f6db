"""Tokens of an issuer: which are accepted, and how its keys are kept."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import jwt
import pytest

from gateway.auth.callers import Caller
from gateway.auth.refusals import Refused
from gateway.auth.settings import JwtSettings
from gateway.auth.tokens import Tokens
from gateway.demo.server import LoopbackServers
from tests.support import run

from .issuer import AUDIENCE, Issuer, private_key, public_jwk

KEYS, DISCOVERY = "/keys", "/.well-known/openid-configuration"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    issuer = Issuer()
    with LoopbackServers({"issuer": issuer.app()}) as servers:
        issuer.url = servers.urls["issuer"]
        yield issuer


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    fresh = Issuer()
    for name in ("keys", "calls", "status", "discovered"):
        setattr(running, name, getattr(fresh, name))
    return running


def checking(
    issuer: Issuer, body: Callable[[Tokens], Coroutine[Any, Any, Any]], clock: Clock | None = None, **keys: Any
) -> Any:
    """What `body` comes to with something that checks tokens of the issuer."""

    async def check() -> Any:
        settings = JwtSettings.model_validate({"issuer": issuer.url, "audience": AUDIENCE, **keys})
        tokens = Tokens(settings, None, clock or Clock())
        try:
            return await body(tokens)
        finally:
            await tokens.aclose()

    return run(check())


def caller(issuer: Issuer, token: str, **keys: Any) -> Caller:
    return checking(issuer, lambda tokens: tokens.caller(token), **keys)


def refusal(issuer: Issuer, token: str, **keys: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        caller(issuer, token, **keys)
    assert token not in str(caught.value)
    return caught.value


def unsigned(claims: Mapping[str, Any], algorithm: str = "none", **headers: Any) -> str:
    parts = ({"alg": algorithm, "typ": "JWT", **headers}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize("key", ["ec-1", "rsa-1", "okp-1"])
def test_a_valid_token_names_its_caller(issuer: Issuer, key: str) -> None:
    issuer.keys = [public_jwk(name) for name in ("ec-1", "rsa-1", "okp-1")]
    found = caller(issuer, issuer.token(key))
    assert (found.name, found.providers, found.can_write, found.limit) == ("ann", None, False, None)
    assert issuer.calls == [DISCOVERY, KEYS]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "lacks a claim"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"aud": "other"}, "another audience"),
        ({"aud": None}, "lacks a claim"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "lacks a claim"),
        ({"sub": None}, "lacks a claim"),
        ({"sub": ""}, "not a name"),
        ({"sub": "a\nb"}, "not a name"),
        ({"sub": "a" * 300}, "not a name"),
    ],
)
def test_what_a_token_must_say(issuer: Issuer, claims: dict[str, Any], reason: str) -> None:
    refused = refusal(issuer, issuer.token(**claims))
    assert (refused.status, refused.challenge) == (401, 'Bearer error="invalid_token"')
    assert reason in str(refused)


def test_a_little_lateness_is_allowed(issuer: Issuer) -> None:
    assert caller(issuer, issuer.token(exp=int(time.time()) - 20), leeway_s=60).name == "ann"
    assert "expired" in str(refusal(issuer, issuer.token(exp=int(time.time()) - 20), leeway_s=1))


def test_signatures_count(issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    text = unsigned(claims, "HS256", kid="ec-1").rstrip(".")
    digest = hmac.digest(json.dumps(public_jwk("ec-1")).encode(), text.encode(), "sha256")
    with_shared_secret = f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    head, body, signature = issuer.token().split(".")
    forged = {
        "without a signature": unsigned(claims, kid="ec-1"),
        "with the public key as a secret": with_shared_secret,
        "with somebody else's key": jwt.encode(claims, private_key("ec-2"), "ES256", headers={"kid": "ec-1"}),
        "with another kind of key": jwt.encode(claims, private_key("rsa-1"), "RS256", headers={"kid": "ec-1"}),
        "with changed claims": ".".join((head, issuer.token(sub="root").split(".")[1], signature)),
        "cut": ".".join((head, body, signature[:20])),
        "not a token": "abc",
        "with a key of its own": jwt.encode(
            claims, private_key("ec-2"), "ES256", headers={"kid": "ec-1", "jwk": public_jwk("ec-2")}
        ),
        "with a kid that is no text": unsigned(claims, "ES256", kid=["ec-1"]),
    }
    for how, token in forged.items():
        assert refusal(issuer, token).status == 401, how
    assert refusal(issuer, issuer.token(), algorithms=["RS256"]).status == 401


def test_keys_that_are_not_for_this(issuer: Issuer) -> None:
    shared = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "oct"}
    broken = [None, {}, {"kty": "EC"}, {"kty": "new"}, {"kty": "RSA", "n": 1, "e": "?"}, shared]
    issuer.keys = [*broken, public_jwk("ec-1"), public_jwk("ec-2", use="enc"), public_jwk("rsa-short")]
    assert caller(issuer, issuer.token()).name == "ann"
    assert refusal(issuer, issuer.token("ec-2")).status == 401
    assert refusal(issuer, issuer.token("rsa-short")).status == 401
    issuer.keys = [public_jwk("rsa-1", alg="PS256")]
    assert refusal(issuer, issuer.token("rsa-1")).status == 401


def test_a_token_that_names_no_key_means_the_only_one(issuer: Issuer) -> None:
    token = issuer.token(headers={"kid": None})
    assert caller(issuer, token).name == "ann"
    issuer.keys = [public_jwk("ec-1"), public_jwk("ec-2")]
    assert refusal(issuer, token).status == 401


def test_scopes_and_providers(issuer: Issuer) -> None:
    def of(**claims: Any) -> Caller:
        return caller(issuer, issuer.token(**claims), read_scope="runs", providers_claim="sees")

    assert of(scope="openid runs").can_write is False
    assert of(scope="rungraph:write").can_write is True
    assert of(scp=["runs", "rungraph:write", 7]).can_write is True
    assert of(scope="runs").providers == frozenset()
    assert of(scope="runs", sees=["a", "b"]).providers == {"a", "b"}
    assert of(scope="runs", sees="a b").providers == {"a", "b"}
    assert of(scope="runs", sees={"a": 1}).providers == frozenset()
    assert of(scope="runs", sees=["*"]).providers is None
    with pytest.raises(Refused) as caught:
        of(scope="openid")
    assert (caught.value.status, caught.value.code.value) == (403, "PERMISSION_DENIED")


def test_each_caller_has_a_rate_of_its_own(issuer: Issuer) -> None:
    clock = Clock()

    async def body(tokens: Tokens) -> list[bool]:
        taken: list[bool] = []
        for sub in ("ann", "ann", "bob", "ann"):
            limit = (await tokens.caller(issuer.token(sub=sub))).limit
            assert limit is not None
            taken.append(limit.take() == 0)
            clock.now += 0.2
        return taken

    assert checking(issuer, body, clock, rate=2, burst=1) == [True, False, True, True]


class TestKeys:
    def test_are_fetched_once_for_all_who_wait(self, issuer: Issuer) -> None:
        async def body(tokens: Tokens) -> None:
            found = await asyncio.gather(*(tokens.caller(issuer.token(sub=f"s{n}")) for n in range(20)))
            assert [one.name for one in found] == [f"s{n}" for n in range(20)]

        checking(issuer, body, jwks_url=f"{issuer.url}/keys?p=policy")
        assert issuer.calls == [KEYS]

    def test_one_who_leaves_does_not_take_them_along(self, issuer: Issuer) -> None:
        async def body(tokens: Tokens) -> None:
            first, second = (asyncio.ensure_future(tokens.caller(issuer.token())) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).name == "ann"

        checking(issuer, body)

    def test_rotate(self, issuer: Issuer) -> None:
        clock = Clock()

        async def body(tokens: Tokens) -> None:
            await tokens.caller(issuer.token("ec-1"))
            issuer.keys = [public_jwk("ec-1"), public_jwk("ec-2")]
            # An unknown key is looked for at once, but not again and again.
            clock.now += 10
            assert (await tokens.caller(issuer.token("ec-2"))).name == "ann"
            assert issuer.calls == [DISCOVERY, KEYS, KEYS]
            for _ in range(5):
                with pytest.raises(Refused):
                    await tokens.caller(issuer.token("ec-3"))
            assert len(issuer.calls) == 3
            clock.now += 10
            with pytest.raises(Refused):
                await tokens.caller(issuer.token("ec-3"))
            assert len(issuer.calls) == 4

        checking(issuer, body, clock)

    def test_are_renewed_behind_the_back_of_requests_and_then_the_old_ones_are_gone(self, issuer: Issuer) -> None:
        clock = Clock()

        async def body(tokens: Tokens) -> None:
            await tokens.caller(issuer.token())
            issuer.keys = [public_jwk("ec-2")]
            clock.now += 100
            assert (await tokens.caller(issuer.token())).name == "ann"
            assert (await tokens.caller(issuer.token("ec-2"))).name == "ann"
            with pytest.raises(Refused):
                await tokens.caller(issuer.token())
            assert issuer.calls == [DISCOVERY, KEYS, KEYS]

        checking(issuer, body, clock, jwks_ttl_s=60)

    def test_that_can_t_be_had_let_nobody_in(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        issuer.status = 500
        clock = Clock()

        async def body(tokens: Tokens) -> None:
            for _ in range(3):
                with pytest.raises(Refused) as caught:
                    await tokens.caller(issuer.token())
                assert (caught.value.status, caught.value.code.value) == (503, "UNAVAILABLE")
            tried = len(issuer.calls)
            issuer.status = 200
            clock.now += 10
            assert (await tokens.caller(issuer.token())).name == "ann"
            assert len(issuer.calls) == tried + 1

        checking(issuer, body, clock)
        assert "can't be had" in caplog.text

    def test_go_on_while_the_issuer_is_down_but_not_for_ever(self, issuer: Issuer) -> None:
        clock = Clock()

        async def body(tokens: Tokens) -> None:
            await tokens.caller(issuer.token())
            issuer.status = 503
            clock.now += 3_600
            assert (await tokens.caller(issuer.token())).name == "ann"
            clock.now += 24 * 3_600
            with pytest.raises(Refused) as caught:
                await tokens.caller(issuer.token())
            assert caught.value.status == 503

        checking(issuer, body, clock)

    @pytest.mark.parametrize(
        "discovered",
        [{"issuer": "https://evil.example"}, {"jwks_uri": None}, {"jwks_uri": "file:///etc/passwd"}],
        ids=["of another issuer", "without keys", "to a file"],
    )
    def test_are_not_taken_from_elsewhere(self, issuer: Issuer, discovered: dict[str, Any]) -> None:
        issuer.discovered = discovered
        assert refusal(issuer, issuer.token()).status == 503
        assert issuer.calls == [DISCOVERY]

    def test_of_nobody_let_nobody_in(self, issuer: Issuer) -> None:
        issuer.keys = []
        assert refusal(issuer, issuer.token()).status == 503

"""Providers for one credential each: found again, bounded, and closed only when nobody uses them."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
import pytest
from pydantic import SecretStr

from adapters.auth import Auth, Bearer
from adapters.settings import ProviderSettings
from adapters.upstream import UpstreamClient
from gateway.auth.credentials import CallerCredentials
from gateway.caching.keys import Keys
from gateway.providers import Provider, Providers
from gateway.settings import ConfigError, parse
from tests.gateway.fake import FakeAdapter
from tests.support import run

from .asking import asking
from .tenants import World, everywhere, whose

SECTION = ProviderSettings(adapter="fake", base_url="http://fake.test", credentials="caller")


class Closing(FakeAdapter):
    """Notes which credentials were closed; closing one that `stuck` names fails."""

    closed: ClassVar[list[str]] = []
    stuck: ClassVar[str] = ""

    def __init__(self, credential: str = "") -> None:
        super().__init__()
        self.credential = credential

    def asked_with(self, auth: Auth) -> "Closing":
        return Closing(auth.secrets()[0] if isinstance(auth, Bearer) else "missing")

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed.append(self.credential)
        if self.credential == self.stuck:
            raise RuntimeError(self.credential)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Closing, "closed", list[str]())
    monkeypatch.setattr(Closing, "stuck", "")


def pool(max_kept: int) -> CallerCredentials:
    return CallerCredentials({"fake": SECTION}, Providers([Provider("fake", Closing())]), Keys(), max_kept=max_kept)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_same_credential_is_the_same_provider() -> None:
    kept = pool(10)
    one, again, other = kept.take("fake", "a"), kept.take("fake", " bearer  a "), kept.take("fake", "b")
    assert one is again
    assert one.source != other.source
    assert kept.take("fake", None) is kept.take("fake", None)


def test_those_used_longest_ago_go_first_and_none_in_use() -> None:
    async def body() -> None:
        kept = pool(2)
        first, second = kept.take("fake", "a"), kept.take("fake", "b")
        kept.give_back(second)
        third = kept.take("fake", "c")
        kept.give_back(third)
        await settled()
        # The oldest is in use: the next one goes.
        assert Closing.closed == ["b"]
        assert kept.take("fake", "a") is first
        kept.give_back(first)
        kept.give_back(first)
        kept.give_back(kept.take("fake", "d"))
        await settled()
        assert Closing.closed == ["b", "c"]
        assert kept.take("fake", "b") is not second
        await kept.aclose()
        assert sorted(Closing.closed) == ["a", "b", "b", "c", "d"]

    run(body())


def test_more_may_be_in_use_than_are_kept() -> None:
    async def body() -> None:
        kept = pool(1)
        taken = [kept.take("fake", token) for token in "abcd"]
        await settled()
        assert Closing.closed == []
        for provider in taken:
            kept.give_back(provider)
        await settled()
        assert Closing.closed == ["a", "b", "c"]
        await kept.aclose()

    run(body())


def test_one_that_can_t_be_closed_holds_up_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Closing, "stuck", "canary")

    async def body() -> None:
        kept = pool(1)
        for token in ("canary", "b"):
            kept.give_back(kept.take("fake", token))
        await kept.aclose()

    run(body())
    assert Closing.closed == ["canary", "b"]
    assert "unexpected RuntimeError while fake was closed for one caller" in caplog.text
    assert "canary" not in caplog.text


def test_a_session_is_ended_when_its_credential_is_dropped_and_not_before(tenants: World) -> None:
    """With room for one credential, and two callers whose answers the provider keeps back until both have asked."""
    accounts = tenants.accounts["bridgetown"]
    run_id = tenants.run_ids["bridgetown"]
    query = "query ($id: ID!) { run(id: $id) { raw } }"
    configuration = tenants.configuration(auth={"max_credentials": 1})
    configuration["providers"] = {"bridgetown": configuration["providers"]["bridgetown"]}

    async def body() -> None:
        async with asking(configuration) as gateway:
            accounts.hold = 2
            both = ("ann", "bob")
            answers = await asyncio.gather(*(gateway.data(query, everywhere(who), id=run_id) for who in both))
            assert [whose(answer) for answer in answers] == [{"ann"}, {"bob"}]
            for who in ("cat", "ann", "cat"):
                assert whose(await gateway.data(query, everywhere(who), id=run_id)) == {who}

    run(body())
    ended = [(call.account, call.session) for call in accounts.calls if call.method == "DELETE"]
    opened = {(call.account, call.session) for call in accounts.calls if call.session is not None}
    assert sorted(map(str, ended)) == sorted(map(str, opened))


def test_connections_are_shared_and_stay_when_a_credential_goes() -> None:
    asked: list[str] = []

    class Watched(httpx.MockTransport):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    async def body() -> None:
        transport = Watched(answer)
        base = UpstreamClient("p", SECTION, auth=Bearer(None), read_error=_read_error, transport=transport)
        mine = base.with_auth(Bearer(SecretStr("mine")))
        await mine.get("x")
        await mine.aclose()
        yours = base.with_auth(Bearer(SecretStr("yours")))
        await yours.get("x")
        assert (asked, transport.closed) == (["Bearer mine", "Bearer yours"], 0)
        assert (mine.redacted("mine yours"), yours.redacted("mine yours")) == ("*** yours", "mine ***")
        await base.aclose()
        assert transport.closed == 1

    run(body())


PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    "refactor": {"base_url": "http://p.test/v1"},
    "rightbrain": {"base_url": "http://p.test/v1", "org_id": "o", "project_id": "p"},
}


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("refactor", {}, "providers.refactor.token: this key is needed"),
        ("refactor", {"credentials": "caller", "token": "t"}, "providers.refactor.token: there is no token of ours"),
        ("refactor", {"credentials": "both"}, "providers.refactor.credentials: "),
        ("refactor", {"credentials": "caller", "caller_header": "authorization"}, "providers.refactor.caller_header: "),
        ("refactor", {"credentials": "caller", "caller_header": "x-request-id"}, "providers.refactor.caller_header: "),
        ("refactor", {"credentials": "caller", "caller_header": "x-a\n-key"}, "providers.refactor.caller_header: "),
        ("rightbrain", {}, "providers.rightbrain: give either token"),
        (
            "rightbrain",
            {"credentials": "caller", "token": "t"},
            "providers.rightbrain.token: there is no token of ours",
        ),
        (
            "rightbrain",
            {"credentials": "caller", "client_id": "c", "client_secret": "s"},
            "providers.rightbrain: there is no client of ours",
        ),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(name: str, keys: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"providers": {name: {**PROVIDERS[name], **keys}}})
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_credential_of_ours_is_needed(name: str) -> None:
    settings = parse({"providers": {name: {**PROVIDERS[name], "credentials": "caller"}}})
    assert settings.providers[name].token is None


def _read_error(reply: Any) -> Any:
    raise AssertionError(reply)

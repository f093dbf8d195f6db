"""Two callers with the same ids and credentials of their own: neither ever gets, or causes, what is the other's."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import httpx
import pytest

from gateway.auth.keys import hash_of
from tests.gateway.caching.redis_process import PATIENT, RedisProcess
from tests.support import run

from .asking import ALL, ONE, asking, bearer
from .tenants import TOKENS, World, credentials, everywhere, whose

RUN = "query ($id: ID!) { run(id: $id) { id status raw } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Run { id raw } } }"
LIST = "{ runs(first: 3) { nodes { id raw } sources { provider state error { code message } } } }"
PROVIDERS = ("refactor", "eigenpal", "bridgetown")


@pytest.fixture(autouse=True)
def no_credential_is_said(caplog: pytest.LogCaptureFixture, said: list[str]) -> Iterator[None]:
    """Fails a test after which a credential stands in an answer or in the log, whatever its level."""
    caplog.set_level(logging.DEBUG)
    yield
    everything = "".join((*said, caplog.text))
    assert [token for token in (*TOKENS.values(), "secret-of-the-service") if token in everything] == []


@pytest.fixture
def said() -> list[str]:
    """What gateways answered, headers included."""
    return []


def post(
    client: httpx.Client, said: list[str], headers: Mapping[str, str], query: str, **variables: Any
) -> dict[str, Any]:
    response = client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    said.append(f"{response.headers}{response.text}")
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_run_is_looked_up_once_for_each_credential(tenants: World, said: list[str], provider: str) -> None:
    """Cold and warm, by both methods, with and without whole answers being reused."""
    run_id = tenants.run_ids[provider]
    for reuse in (True, False):
        with tenants.gateway(cache={"reuse_answers": reuse}) as client:
            for accounts in tenants.accounts.values():
                accounts.reset()
            tags: dict[str, str] = {}
            for _, account in product(range(2), ("ann", "bob")):
                answer = post(client, said, everywhere(account), RUN, id=run_id)
                assert answer["data"]["run"]["id"] == run_id
                assert whose(answer) == {account}
                got = client.get(
                    "/graphql", params={"query": f'{{ run(id: "{run_id}") {{ raw }} }}'}, headers=everywhere(account)
                )
                assert whose(got.json()) == {account}
                assert got.headers["cache-control"].startswith("private")
                assert f"x-{provider}-authorization" in got.headers["vary"]
                tags[account] = got.headers["etag"]
            assert tags["ann"] != tags["bob"]
            crossed = {**everywhere("bob"), "if-none-match": tags["ann"]}
            query = {"query": f'{{ run(id: "{run_id}") {{ raw }} }}'}
            assert client.get("/graphql", params=query, headers=crossed).status_code == 200
            calls = Counter(call.account for call in tenants.calls() if call.method != "DELETE")
            # A look-up through MCP is a handshake of two calls first, for each session.
            assert calls == dict.fromkeys(("ann", "bob"), 3 if provider == "bridgetown" else 1)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_calls_in_flight_are_shared_by_those_with_the_same_credential_only(
    tenants: World, said: list[str], provider: str
) -> None:
    """The provider answers nobody until it was asked with both credentials."""
    tenants.accounts[provider].hold = 2
    run_id = tenants.run_ids[provider]
    askers = ["ann", "bob"] * 3

    def ask(account: str) -> dict[str, Any]:
        return post(client, said, everywhere(account), RUN, id=run_id)

    with tenants.gateway(cache={"reuse_answers": False}) as client, ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(ask, askers))
    assert [whose(answer) for answer in answers] == [{who} for who in askers]
    assert all(answer["data"]["run"]["id"] == run_id for answer in answers)
    made = Counter(call.account for call in tenants.calls() if call.method != "DELETE")
    assert made == dict.fromkeys(("ann", "bob"), 3 if provider == "bridgetown" else 1)


def test_batches_are_of_one_credential(tenants: World, said: list[str]) -> None:
    accounts = tenants.accounts["eigenpal"]
    ids = [f"eigenpal:{native_id}" for native_id in accounts.simulator.by_status["completed"][:4]]
    accounts.hold = 2
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Run { id output raw } } }"

    def ask(account: str) -> dict[str, Any]:
        return post(client, said, everywhere(account), query, ids=ids)

    with tenants.gateway() as client, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, ("ann", "bob")))
        # What is known to one is no help to the other.
        more = post(client, said, everywhere("cat"), query, ids=ids[:2])
    for answer, account in zip((*answers, more), ("ann", "bob", "cat"), strict=True):
        assert whose(answer) == {account}
    assert {account for account, _ in accounts.made()} == {"ann", "bob", "cat"}
    assert set(accounts.made().values()) == {1}


def test_sessions_are_of_one_credential(tenants: World, said: list[str]) -> None:
    accounts = tenants.accounts["bridgetown"]
    native_ids = accounts.simulator.native_ids()[:3]
    with tenants.gateway(cache={"reuse_answers": False, "terminal_ttl": 0, "live_ttl": 0, "waiting_ttl": 0}) as client:
        for native_id, account in product(native_ids, ("ann", "bob")):
            assert whose(post(client, said, everywhere(account), RUN, id=f"bridgetown:{native_id}")) == {account}
    sessions = {call.session: call.account for call in accounts.calls if call.session is not None}
    assert sorted(sessions.values()) == ["ann", "bob"]
    assert all(sessions[call.session] == call.account for call in accounts.calls if call.session is not None)
    # The gateway said goodbye for both when it stopped.
    assert sorted(call.account for call in accounts.calls if call.method == "DELETE") == ["ann", "bob"]


def test_credentials_are_each_provider_s(tenants: World, said: list[str]) -> None:
    """In every combination of accounts at two providers."""
    ids = [tenants.run_ids["refactor"], tenants.run_ids["eigenpal"]]
    with tenants.gateway() as client:
        for _, first, second in product(range(2), TOKENS, TOKENS):
            headers = credentials(refactor=first, eigenpal=second)
            refactor, eigenpal = post(client, said, headers, NODES, ids=ids)["data"]["nodes"]
            assert (whose(refactor), whose(eigenpal)) == ({first}, {second})
    for provider in ("refactor", "eigenpal"):
        made = Counter(call.account for call in tenants.accounts[provider].calls)
        assert made == dict.fromkeys(TOKENS, 1)


def test_a_credential_that_is_missing_is_one_provider_s_trouble(tenants: World, said: list[str]) -> None:
    ids = [tenants.run_ids[name] for name in PROVIDERS]
    with tenants.gateway() as client:
        # It is no reason to get what somebody else looked up before.
        post(client, said, everywhere("bob"), NODES, ids=ids)
        tenants.accounts["eigenpal"].calls.clear()
        headers = credentials(refactor="ann", bridgetown="ann")
        answer = post(client, said, headers, NODES, ids=ids)
        listed = post(client, said, headers, LIST)
        exported = client.get("/export/runs.ndjson?columns=id,raw&maxRuns=5", headers=headers)
    assert [node and node["id"] for node in answer["data"]["nodes"]] == [ids[0], None, ids[2]]
    assert whose(answer) == {"ann"}
    (error,) = answer["errors"]
    assert error["path"] == ["nodes", 1]
    assert error["message"] == "eigenpal: send your own credential for it in the header x-eigenpal-authorization"
    assert (error["extensions"]["code"], error["extensions"]["provider"]) == ("UNAUTHENTICATED", "eigenpal")
    sources = {source["provider"]: source for source in listed["data"]["runs"]["sources"]}
    assert sources["eigenpal"]["state"] == "FAILED"
    assert sources["eigenpal"]["error"]["code"] == "UNAUTHENTICATED"
    assert '"code":"UNAUTHENTICATED"' in exported.text.splitlines()[-1]
    assert tenants.accounts["eigenpal"].calls == []


def test_a_credential_that_is_refused_gets_nothing_of_anybody(tenants: World, said: list[str]) -> None:
    run_id = tenants.run_ids["refactor"]
    with tenants.gateway() as client:
        post(client, said, everywhere("ann"), RUN, id=run_id)
        for _ in range(2):
            headers = {"x-refactor-authorization": f"Bearer {TOKENS['ann']}x"}
            refused = post(client, said, headers, RUN, id=run_id)
            assert refused["data"] == {"run": None}
            assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert whose(post(client, said, everywhere("ann"), RUN, id=run_id)) == {"ann"}


def test_lists_and_exports_are_the_caller_s(tenants: World, said: list[str]) -> None:
    with tenants.gateway() as client:
        for _, account in product(range(2), ("ann", "bob")):
            listed = post(client, said, everywhere(account), LIST)
            assert len(listed["data"]["runs"]["nodes"]) == 3
            assert whose(listed) == {account}
            exported = client.get("/export/runs.ndjson?columns=id,raw&maxRuns=5", headers=everywhere(account)).text
            assert {name for name in TOKENS if f'"tenant":"{name}"' in exported} == {account}


def test_health_is_of_one_credential(tenants: World, said: list[str]) -> None:
    query = "{ providers { name health { state lastErrorCode } } }"
    with tenants.gateway() as client:
        headers = {"x-refactor-authorization": "wrong"}
        post(client, said, headers, RUN, id=tenants.run_ids["refactor"])
        states = {
            account: post(client, said, sent, query)["data"]["providers"][0]["health"]
            for account, sent in (("wrong", headers), ("ann", everywhere("ann")))
        }
    assert states["wrong"]["lastErrorCode"] == "UNAUTHENTICATED"
    assert states["ann"]["lastErrorCode"] is None


@pytest.mark.parametrize(
    "value",
    ["", " ", "Bearer", "Bearer ", "a b", "Bearer a b", b"a\x00b", b"a\tb", "é".encode(), "a" * 20_000, b"a, b"],
    ids=str,
)
def test_a_header_that_can_t_be_a_credential(tenants: World, value: str | bytes) -> None:

    async def body() -> None:
        async with asking(tenants.configuration()) as gateway:
            content = value if isinstance(value, bytes) else value.encode()
            headers = [(b"x-refactor-authorization", content), (b"content-type", b"application/json")]
            sent = await gateway.client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
            assert sent.status_code == 400
            (error,) = sent.json()["errors"]
            assert error["extensions"]["code"] == "INVALID_INPUT"
            assert error["message"].startswith("the header x-refactor-authorization ")

    run(body())
    assert tenants.calls() == []


def test_a_header_that_comes_twice_is_nobody_s(tenants: World) -> None:
    headers = [("x-refactor-authorization", TOKENS["ann"]), ("x-refactor-authorization", TOKENS["bob"])]
    with tenants.gateway() as client:
        assert client.post("/graphql", json={"query": "{ __typename }"}, headers=headers).status_code == 400


def test_the_gateway_s_own_keys_go_nowhere_else(tenants: World, said: list[str]) -> None:
    """Callers of the gateway with credentials of their own for one provider, and the service's for another."""
    auth = {"keys": {"all": {"hash": hash_of(ALL)}, "one": {"hash": hash_of(ONE), "providers": ["refactor"]}}}
    service = {"credentials": "service", "token": "secret-of-the-service"}
    with tenants.gateway(auth=auth, eigenpal=service) as client:
        ids = [tenants.run_ids["refactor"], tenants.run_ids["eigenpal"]]
        sent = {**bearer(ALL), **everywhere("ann")}
        answer = post(client, said, sent, NODES, ids=ids)
        assert whose(answer) == {"ann"}
        hidden = post(client, said, {**bearer(ONE), **everywhere("bob")}, NODES, ids=ids)
        assert whose(hidden) == {"bob"}
        assert 'no provider "eigenpal"; configured ones: refactor' in hidden["errors"][0]["message"]
        # A header for a provider that is not there for the caller is not even looked at.
        strange = {**bearer(ONE), **credentials(refactor="bob"), "x-bridgetown-authorization": "a b c"}
        assert whose(post(client, said, strange, RUN, id=ids[0])) == {"bob"}
        stranger = client.post("/graphql", json={"query": "{ __typename }"}, headers=everywhere("ann"))
        assert stranger.status_code == 401
    # The service's token is not one of an account's; what callers sent for that provider went nowhere.
    assert {call.account for call in tenants.accounts["eigenpal"].calls} == {"?"}
    assert Counter(call.account for call in tenants.accounts["refactor"].calls) == {"ann": 1, "bob": 1}


def test_headers_may_have_other_names(tenants: World, said: list[str]) -> None:
    with tenants.gateway(refactor={"caller_header": "X-Acme-Token"}) as client:
        answer = post(client, said, {"x-acme-token": TOKENS["cat"]}, RUN, id=tenants.run_ids["refactor"])
        assert whose(answer) == {"cat"}
        default = post(client, said, everywhere("cat"), RUN, id=tenants.run_ids["refactor"])
        assert "in the header x-acme-token" in default["errors"][0]["message"]


def test_what_replicas_share_is_apart_too(tenants: World, said: list[str], redis_server: RedisProcess) -> None:
    cache = {"url": redis_server.url, **PATIENT}
    run_id = tenants.run_ids["refactor"]
    with tenants.gateway(cache=cache) as one, tenants.gateway(cache=cache) as other:
        for client, account in product((one, other), ("ann", "bob")):
            assert whose(post(client, said, everywhere(account), RUN, id=run_id)) == {account}
        refused = post(other, said, {"x-refactor-authorization": "stolen"}, RUN, id=run_id)
        assert refused["data"] == {"run": None}
    stored = str(redis_server.contents())
    assert [token for token in TOKENS.values() if token in stored] == []
    assert Counter(call.account for call in tenants.calls()) == {"ann": 1, "bob": 1, "?": 1}

"""Two callers with the same ids: what one was given, refused or is waiting for is nothing to the other."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.auth.keys import hash_of
from gateway.demo.faults import Fault

from .asking import ALL, ONE, OTHER, bearer
from .tenants import TOKENS, World, credentials, everywhere, whose

RUN = "query ($id: ID!) { run(id: $id) { id status raw } }"
LIST = """query ($after: String, $first: Int!) { runs(first: $first, after: $after) {
  nodes { id raw } pageInfo { endCursor } sources { provider scope state }
} }"""


@pytest.fixture(autouse=True)
def _nothing_is_left(tenants: World) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    yield
    for accounts in tenants.accounts.values():
        accounts.reset()


def ask(client: httpx.Client, headers: dict[str, str], query: str = RUN, **variables: Any) -> dict[str, Any]:
    response = client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    assert response.status_code == 200, response.text
    assert [token for token in TOKENS.values() if token in f"{response.headers}{response.text}"] == []
    return response.json()


def code(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return error["extensions"]["code"]


@pytest.mark.parametrize("reuse_answers", [True, False])
def test_a_run_that_is_stale_is_its_owner_s(tenants: World, reuse_answers: bool) -> None:
    """The provider is down: who knew the run gets it as it was, and nobody else."""
    run_id = tenants.run_ids["refactor"]
    now = 1e9
    with tenants.gateway(lambda: now, cache={"reuse_answers": reuse_answers}) as client:
        assert whose(ask(client, everywhere("ann"), id=run_id)) == {"ann"}
        now += 3600
        tenants.refactor.faults.add(Fault(status=503))
        for _ in range(2):
            refused = ask(client, everywhere("bob"), id=run_id)
            assert (refused["data"], code(refused)) == ({"run": None}, "UNAVAILABLE")
            assert "extensions" not in refused
            stale = ask(client, everywhere("ann"), id=run_id)
            assert whose(stale) == {"ann"}
            assert stale["extensions"]["stale"]


def test_a_run_that_is_not_there_for_one_is_for_another(tenants: World) -> None:
    """And the other way round, also while the absence is kept."""
    accounts, run_id = tenants.accounts["refactor"], tenants.run_ids["refactor"]
    accounts.statuses["ann"] = 404
    with tenants.gateway() as client:
        for _ in range(2):
            assert ask(client, everywhere("ann"), id=run_id) == {"data": {"run": None}}
            assert whose(ask(client, everywhere("bob"), id=run_id)) == {"bob"}
    assert Counter(call.account for call in accounts.calls) == {"ann": 1, "bob": 1}


def test_troubles_of_one_are_not_the_other_s(tenants: World) -> None:
    """A credential that has no permission, or asks too often, in the same moment as one that works."""
    accounts, run_id = tenants.accounts["refactor"], tenants.run_ids["refactor"]
    with tenants.gateway(cache={"reuse_answers": False, "terminal_ttl": 0, "stale_if_error_ttl": 0}) as client:
        for status, said in ((401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (429, "RATE_LIMITED")):
            accounts.statuses["ann"] = status
            assert code(ask(client, everywhere("ann"), id=run_id)) == said
            assert whose(ask(client, everywhere("bob"), id=run_id)) == {"bob"}


def test_files_are_the_caller_s(tenants: World) -> None:
    """Also as HEAD, as a range, and with the tag of what the other one was given."""
    eigenpal: Any = tenants.eigenpal
    native_id = next(run_id for run_id in eigenpal.by_status["completed"] if eigenpal.artifacts(run_id))
    path = next(iter(eigenpal.artifacts(native_id)))
    url = f"/files/eigenpal:{native_id}/{path}"
    accounts = tenants.accounts["eigenpal"]
    with tenants.gateway() as client:
        given = client.get(url, headers=everywhere("ann"))
        assert given.status_code == 200
        accounts.statuses["bob"] = 404
        tag = {"if-none-match": given.headers.get("etag", "*")}
        for method, more in (("GET", {}), ("HEAD", {}), ("GET", {"range": "bytes=0-3"}), ("GET", tag)):
            for headers in (everywhere("bob"), {"x-eigenpal-authorization": "stolen"}, {}):
                refused = client.request(method, url, headers={**headers, **more})
                assert refused.status_code in (404, 502)
                assert given.content[:4] not in refused.content
                assert "etag" not in refused.headers
            assert client.request(method, url, headers={**everywhere("ann"), **more}).status_code in (200, 206)
        assert "no-store" in given.headers["cache-control"]


def test_a_cursor_shows_only_what_is_the_caller_s(tenants: World) -> None:
    with tenants.gateway() as client:
        first = ask(client, everywhere("ann"), LIST, first=3)["data"]["runs"]
        after = first["pageInfo"]["endCursor"]
        for account in ("bob", "ann"):
            next_page = ask(client, everywhere(account), LIST, first=3, after=after)
            assert whose(next_page) == {account}
        # Without a credential, and with one that is nobody's, it opens nothing.
        for headers in ({}, dict.fromkeys(everywhere("ann"), "stolen")):
            nothing = ask(client, headers, LIST, first=3, after=after)
            assert whose(nothing) <= {"?"}
            assert nothing["data"]["runs"]["nodes"] == []


def limited(**more: dict[str, Any]) -> dict[str, Any]:
    """The section `auth`: all providers for one key, one for each of two others."""
    said: dict[str, dict[str, Any]] = {
        "all": {"hash": hash_of(ALL)},
        "one": {"hash": hash_of(ONE), "providers": ["refactor"]},
        "other": {"hash": hash_of(OTHER), "providers": ["eigenpal"]},
    }
    return {"keys": {name: {**key, **more.get(name, {})} for name, key in said.items()}}


def test_what_others_may_see_is_not_there(tenants: World) -> None:
    """With the service's credentials, which are the same for all: only what callers may see is different."""
    same: dict[str, Any] = {"credentials": "service", "token": TOKENS["ann"]}
    sections: dict[str, Any] = {**dict.fromkeys(("refactor", "eigenpal", "bridgetown"), same), "auth": limited()}
    run_id = tenants.run_ids["eigenpal"]
    query = {"query": f'{{ run(id: "{run_id}") {{ id raw }} providers {{ name }} }}'}
    with tenants.gateway(**sections) as client:
        seen = client.get("/graphql", params={"query": f'{{ run(id: "{run_id}") {{ id }} }}'}, headers=bearer(ALL))
        assert seen.json()["data"]["run"]["id"] == run_id
        cursor = ask(client, bearer(ALL), LIST, first=3)["data"]["runs"]["pageInfo"]["endCursor"]
        for more in ({}, {"if-none-match": seen.headers["etag"]}, {"if-none-match": "*"}):
            hidden = client.get("/graphql", params=query, headers={**bearer(ONE), **more})
            if hidden.status_code == 304:
                # It has an answer of its own, and nothing of the other's.
                assert hidden.headers.get("etag") != seen.headers["etag"]
                continue
            answer = hidden.json()
            assert answer["data"] == {"run": None, "providers": [{"name": "refactor"}]}
            assert "bridgetown" not in hidden.text
        opened = client.post(
            "/graphql", json={"query": LIST, "variables": {"first": 3, "after": cursor}}, headers=bearer(ONE)
        )
        assert opened.json()["data"] is None
        assert "eigenpal" not in opened.text
        assert "bridgetown" not in opened.text
        exported = client.get("/export/runs.ndjson?columns=id&maxRuns=9", headers=bearer(OTHER))
        assert {
            line["id"].partition(":")[0] for line in map(json.loads, exported.text.splitlines()) if "id" in line
        } <= {"eigenpal"}
        assert "refactor" not in exported.text
        refused = client.get(f"/files/{run_id}/a.txt", headers=bearer(ONE))
        assert (refused.status_code, "bridgetown" in refused.text) == (400, False)


def test_how_often_one_asks_is_nothing_to_another(tenants: World) -> None:
    rate = {"rate": 0.001, "burst": 2}
    with tenants.gateway(auth=limited(one=rate, other=rate)) as client:
        statuses = [
            client.post("/graphql", json={"query": "{ __typename }"}, headers=bearer(key)).status_code
            for key in (ONE, ONE, ONE, OTHER, ONE, OTHER, OTHER, ALL, ALL, ALL)
        ]
    assert statuses == [200, 200, 429, 200, 429, 200, 429, 200, 200, 200]


def test_a_document_by_its_name_is_answered_for_each(tenants: World, tmp_path: Path) -> None:
    """What is stored is the question, never the answer."""
    text = f'{{ run(id: "{tenants.run_ids["refactor"]}") {{ id raw }} }}'
    digest = sha256(text.encode()).hexdigest()
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({digest: text}), encoding="utf-8")
    documents = {"mode": "enforce", "manifest": str(manifest)}
    with tenants.gateway(documents=documents) as client:
        for account in ("ann", "bob", "ann", "bob"):
            response = client.post(
                "/graphql", json={"documentId": f"sha256:{digest}"}, headers=credentials(refactor=account)
            )
            assert whose(response.json()) == {account}, response.text

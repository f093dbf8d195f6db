"""Requests that name a document, and what is done with those that send one."""

import json
import logging
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.types import ASGIApp

from tests.gateway.fake import FakeAdapter, app_over
from tests.gateway.sending import BROWSER, GRAPHQL, GRAPHQL_RESPONSE, JSON, answer_of, gateway, send

KNOWN = "query Known($more: Boolean! = false) { __typename providers @include(if: $more) { name } }"
TWO = "query One { one: __typename } query Two { two: __typename }"
OTHER = "{ other: __typename }"
ROOT = {"data": {"__typename": "Query"}}
IDS = {"known": KNOWN, "two": TWO}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apq(sha: Any, version: Any = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": sha}}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trusted") / "documents.json"
    path.write_text(json.dumps(IDS), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def off(manifest: str) -> ASGIApp:
    return gateway(documents={"manifest": manifest})


@pytest.fixture(scope="module")
def log(manifest: str) -> ASGIApp:
    return gateway(documents={"manifest": manifest, "mode": "log"})


@pytest.fixture(scope="module")
def enforce(manifest: str) -> ASGIApp:
    return gateway(documents={"manifest": manifest, "mode": "enforce"})


@pytest.fixture(params=["off", "log", "enforce"])
def any_mode(request: pytest.FixtureRequest) -> ASGIApp:
    return request.getfixturevalue(request.param)


def ask(app: ASGIApp, accept: str = JSON, method: str = "POST", **parameters: Any) -> httpx.Response:
    if method == "POST":
        return answer_of(app, "POST", json=parameters, headers={"accept": accept})
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return answer_of(app, method, f"{GRAPHQL}?{urlencode(texts)}", headers={"accept": accept})


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an answer that has one error and no data."""
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    return response.status_code, error["extensions"]["code"], error["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "named",
    [
        {"documentId": "known"},
        {"documentId": f"sha256:{digest(KNOWN)}"},
        {"documentId": digest(KNOWN)},
        {"extensions": apq(digest(KNOWN))},
        {"extensions": apq("known")},
    ],
    ids=str,
)
def test_a_name_is_enough(any_mode: ASGIApp, method: str, named: dict[str, Any]) -> None:
    assert ask(any_mode, method=method, **named).json() == ROOT
    more = ask(any_mode, method=method, variables={"more": True}, **named).json()
    assert more["data"]["providers"] == [{"name": "one"}]


def test_a_named_document_may_have_several_operations(any_mode: ASGIApp) -> None:
    assert ask(any_mode, documentId="two", operationName="Two").json() == {"data": {"two": "Query"}}
    assert "operationName" in refusal(ask(any_mode, documentId="two"))[2]


def test_a_document_of_the_manifest_may_be_sent(any_mode: ASGIApp) -> None:
    assert ask(any_mode, query=KNOWN).json() == ROOT
    assert ask(any_mode, query=KNOWN, extensions=apq(digest(KNOWN))).json() == ROOT


def test_an_unknown_id(any_mode: ASGIApp) -> None:
    for unknown in ("nothing", f"sha256:{digest(OTHER)}", "sha256:known", ""):
        assert refusal(ask(any_mode, documentId=unknown))[:2] == (200, "NOT_FOUND")
        assert refusal(ask(any_mode, GRAPHQL_RESPONSE, documentId=unknown))[:2] == (400, "NOT_FOUND")


def test_an_unknown_hash_is_answered_as_clients_of_apollo_expect(off: ASGIApp, log: ASGIApp) -> None:
    for app in (off, log, gateway()):
        hash_only = ask(app, extensions=apq(digest(OTHER)))
        assert refusal(hash_only) == (200, "NOT_FOUND", "PersistedQueryNotFound")
        # Then the client sends both, and nothing is kept of it.
        assert ask(app, query=OTHER, extensions=apq(digest(OTHER))).json() == {"data": {"other": "Query"}}
        assert refusal(ask(app, extensions=apq(digest(OTHER))))[2] == "PersistedQueryNotFound"


def test_where_documents_have_to_be_known_nobody_is_asked_for_the_text(enforce: ASGIApp) -> None:
    status, code, message = refusal(ask(enforce, extensions=apq(digest(OTHER))))
    assert (status, code) == (200, "NOT_FOUND")
    assert message != "PersistedQueryNotFound"


WRONG_KINDS: list[Any] = ["x", 7, [], {}]


@pytest.mark.parametrize("extensions", [{"persistedQuery": value} for value in WRONG_KINDS] + [
    apq(7), apq(None), apq(digest(KNOWN), 2), apq(digest(KNOWN), "1"),
])  # fmt: skip
def test_a_hash_in_another_form(any_mode: ASGIApp, extensions: dict[str, Any]) -> None:
    for parameters in ({}, {"query": KNOWN}):
        assert refusal(ask(any_mode, extensions=extensions, **parameters))[:2] == (200, "INVALID_INPUT")


def test_a_hash_of_another_document(any_mode: ASGIApp) -> None:
    code, message = refusal(ask(any_mode, query=KNOWN, extensions=apq(digest(TWO))))[1:]
    assert (code, message) == ("INVALID_INPUT", "persistedQuery.sha256Hash is not the digest of the query")


@pytest.mark.parametrize("parameters", [{}, {"extensions": {}}, {"extensions": {"trace": 1}}, {"documentId": None}])
def test_without_any_document(any_mode: ASGIApp, parameters: dict[str, Any]) -> None:
    assert refusal(ask(any_mode, GRAPHQL_RESPONSE, **parameters)) == (400, "INVALID_INPUT", "the query is missing")
    assert ask(any_mode, GRAPHQL_RESPONSE, documentId=7).status_code == 400


def test_only_known_documents_are_run(enforce: ASGIApp) -> None:
    for query in (OTHER, f"{KNOWN} ", f"# a comment\n{KNOWN}", "{", "{ __schema { queryType { name } } }"):
        for method in ("GET", "POST"):
            assert refusal(ask(enforce, GRAPHQL_RESPONSE, method, query=query))[:2] == (400, "POLICY_BLOCKED")
            assert refusal(ask(enforce, JSON, method, query=query))[0] == 200
        # The text is what is run, whatever is named beside it.
        assert refusal(ask(enforce, query=query, documentId="known"))[1] == "POLICY_BLOCKED"


def test_unknown_documents_are_logged_once(log: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    unknown = "{ unknown: __typename }"
    for variables in ({}, {"x": "s3cret"}, {"x": "s3cret"}):
        assert ask(log, query=unknown, variables=variables).json() == {"data": {"unknown": "Query"}}
        assert ask(log, query=KNOWN, variables={}).json() == ROOT
    assert caplog.messages == [f"a document that is not in the manifest was run: sha256:{digest(unknown)}"]
    ask(log, query="{ again: __typename }")
    assert len(caplog.messages) == 2


def test_there_is_no_page_to_write_documents_on(enforce: ASGIApp, off: ASGIApp) -> None:
    headers = {"accept": BROWSER}
    assert "html" in answer_of(off, "GET", headers=headers).headers["content-type"]
    assert "html" not in answer_of(enforce, "GET", headers=headers).headers["content-type"]
    assert answer_of(enforce, "GET", GRAPHQL.removesuffix("graphql"), headers=headers).status_code == 404
    for app in (enforce, off):
        named = answer_of(app, "GET", f"{GRAPHQL}?documentId=known", headers={"accept": f"{JSON},{BROWSER}"})
        assert named.json() == ROOT


def test_a_mutation_is_not_run_by_get(tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({"m": "mutation { __typename }"}), encoding="utf-8")
    app = gateway(documents={"manifest": str(path)})
    assert ask(app, method="GET", documentId="m").status_code in (200, 405)
    assert "data" not in ask(app, method="GET", documentId="m").json()


class TestReuse:
    RUN = "query ($id: ID!) { run(id: $id) { status } }"

    def test_an_answer_is_the_same_by_name_and_by_text(self, tmp_path: Path) -> None:
        path = tmp_path / "documents.json"
        path.write_text(json.dumps({"run": self.RUN}), encoding="utf-8")
        calls: list[httpx.Request] = []

        def reply(request: httpx.Request) -> httpx.Response:
            calls.append(request)
            return httpx.Response(200, json={"id": "1", "status": "completed"})

        app = gateway(answer=httpx.MockTransport(reply), documents={"manifest": str(path), "mode": "enforce"})
        variables = json.dumps({"id": "one:1"})
        urls = [
            f"{GRAPHQL}?{urlencode({**named, 'variables': variables})}"
            for named in (
                {"documentId": "run"},
                {"documentId": f"sha256:{digest(self.RUN)}"},
                {"extensions": json.dumps(apq(digest(self.RUN)))},
                {"query": self.RUN},
            )
        ]
        answers = send(app, *(httpx.Request("GET", url) for url in urls))
        assert len({(answer.text, answer.headers["etag"]) for answer in answers}) == 1
        assert "max-age" in answers[0].headers["cache-control"]
        known = httpx.Request("GET", urls[0], headers={"if-none-match": answers[3].headers["etag"]})
        assert send(app, known)[0].status_code == 304
        assert len(calls) == 1


def test_a_gateway_made_of_parts_trusts_everybody() -> None:
    assert ask(app_over(FakeAdapter()), query=OTHER).json() == {"data": {"other": "Query"}}

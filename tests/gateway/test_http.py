"""GraphQL over HTTP: what a request may look like, and what each kind of answer looks like."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import strawberry
from starlette.types import ASGIApp
from strawberry.schema.config import StrawberryConfig

from gateway.documents import Documents
from gateway.schema.build import GatewaySchema, run_types
from gateway.schema.query import Query
from gateway.schema.scalars import SCALARS

from .sending import BROWSER, GRAPHQL, GRAPHQL_RESPONSE, JSON, ORIGIN, answer_of, gateway, post, send

ONE = "query One { __typename }"
TWO = f"{ONE} query Two {{ providers {{ name }} }}"
ROOT = {"data": {"__typename": "Query"}}


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    return gateway()


def get(app: ASGIApp, accept: str = JSON, method: str = "GET", **parameters: str) -> httpx.Response:
    return answer_of(app, method, f"{GRAPHQL}?{urlencode(parameters)}", headers={"accept": accept})


def post_body(app: ASGIApp, content: bytes | str, content_type: str = JSON) -> httpx.Response:
    return answer_of(app, "POST", content=content, headers={"content-type": content_type})


def error_of(answer: httpx.Response) -> str:
    """The message of an answer that has one error and nothing else."""
    body = answer.json()
    assert list(body) == ["errors"]
    assert len(body["errors"]) == 1
    extensions = body["errors"][0]["extensions"]
    assert extensions["code"] == "INVALID_INPUT"
    assert extensions["retryable"] is False
    assert extensions["requestId"] == answer.headers["x-request-id"]
    return body["errors"][0]["message"]


def test_a_query_is_answered_over_post_and_get(app: ASGIApp) -> None:
    for answer in (post(app, ONE), get(app, query=ONE), post_body(app, json.dumps({"query": ONE}).encode())):
        assert (answer.status_code, answer.json()) == (200, ROOT)
        assert answer.headers["content-type"] == f"{JSON}; charset=utf-8"


def test_variables_come_as_an_object_or_as_its_text(app: ASGIApp) -> None:
    query = "query($no: Boolean!) { __typename @skip(if: $no) }"

    assert post(app, query, variables={"no": True}).json() == {"data": {}}
    assert get(app, query=query, variables='{"no": false}').json() == ROOT


def test_absent_parameters_may_be_null_or_empty(app: ASGIApp) -> None:
    assert post(app, ONE, variables=None, operationName=None, extensions=None).json() == ROOT
    assert post(app, ONE, variables={}, operationName="", extensions={}).json() == ROOT
    assert get(app, query=ONE, variables="", operationName="", extensions="").json() == ROOT
    assert get(app, query=ONE, variables="null").json() == ROOT


def test_parameters_that_nobody_defined_are_ignored(app: ASGIApp) -> None:
    assert post(app, ONE, documentId="x", extensions={"trace": True}).json() == ROOT


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
@pytest.mark.parametrize(
    ("query", "parameters", "message"),
    [
        ("{ __typename", {}, "Syntax Error: Expected Name, found <EOF>."),
        ("{ nothing }", {}, "Cannot query field 'nothing' on type 'Query'."),
        ("{ providers }", {}, "Field 'providers' of type '[Provider!]!' must have a selection of subfields."),
        ("query($id: ID!) { run(id: $id) { id } }", {}, "Variable '$id' has invalid value"),
        ("mutation { __typename }", {}, "The mutation operation is not supported by the schema."),
        ("subscription { __typename }", {}, "The subscription operation is not supported by the schema."),
        (TWO, {"operationName": "Three"}, "operationName must name one of the document's operations."),
        (TWO, {}, "operationName must name one of the document's operations."),
    ],
)
def test_a_request_that_can_not_run_is_400_only_for_the_newer_media_type(
    app: ASGIApp, accept: str, query: str, parameters: dict[str, Any], message: str
) -> None:
    answer = post(app, query, accept, **parameters)

    assert error_of(answer).startswith(message)
    assert answer.status_code == (200 if accept == JSON else 400)
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"


def test_the_operation_that_is_named_runs(app: ASGIApp) -> None:
    assert post(app, TWO, operationName="One").json() == ROOT
    assert post(app, TWO, operationName="Two").json() == {"data": {"providers": [{"name": "one"}]}}


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
def test_a_field_that_failed_is_200_with_data(app: ASGIApp, accept: str) -> None:
    answer = post(app, '{ __typename run(id: "nobody:1") { id } }', accept)

    assert answer.status_code == 200
    assert answer.json()["data"] == {"__typename": "Query", "run": None}
    assert answer.json()["errors"][0]["path"] == ["run"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "the query is missing"),
        ({"query": None}, "the query is missing"),
        ({"query": ""}, "the query must be a text that is not empty"),
        ({"query": 5}, "the query must be a text that is not empty"),
        ({"query": {"x": 1}}, "the query must be a text that is not empty"),
        ({"query": ONE, "operationName": 5}, "operationName must be a text"),
        ({"query": ONE, "operationName": ["One"]}, "operationName must be a text"),
        ({"query": ONE, "variables": []}, "variables must be an object"),
        ({"query": ONE, "variables": "{}"}, "variables must be an object"),
        ({"query": ONE, "variables": 0}, "variables must be an object"),
        ({"query": ONE, "variables": False}, "variables must be an object"),
        ({"query": ONE, "extensions": []}, "extensions must be an object"),
        ({"query": ONE, "extensions": ""}, "extensions must be an object"),
        ([{"query": ONE}], "the body must be an object; batches are not accepted"),
        ([], "the body must be an object; batches are not accepted"),
        ("{ __typename }", "the body must be an object; batches are not accepted"),
        (None, "the body must be an object; batches are not accepted"),
    ],
)
def test_wrong_parameters_are_400(app: ASGIApp, parameters: object, message: str) -> None:
    answer = post_body(app, json.dumps(parameters))

    assert (answer.status_code, error_of(answer)) == (400, message)


@pytest.mark.parametrize("parameter", ["variables", "extensions"])
@pytest.mark.parametrize(("text", "trouble"), [("[1]", "must be an object"), ("{", "is not valid JSON"), ("0", "must")])
def test_wrong_parameters_of_a_get_are_400(app: ASGIApp, parameter: str, text: str, trouble: str) -> None:
    answer = get(app, query=ONE, **{parameter: text})

    assert answer.status_code == 400
    assert parameter in error_of(answer)
    assert trouble in error_of(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"query": "{__typename}"} x',
        b"query=%7B__typename%7D",
        b'{"query": "\xff"}',
        b'{"query": "{__typename}", "variables": {"x": NaN}}',
        b'{"query": "{__typename}", "variables": {"x": "\\ud800"}}',
        b"[" * 100_000,
        b'\xef\xbb\xbf{"query": "{__typename}"}',
    ],
)
def test_a_body_that_is_no_json_is_400(app: ASGIApp, body: bytes) -> None:
    answer = post_body(app, body)

    assert (answer.status_code, error_of(answer)) == (400, "the body is not valid JSON")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/graphql", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_another_content_type_is_415(app: ASGIApp, content_type: str) -> None:
    answer = post_body(app, json.dumps({"query": ONE}), content_type)

    assert (answer.status_code, error_of(answer)) == (415, "the content type must be application/json")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_have_parameters(app: ASGIApp, content_type: str) -> None:
    assert post_body(app, json.dumps({"query": ONE}), content_type).json() == ROOT


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
def test_another_method_is_405(app: ASGIApp, method: str, accept: str) -> None:
    answer = answer_of(app, method, json={"query": ONE}, headers={"accept": accept})

    assert (answer.status_code, error_of(answer)) == (405, "the method must be one of GET, HEAD, POST")
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_a_mutation_is_refused_over_get_only(monkeypatch: pytest.MonkeyPatch) -> None:
    @strawberry.type
    class Mutation:
        @strawberry.field
        def add(self) -> int:
            calls.append(1)
            return len(calls)

    def with_mutation(**_: object) -> GatewaySchema:
        config = StrawberryConfig(scalar_map=SCALARS)
        schema = GatewaySchema(query=Query, mutation=Mutation, types=list(run_types().values()), config=config)
        schema.use(Documents(schema.graphql_schema))
        return schema

    calls: list[int] = []
    monkeypatch.setattr("gateway.app.build", with_mutation)
    app = gateway()

    refused = get(app, query="mutation { add }")
    assert (refused.status_code, error_of(refused)) == (405, "this operation can't be sent with GET")
    assert refused.headers["allow"] == "POST"
    assert calls == []
    assert post(app, "mutation { add }").json() == {"data": {"add": 1}}


def test_a_body_that_is_too_large_is_413() -> None:
    app = gateway({"max_body_bytes": 2000})
    large = json.dumps({"query": ONE, "extensions": {"pad": "x" * 2000}}).encode()

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 100):
            yield large[start : start + 100]

    for content in (large, in_pieces()):
        answer = answer_of(app, "POST", content=content, headers={"content-type": JSON})
        assert (answer.status_code, error_of(answer)) == (413, "the body may hold 2000 bytes at most")
        assert answer.headers["connection"] == "close"


def test_a_body_in_pieces_is_put_together() -> None:
    app = gateway({"max_body_bytes": 2000})

    async def in_pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"query": "{', b"", b'__typename}"}'):
            yield piece

    assert answer_of(app, "POST", content=in_pieces(), headers={"content-type": JSON}).json() == ROOT


@pytest.mark.parametrize("sent", ["0123abcd", "trace-1.2_3", "A" * 64])
def test_a_request_id_is_taken_over(app: ASGIApp, sent: str) -> None:
    headers = {"x-request-id": sent}

    answer = answer_of(app, "POST", json={"query": "{ nothing }"}, headers=headers)

    assert answer.headers["x-request-id"] == sent
    assert answer.json()["errors"][0]["extensions"]["requestId"] == sent


@pytest.mark.parametrize("sent", ["", "short", "A" * 65, "has blanks in it", "quote\"'quote", "0123abcd;", "äöüäöüäö"])
def test_a_request_id_that_may_harm_is_replaced(app: ASGIApp, sent: str) -> None:
    headers = [(b"x-request-id", sent.encode()), (b"content-type", JSON.encode())]

    answer = answer_of(app, "POST", content=json.dumps({"query": ONE}), headers=headers)

    assert answer.headers["x-request-id"] not in ("", sent)
    assert len(answer.headers["x-request-id"]) == 32


def test_every_answer_says_what_may_be_done_with_it(app: ASGIApp) -> None:
    for answer in (post(app, ONE), get(app, query=ONE), post(app, 5), get(app, accept="text/plain"), get(app)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["vary"] == "Accept, Authorization"


def test_a_browser_gets_the_page_and_nobody_else_does(app: ASGIApp) -> None:
    page = get(app, BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["vary"] == "Accept"
    assert get(app, BROWSER, "HEAD").headers["content-type"].startswith("text/html")

    assert get(app, BROWSER, query=ONE).json() == ROOT
    for accept in ("*/*", JSON, ""):
        assert error_of(get(app, accept)) == "the query is missing"


def test_head_has_the_headers_of_get(app: ASGIApp) -> None:
    answer = get(app, GRAPHQL_RESPONSE, "HEAD", query="{ nothing }")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"


def test_the_other_paths(app: ASGIApp) -> None:
    paths = ("/", "/livez", "/readyz", "/graphql/", "/nothing", "/graphql/x")
    answers = dict(zip(paths, send(app, *(httpx.Request("GET", ORIGIN + path) for path in paths)), strict=True))

    assert (answers["/"].status_code, answers["/"].headers["location"]) == (307, "/graphql")
    assert answers["/graphql/"].headers["location"] == GRAPHQL
    assert (answers["/livez"].status_code, answers["/livez"].json()) == (200, {"status": "ok"})
    ready = {"status": "ok", "checks": {"config": "ok", "cache": "ok"}}
    assert (answers["/readyz"].status_code, answers["/readyz"].json()) == (200, ready)
    assert answers["/nothing"].status_code == 404
    assert answers["/graphql/x"].status_code == 404
    assert [a.status_code for a in send(app, httpx.Request("HEAD", f"{ORIGIN}/livez"))] == [200]


def test_a_prefix_goes_before_redirects(app: ASGIApp) -> None:
    answer = send(app, httpx.Request("GET", f"{ORIGIN}/prefix/"), root_path="/prefix")[0]

    assert answer.headers["location"] == "/prefix/graphql"


def test_graphiql_can_be_switched_off() -> None:
    app = gateway({"graphiql": False})

    assert error_of(get(app, BROWSER)) == "the query is missing"
    assert answer_of(app, "GET", f"{ORIGIN}/").status_code == 404
    assert get(app, query=ONE).json() == ROOT

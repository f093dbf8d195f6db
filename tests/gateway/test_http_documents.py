"""Documents that are made to be expensive, and a schema that is not shown."""

import json

import pytest
from starlette.types import ASGIApp

from .sending import GRAPHQL_RESPONSE, gateway, post

TOO_DEEP = "Syntax Error: Document is nested too deeply. Parsing aborted."
TOO_LONG = "Syntax Error: Document contains more than 15000 tokens. Parsing aborted."
TOO_MUCH = "Validation aborted."
OVER = "The document has more than 250 selections in one selection set; the limit is 250 (limits.max_selections)."
WIDE = (
    f"{{ {'providers { parts { how } } ' * 2000} }}",
    f"{{ {'nodes(ids: []) { id } ' * 1000} }}",
    "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(400))
    + "fragment F400 on Query { __typename }",
)
UNLIMITED = {
    "max_selections": 100_000,
    "max_root_fields": 100_000,
    "max_aliases": 100_000,
    "max_field_aliases": 100_000,
}


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    return gateway()


def nested(opening: str, inside: str, closing: str, depth: int) -> str:
    return opening * depth + inside + closing * depth


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"{{ {nested('a { ', 'a', '}', 5000)} }}", TOO_DEEP),
        (f"{{ {nested('... { ', '__typename', '}', 4000)} }}", TOO_DEEP),
        (f"{{ nodes(ids: {nested('[', '', ']', 7000)}) {{ __typename }} }}", TOO_DEEP),
        (f"query($x: {nested('[', 'ID', ']', 5000)}) {{ __typename }}", TOO_DEEP),
        (f"{{ {'id ' * 20_000} }}", TOO_LONG),
        (f"{{ {' '.join(f'a{n}:b' for n in range(10_000))} }}", TOO_LONG),
        *((query, OVER) for query in WIDE[:2]),
        (WIDE[2], "The document has 402 definitions; the limit is 200"),
        (
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
            "Cannot spread fragment 'A' within itself",
        ),
        (f"{{ {'a' * 90_000} }}", "Cannot query field 'aaa"),
        (f"{{ {'a' * 500_000} }}", "The document has 500004 characters"),
        ("#" * 1_000_000, "The document has 1000000 characters"),
    ],
)
def test_an_expensive_document_is_refused(app: ASGIApp, query: str, message: str) -> None:
    answer = post(app, query, GRAPHQL_RESPONSE)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith(message)


@pytest.mark.parametrize("query", WIDE[:2])
def test_validation_is_bounded_whatever_the_limits_are(query: str) -> None:
    answer = post(gateway(limits=UNLIMITED), query, GRAPHQL_RESPONSE)

    assert answer.json()["errors"][0]["message"].startswith(TOO_MUCH)


def test_the_errors_of_a_document_are_bounded() -> None:
    wide = f"{{ {' '.join(f'x{n}' for n in range(5000))} }}"
    answer = post(gateway(limits=UNLIMITED), wide, GRAPHQL_RESPONSE)

    messages = [error["message"] for error in answer.json()["errors"]]
    assert len(messages) == 101
    assert messages[-1] == "Too many validation errors, error limit reached. Validation aborted."


def test_a_fragment_used_again_and_again_costs_once(app: ASGIApp) -> None:
    doubled = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(100))

    answer = post(app, f"{{ ...F0 }} {doubled} fragment F100 on Query {{ __typename }}")

    assert answer.json() == {"data": {"__typename": "Query"}}


def test_an_ordinary_query_with_many_fields_is_not_refused(app: ASGIApp) -> None:
    fields = " ".join(f"f{n}: name" for n in range(2))
    aliases = " ".join(f"a{n}: providers {{ {fields} title capabilities parts {{ part how }} }}" for n in range(33))

    answer = post(app, f"{{ {aliases} }}")

    assert len(answer.json()["data"]) == 33


@pytest.mark.parametrize(
    "variables", [{"ids": ["x"] * 600}, {"ids": [["x"]]}, {"ids": {}}, {"ids": 5.5}, {"ids": [None]}]
)
def test_variables_of_the_wrong_shape_are_an_error_without_a_stack(app: ASGIApp, variables: object) -> None:
    answer = post(app, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", variables=variables)

    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["INVALID_INPUT"]
    assert "Traceback" not in answer.text


def test_deep_variables_are_an_error(app: ASGIApp) -> None:
    deep = json.loads(nested("[", "", "]", 500))

    answer = post(app, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", variables={"ids": deep})

    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


def test_without_introspection_nothing_is_told_about_the_schema() -> None:
    hidden = gateway({"introspection": False})

    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Run") { name } }'):
        messages = [error["message"] for error in post(hidden, query).json()["errors"]]
        assert messages
        assert all("introspection has been disabled" in message for message in messages)
    for query in ("{ provider }", "{ providers { nam } }", '{ run(idd: "x") { id } }', "{ node { ... on Ru { id } } }"):
        assert "Did you mean" not in post(hidden, query).text
    for filter_ in ({"status": "RUNING"}, {"statuz": "RUNNING"}):
        refused = post(hidden, "query($f: RunFilter) { runs(filter: $f) { nodes { id } } }", variables={"f": filter_})
        assert refused.json()["errors"]
        assert "Did you mean" not in refused.text
    assert post(hidden, "{ __typename providers { __typename } }").json()["data"]["__typename"] == "Query"


def test_with_introspection_near_misses_are_explained(app: ASGIApp) -> None:
    assert "Did you mean 'providers'?" in post(app, "{ provider }").json()["errors"][0]["message"]

"""Small requests that would keep the gateway busy for long: refused before the work starts."""

from typing import Any

import pytest
from graphql import get_introspection_query, parse

from gateway.limits.introspection import multiplied
from gateway.limits.variables import holds_more
from tests.gateway.sending import gateway, post

APP = gateway()
IDS = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"


def refusal_of(query: str, **parameters: Any) -> str:
    answer = post(APP, query, **parameters).json()
    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INVALID_INPUT"
    return error["message"]


ONCE = "The document asks for __schema more than once."
ALIASED = "The document has an alias inside __schema or __type."


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ a: __schema { types { name } } b: __schema { types { name } } }", ONCE),
        ("{ __schema { types { name } } ...F } fragment F on Query { b: __schema { types { name } } }", ONCE),
        ("{ __schema { a: types { name } b: types { name } } }", ALIASED),
        ('{ __type(name: "Run") { ... { a: fields { name } } } }', ALIASED),
        ("{ __schema { types { ...F } } } fragment F on __Type { a: fields { name } }", ALIASED),
    ],
)
def test_the_schema_is_told_once(query: str, message: str) -> None:
    assert refusal_of(query) == message


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        '{ a: __type(name: "Run") { name } b: __type(name: "Usage") { name } }',
        "{ __schema { types { name } } ... { __schema { types { kind } } } a: __typename }",
    ],
)
def test_what_tools_ask_about_the_schema_is_answered(query: str) -> None:
    assert multiplied(parse(query)) == []
    assert "errors" not in post(APP, query).json()


def test_the_length_of_a_document_is_bounded() -> None:
    rest = "\n{ __typename }"
    assert "errors" not in post(APP, "#" * (100_000 - len(rest)) + rest).json()
    message = refusal_of("#" * (100_001 - len(rest)) + rest)
    assert message == "The document has 100001 characters; the limit is 100000 (limits.max_length)."


def test_the_number_of_definitions_is_bounded() -> None:
    fragments = " ".join(f"fragment F{n} on Run {{ id }}" for n in range(200))
    message = refusal_of(f"{{ __typename }} {fragments}")
    assert message == "The document has 201 definitions; the limit is 200 (limits.max_definitions)."


def test_the_number_of_values_in_variables_is_bounded() -> None:
    message = refusal_of(IDS, variables={"ids": ["x"] * 10_000})
    assert message == "The variables hold more than 10000 values; the limit is limits.max_variable_values."
    assert refusal_of("{ __typename }", variables={"unused": [[{}] * 5000, {"a": [1] * 5000}]}) == message


@pytest.mark.parametrize(
    ("variables", "count"),
    [({}, 0), ({"a": "text"}, 1), ({"a": [1, 2]}, 3), ({"a": {"b": [None]}, "c": []}, 4)],
)
def test_values_are_counted_at_all_levels(variables: dict[str, Any], count: int) -> None:
    assert not holds_more(variables, count)
    assert count == 0 or holds_more(variables, count - 1)


@pytest.mark.parametrize("field", ["runs(first: {}) { nodes { id } }", "usage(maxRuns: -{}) { total { runs } }"])
def test_a_number_of_thousands_of_digits_is_the_clients_mistake(field: str) -> None:
    query = "{ " + field.replace("{}", "9" * 5000, 1) + " }"
    assert "digits" in refusal_of(query)

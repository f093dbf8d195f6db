"""What else untrusted clients send: many errors, strange variables, near misses of a schema that is not shown."""

import json
from typing import Any

import pytest

from adapters.errors import Unavailable
from adapters.model import Part, RunRecord
from tests.gateway.conftest import OpenFake
from tests.gateway.fake import FakeAdapter
from tests.gateway.sending import GRAPHQL_RESPONSE, answer_of, gateway, post

APP, HIDDEN = gateway(), gateway({"introspection": False})
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"


class TestErrors:
    def test_their_number_is_bounded(self) -> None:
        app = gateway(limits={"max_errors": 3})
        ids = [f"nowhere:{n}" for n in range(10)]
        answer = post(app, NODES, variables={"ids": ids}).json()
        assert answer["data"]["nodes"] == [None] * 10
        assert [error["path"] for error in answer["errors"][:3]] == [["nodes", n] for n in range(3)]
        last = answer["errors"][3:]
        assert [(error["message"], error["extensions"]["leftOut"]) for error in last] == [
            ("There are 7 more errors.", 7)
        ]
        assert "path" not in last[0]
        assert len(post(app, NODES, variables={"ids": ids[:3]}).json()["errors"]) == 3

    def test_each_of_as_many_ids_as_may_be_asked_for_has_its_own(self, open_fake: OpenFake) -> None:
        async def down(native_id: str, parts: frozenset[Part]) -> RunRecord:
            raise Unavailable(provider="fake")

        errors = open_fake(FakeAdapter(down)).errors(NODES, ids=[f"fake:{n}" for n in range(500)])
        assert {error["path"][1] for error in errors} == set(range(500))


DEEP = 900
DEEPER = 100_000


def nested(opening: str, inside: str, closing: str, depth: int) -> str:
    return opening * depth + inside + closing * depth


class TestVariables:
    @pytest.mark.parametrize(
        "text",
        [
            f'{{"ids": {nested("[", "", "]", DEEP)}}}',
            f'{{"ids": ["a"], "x": {nested("[", "", "]", DEEP)}}}',
            nested('{"ids":', "1", "}", DEEP),
            f'{{"ids": ["a"], "unknown": {nested(chr(123) + chr(34) + "a" + chr(34) + ":", "1", "}", DEEP)}}}',
            '{"ids": 1e400}',
            '{"ids": -0}',
            f'{{"ids": {"9" * 5000}}}',
            f'{{"ids": ["{"x" * 100_000}"]}}',
            '{"ids": ["\\ud83d"]}',
            '{"ids": [NaN]}',
            nested("[", "", "]", DEEPER),
            f'{{"ids": {nested("[", "", "]", DEEPER)}}}',
            '{"ids": ["a"], "ids": 7, "ids": []}',
            "[]",
            '"x"',
        ],
        ids=lambda text: text[:24],
    )
    def test_of_any_shape_end_in_an_answer(self, text: str) -> None:
        body = f'{{"query": {json.dumps(NODES)}, "variables": {text}}}'
        headers = {"content-type": "application/json", "accept": GRAPHQL_RESPONSE}
        answers = [answer_of(APP, "POST", content=body.encode(), headers=headers)]
        if len(text) < 10_000:
            parameters = {"query": NODES, "variables": text}
            answers.append(answer_of(APP, "GET", params=parameters, headers={"accept": GRAPHQL_RESPONSE}))
        for answer in answers:
            assert answer.status_code in (200, 400)
            assert answer.json()
            for error in answer.json().get("errors", ()):
                assert error["extensions"]["code"] == "INVALID_INPUT"
                assert len(error["message"]) < 110_000

    @pytest.mark.parametrize("what", ["filter", "status", "createdAfter", "target"])
    def test_deep_input_objects(self, what: str) -> None:
        deep: Any = json.loads(nested('{"a":', "[]", "}", DEEP // 2))
        query = "query ($f: RunFilter) { runs(filter: $f) { nodes { id } } }"
        given: Any = deep if what == "filter" else {what: deep}
        answer = post(APP, query, GRAPHQL_RESPONSE, variables={"f": given})
        assert answer.status_code == 400
        assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"INVALID_INPUT"}

    @pytest.mark.parametrize(
        "value", ["x", "", 1.5, True, [[]], {"a": 1}, 10**18, "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"]
    )
    def test_times_that_are_none(self, value: object, caplog: pytest.LogCaptureFixture) -> None:
        query = "query ($t: DateTime) { runs(filter: {createdAfter: $t}) { nodes { id } } }"
        literal = f"{{ runs(filter: {{createdAfter: {json.dumps(value)}}}) {{ nodes {{ id }} }} }}"
        literal = literal.replace('"a":', "a:")
        for answer in (post(APP, query, variables={"t": value}), post(APP, literal)):
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "INVALID_INPUT"
            assert "time" in error["message"]
        assert caplog.messages == []

    def test_of_a_name_that_comes_twice_the_last_counts(self) -> None:
        body = '{"query": "{ one: __typename }", "query": "{ two: __typename }", "variables": {"a": 1, "a": 2}}'
        answer = answer_of(APP, "POST", content=body.encode(), headers={"content-type": "application/json"})
        assert answer.json() == {"data": {"two": "Query"}}


NEAR_MISSES = (
    "{ provider { name } }",
    "{ providers { titel } }",
    '{ run(idd: "x") { id } }',
    '{ run(id: "x") { ... on EigenpalRum { id } } }',
    "{ runs(filter: {status: [RUNING]}) { nodes { id } } }",
    "{ runs(filter: {statuz: [RUNNING]}) { nodes { id } } }",
    "{ usage(groupBy: [PROVIDR]) { total { runs } } }",
    "{ usage(bucket: DAYS) { total { runs } } }",
    "query ($f: RunFiltre) { runs(filter: $f) { nodes { id } } }",
    "{ __typename @skp(if: true) }",
    "{ __typename @skip(iff: true) }",
    "{ ...Fragmnt } fragment Fragment on Query { __typename }",
)


@pytest.mark.parametrize("query", NEAR_MISSES)
def test_without_introspection_no_error_suggests_a_name(query: str) -> None:
    refused = post(HIDDEN, query)
    assert refused.json()["errors"]
    assert "Did you mean" not in refused.text


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($f: RunFilter) { runs(filter: $f) { nodes { id } } }", {"f": {"status": ["RUNING"]}}),
        ("query ($f: RunFilter) { runs(filter: $f) { nodes { id } } }", {"f": {"statuz": ["RUNNING"]}}),
        ("query ($s: [RunStatus!]) { runs(filter: {status: $s}) { nodes { id } } }", {"s": ["RUNING"]}),
        ("query ($g: [UsageDimension!]) { usage(groupBy: $g) { total { runs } } }", {"g": ["PROVIDR"]}),
    ],
)
def test_nor_does_an_error_about_variables(query: str, variables: dict[str, Any]) -> None:
    assert "Did you mean" in post(APP, query, variables=variables).text
    refused = post(HIDDEN, query, variables=variables)
    assert refused.json()["errors"]
    assert "Did you mean" not in refused.text

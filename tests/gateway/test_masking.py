"""Errors nobody foresaw, mistakes of clients, and what all errors have in common."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from adapters.errors import ErrorCode, RateLimited, Unavailable
from adapters.model import Part, RunRecord, Step
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from gateway.errors import MASKED
from tests.support import run

from .asking import Gateway
from .calls import PROVIDERS, ended_run, on_nodes, on_run
from .conftest import OpenFake
from .fake import BatchingAdapter, FakeAdapter, Gate, app_over, record

REQUEST_ID = "test-request-0002"
SECRET = "secret body"
Answer = Callable[[str, frozenset[Part]], Awaitable[RunRecord]]


def broken(*ids: str) -> Answer:
    """An adapter's mistake, with a provider's text in its exception, for some runs."""

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        if native_id in ids:
            raise ValueError(f"{SECRET} of {native_id}")
        return record(native_id, parts)

    return answer


def ask(gateway: Gateway, query: str, **variables: Any) -> dict[str, Any]:
    response = gateway.ask(query, variables, {"x-request-id": REQUEST_ID})
    assert response.status_code == 200
    return response.json()


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the gateway logged, which has neither the text of an exception nor more than one entry for it."""
    assert SECRET not in caplog.text
    return [entry.getMessage() for entry in caplog.records if entry.name.startswith("gateway")]


class TestUnexpected:
    @pytest.mark.parametrize("adapter", [FakeAdapter, BatchingAdapter])
    def test_is_masked_and_logged_once(
        self, caplog: pytest.LogCaptureFixture, open_fake: OpenFake, adapter: type[FakeAdapter]
    ) -> None:
        answer = ask(open_fake(adapter(broken("1"))), on_run("status"), id="fake:1")
        assert answer == {
            "data": {"run": None},
            "errors": [
                {
                    "message": MASKED,
                    "locations": [{"line": 1, "column": 20}],
                    "path": ["run"],
                    "extensions": {"code": "INTERNAL", "retryable": False, "requestId": REQUEST_ID},
                }
            ],
        }
        (entry,) = logged(caplog)
        assert entry.startswith(f"request {REQUEST_ID}: unexpected ValueError at run\n")
        assert "in answer" in entry, "the trace is there"

    def test_of_one_run_leaves_the_others(self, caplog: pytest.LogCaptureFixture, open_fake: OpenFake) -> None:
        ids = [f"fake:{letter}" for letter in "abcd"]
        answer = ask(open_fake(FakeAdapter(broken("b", "d"))), on_nodes("status"), ids=ids)
        assert [node and node["id"] for node in answer["data"]["nodes"]] == ["fake:a", None, "fake:c", None]
        assert [error["path"] for error in answer["errors"]] == [["nodes", 1], ["nodes", 3]]
        assert len(logged(caplog)) == 2

    def test_under_several_aliases_is_logged_once(self, caplog: pytest.LogCaptureFixture, open_fake: OpenFake) -> None:
        query = """query ($id: ID!) {
            a: run(id: $id) { status } b: run(id: $id) { output } c: nodes(ids: [$id, $id]) { id }
        }"""
        answer = ask(open_fake(FakeAdapter(broken("1"))), query, id="fake:1")
        assert len(answer["errors"]) == 4
        assert {error["message"] for error in answer["errors"]} == {MASKED}
        assert len(logged(caplog)) == 1

    def test_in_a_field_nulls_that_field(self, caplog: pytest.LogCaptureFixture, open_fake: OpenFake) -> None:
        async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
            # Not what the record declares: no time, and no step.
            steps: Any = (Step(id="1"), SECRET)
            return record(native_id, parts, steps=steps, created_at=SECRET, output="kept")

        query = on_run("status createdAt output steps { id name }")
        answered = ask(open_fake(FakeAdapter(answer)), query, id="fake:1")
        run = answered["data"]["run"]
        assert (run["status"], run["output"], run["createdAt"], run["steps"]) == ("SUCCEEDED", "kept", None, None)
        assert {error["message"] for error in answered["errors"]} == {MASKED}
        assert sorted(error["path"][1] for error in answered["errors"]) == ["createdAt", "steps"]
        assert len(logged(caplog)) == 2

    @pytest.mark.parametrize("output", [object(), {SECRET: b"bytes"}], ids=["an object", "bytes"])
    def test_output_that_is_no_json(
        self, caplog: pytest.LogCaptureFixture, open_fake: OpenFake, output: object
    ) -> None:
        async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
            return record(native_id, parts, output=output)

        gateway = open_fake(FakeAdapter(answer))
        response = gateway.ask(on_run("output"), {"id": "fake:1"}, {"x-request-id": REQUEST_ID})
        assert response.status_code == 500
        extensions = {"code": "INTERNAL", "retryable": False, "requestId": REQUEST_ID}
        assert response.json() == {"errors": [{"message": MASKED, "extensions": extensions}]}
        assert len(logged(caplog)) == 1

    def test_expected_errors_are_not_logged(self, caplog: pytest.LogCaptureFixture, uncached: Gateway) -> None:
        caplog.set_level(logging.INFO)
        ask(uncached, on_nodes("status"), ids=["", "nosuch:1", "rightbrain:x", "eigenpal:none"])
        assert "errors" in ask(uncached, "{ nonsense }")
        assert logged(caplog) == []


MISTAKES: Sequence[tuple[str, dict[str, Any]]] = (
    ("{", {}),
    ("{ run(id: 1.5) { id } }", {}),
    ("{ run { id } }", {}),
    ('{ run(id: "refactor:1") { nope } }', {}),
    ('{ run(id: "refactor:1") }', {}),
    ('{ a: run(id: "refactor:1") { id } ...F }', {}),
    ("query ($id: ID!) { run(id: $id) { id } }", {}),
    ("query ($id: ID!) { run(id: $id) { id } }", {"id": None}),
    ("query ($id: ID!) { run(id: $id) { id } }", {"id": ["refactor:1"]}),
    ('query ($id: ID = "refactor:1") { run(id: $id) { id } }', {"id": None}),
    ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["refactor:1", None]}),
    ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["refactor:1"] * 501}),
    ('query ($s: Boolean = true) { run(id: "refactor:1") @skip(if: $s) { id } }', {"s": None}),
    ("query ($s: Boolean = true) { providers { name @skip(if: $s) } }", {"s": None}),
    ("query A { __typename } query B { __typename }", {}),
    ("subscription { runUpdated { id } }", {}),
    ("fragment F on Run { id }", {}),
    ('{ run(id: "no-colon") { id } }', {}),
    ('{ node(id: "nosuch:1") { id } }', {}),
    ('{ run(id: "rightbrain:1") { id } }', {}),
)


class TestMistakes:
    @pytest.mark.parametrize(("query", "variables"), MISTAKES, ids=[query[:60] for query, _ in MISTAKES])
    def test_are_named_and_cost_nothing(
        self,
        uncached: Gateway,
        world: DemoWorld,
        caplog: pytest.LogCaptureFixture,
        query: str,
        variables: dict[str, Any],
    ) -> None:
        answer = ask(uncached, query, **variables)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_INPUT"}
        assert MASKED not in str(answer)
        assert [call for simulator in world.simulators.values() for call in simulator.calls] == []
        assert logged(caplog) == []

    def test_an_unknown_provider_is_told_the_known_ones(self, uncached: Gateway, world: DemoWorld) -> None:
        (error,) = ask(uncached, '{ run(id: "nosuch:1") { id } }')["errors"]
        assert error["message"] == (
            'there is no provider "nosuch"; configured ones: refactor, eigenpal, middesk, rightbrain, bridgetown'
        )


REQUIRED = {"code", "retryable", "requestId"}
OPTIONAL = {"provider", "retryAfterMs", "upstreamStatus", "upstreamCode", "upstreamRequestId"}


class TestShape:
    def assert_shape(self, response: httpx.Response) -> None:
        """Every error looks the same, wherever it comes from."""
        body = response.json()
        assert set(body) <= {"data", "errors"}
        assert body["errors"]
        for error in body["errors"]:
            assert {"message", "extensions"} <= set(error) <= {"message", "extensions", "locations", "path"}
            assert error["message"].strip()
            extensions = error["extensions"]
            assert set(extensions) >= REQUIRED
            assert set(extensions) <= REQUIRED | OPTIONAL
            assert extensions["code"] in ErrorCode.__members__
            assert isinstance(extensions["retryable"], bool)
            assert extensions["requestId"] == response.headers["x-request-id"]
            assert None not in extensions.values()
            if set(extensions) & (OPTIONAL - {"provider"}):
                assert extensions["provider"]

    @pytest.mark.parametrize(("query", "variables"), MISTAKES, ids=[query[:60] for query, _ in MISTAKES])
    def test_of_mistakes(self, uncached: Gateway, query: str, variables: dict[str, Any]) -> None:
        self.assert_shape(uncached.ask(query, variables))

    @pytest.mark.parametrize(
        "fault",
        [Fault(status=429, retry_after="1"), Fault(status=500), Fault(body="array")],
        ids=["429", "500", "array"],
    )
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_of_faults(self, uncached: Gateway, world: DemoWorld, provider: str, fault: Fault) -> None:
        world.simulators[provider].faults.add(fault)
        run_id = f"{provider}:{ended_run(world, provider)}"
        self.assert_shape(uncached.ask(on_run("status"), {"id": run_id}))
        self.assert_shape(uncached.ask(on_nodes("status"), {"ids": [run_id, "", "nosuch:1"]}))

    @pytest.mark.parametrize(
        "error", [ValueError(SECRET), Unavailable(provider="fake"), RateLimited(provider="fake", retry_after_ms=0)]
    )
    def test_of_errors_of_adapters(self, open_fake: OpenFake, error: Exception) -> None:
        async def whole(native_id: str, parts: frozenset[Part]) -> RunRecord:
            raise error

        async def part(native_id: str, parts: frozenset[Part]) -> RunRecord:
            errors: Any = {Part.EVENTS: error, Part.STEPS: error}
            return record(native_id, part_errors=errors)

        query = on_run("steps { id } debug { events { type } }")
        for answer in (whole, part):
            self.assert_shape(open_fake(FakeAdapter(answer)).ask(query, {"id": "fake:1"}))


class TestCancelled:
    def test_a_request_that_goes_away_takes_its_calls_with_it(self) -> None:
        async def body() -> None:
            gate = Gate()
            app = app_over(FakeAdapter(gate))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test")
            body = {"query": on_nodes("status"), "variables": {"ids": ["fake:a", "fake:b"]}}
            request = asyncio.create_task(client.post("/graphql", json=body))
            for _ in range(100):
                await asyncio.sleep(0)
            assert gate.waiting == ["a", "b"]
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            for _ in range(5):
                await asyncio.sleep(0)
            assert gate.cancelled == ["a", "b"]
            await client.aclose()

        run(body())

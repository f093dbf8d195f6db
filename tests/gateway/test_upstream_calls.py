"""How many calls a query costs upstream, and exactly which: nothing is fetched that nobody selected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.demo.eigenpal_run import section
from gateway.demo.world import DemoWorld

from .asking import Gateway
from .calls import (
    CORE,
    ONE_CALL,
    PROVIDERS,
    all_calls,
    calls,
    ended_run,
    expected,
    forget_calls,
    on_nodes,
    on_run,
    run_ids,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A selection on a run that has ended, and its calls where they are not `ONE_CALL`."""

    name: str
    selection: str
    calls: Mapping[str, Sequence[str]]


TABLE = (
    Row("identity", "__typename id nativeId provider { name }", {}),
    Row("core", CORE, {}),
    Row("output", "output outputTruncated", {}),
    Row("raw", "raw", {}),
    Row("files", "files { name }", {}),
    Row("input", "input", {"eigenpal": ["/runs/{id}?expand=input"]}),
    Row("usage", "usage { inputTokens }", {"eigenpal": ["/runs/{id}?expand=usage"]}),
    Row("debug", "debug { traceId stdout }", {"eigenpal": ["/runs/{id}?expand=debug"]}),
    Row(
        "usage, debug",
        "usage { inputTokens cost { amount } } debug { traceId }",
        {"eigenpal": ["/runs/{id}?expand=usage,debug"]},
    ),
    Row(
        "steps",
        "steps { id name }",
        {"eigenpal": ["/runs/{id}?expand=execution"], "middesk": ["/runs/{id}?include=steps"]},
    ),
    Row(
        "only the timeline of debug",
        "debug { events { type } }",
        {"eigenpal": ["/runs/{id}", "/runs/{id}/events"]},
    ),
    Row(
        "the timeline and more of debug",
        "debug { events { type } exitCode }",
        {"eigenpal": ["/runs/{id}/events", "/runs/{id}?expand=debug"]},
    ),
    Row(
        "everything all runs have",
        "input output usage { totalTokens } steps { id } files { name } debug { events { at } traceId } raw",
        {
            "eigenpal": ["/runs/{id}/events", "/runs/{id}?expand=input,usage,execution,debug"],
            "middesk": ["/runs/{id}?include=steps"],
        },
    ),
    Row("Refactor's scores", "... on RefactorRun { evaluations { value } }", {
        "refactor": ["/run/{id}", "/run/{id}/evaluations"],
    }),
    Row("Eigenpal's execution", "... on EigenpalRun { execution }", {"eigenpal": ["/runs/{id}?expand=execution"]}),
    Row("Eigenpal's trace", "... on EigenpalRun { trace }", {"eigenpal": ["/runs/{id}", "/runs/{id}/trace"]}),
    Row("Eigenpal's scores", "... on EigenpalRun { scores }", {"eigenpal": ["/runs/{id}", "/runs/{id}/scores"]}),
    Row("Eigenpal's usage time", "... on EigenpalRun { usageDurationMs }", {"eigenpal": ["/runs/{id}?expand=usage"]}),
    Row("Middesk's findings", "... on MiddeskRun { artifacts { title } }", {}),
    Row("Rightbrain's inputs", "... on RightbrainRun { preprocessedInputs }", {}),
    Row("Bridge Town's outputs", "... on BridgeTownRun { outputs }", {}),
    Row("steps of one type", "... on MiddeskRun { steps { id } }", {"middesk": ["/runs/{id}?include=steps"]}),
)  # fmt: skip
"""The same for every provider: a selection that no column names costs one call, with nothing asked for in it."""


class TestTable:
    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
    def test_calls(self, uncached: Gateway, world: DemoWorld, row: Row, provider: str) -> None:
        native_id = ended_run(world, provider)
        data = uncached.data(on_run(row.selection), id=f"{provider}:{native_id}")
        assert data["run"]["id"] == f"{provider}:{native_id}"
        assert all_calls(world) == {provider: expected(row.calls.get(provider, ONE_CALL[provider]), native_id)}

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_aliases_with_different_parts_are_one_call(
        self, uncached: Gateway, world: DemoWorld, provider: str
    ) -> None:
        native_id = ended_run(world, provider)
        query = """query ($id: ID!) {
            a: run(id: $id) { status }
            b: run(id: $id) { usage { inputTokens } steps { id } }
            c: run(id: $id) { debug { traceId } output }
        }"""
        data = uncached.data(query, id=f"{provider}:{native_id}")
        assert [key for key, run in data.items() if run is None] == []
        union = {
            "eigenpal": ["/runs/{id}?expand=usage,execution,debug"],
            "middesk": ["/runs/{id}?include=steps"],
        }
        assert all_calls(world) == {provider: expected(union.get(provider, ONE_CALL[provider]), native_id)}

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_all_ways_to_ask_share_one_call(self, uncached: Gateway, world: DemoWorld, provider: str) -> None:
        native_id = ended_run(world, provider)
        query = """query ($id: ID!) {
            run(id: $id) { status }
            nodes(ids: [$id, $id]) { ... on Run { usage { inputTokens } } }
            node(id: $id) { ... on Run { debug { traceId } } }
        }"""
        uncached.data(query, id=f"{provider}:{native_id}")
        union = {"eigenpal": ["/runs/{id}?expand=usage,debug"]}
        assert all_calls(world) == {provider: expected(union.get(provider, ONE_CALL[provider]), native_id)}


class TestEigenpal:
    def ask(self, gateway: Gateway, native_id: str, selection: str) -> Any:
        return gateway.data(on_run(selection), id=f"eigenpal:{native_id}")["run"]

    def test_steps_that_do_not_come_with_the_execution(self, uncached: Gateway, world: DemoWorld) -> None:
        native_id = world.eigenpal.special["no-steps-in-execution"]
        run = self.ask(uncached, native_id, "steps { id }")
        assert len(run["steps"]) == len(world.eigenpal.steps(native_id)) > 0
        assert calls(world, "eigenpal") == [f"/runs/{native_id}/steps", f"/runs/{native_id}?expand=execution"]

    def test_an_empty_list_of_steps_is_an_answer(self, uncached: Gateway, world: DemoWorld) -> None:
        native_id = next(
            native_id
            for native_id in world.eigenpal.native_ids()
            if section(world.eigenpal.truth(native_id), "execution").get("steps") == []
        )
        assert self.ask(uncached, native_id, "steps { id }")["steps"] == []
        assert calls(world, "eigenpal") == [f"/runs/{native_id}?expand=execution"]

    def test_an_agent_has_no_steps(self, uncached: Gateway, world: DemoWorld) -> None:
        native_id = world.eigenpal.special["agent"]
        assert self.ask(uncached, native_id, "steps { id }")["steps"] == []
        assert calls(world, "eigenpal") == [f"/runs/{native_id}?expand=execution"]

    def test_an_expansion_that_was_not_asked_for_is_used(self, gateway: Gateway, world: DemoWorld) -> None:
        native_id = world.eigenpal.special["expanded-unasked"]
        self.ask(gateway, native_id, "status")
        assert self.ask(gateway, native_id, "steps { id }")["steps"]
        assert calls(world, "eigenpal") == [f"/runs/{native_id}"]

    @pytest.mark.parametrize("status", ["running", "waiting"])
    def test_files_of_a_run_in_progress(self, uncached: Gateway, world: DemoWorld, status: str) -> None:
        native_id = world.eigenpal.by_status[status][0]
        run = self.ask(uncached, native_id, "isTerminal files { name }")
        assert run["isTerminal"] is False
        assert isinstance(run["files"], list)
        assert calls(world, "eigenpal") == [f"/runs/{native_id}", f"/runs/{native_id}/artifacts"]

    def test_an_ended_run_without_files(self, uncached: Gateway, world: DemoWorld) -> None:
        native_id = world.eigenpal.special["completed-without-files"]
        assert self.ask(uncached, native_id, "files { name }")["files"] == []
        assert calls(world, "eigenpal") == [f"/runs/{native_id}"]


class TestManyRuns:
    def ids(self, world: DemoWorld, provider: str, count: int) -> list[str]:
        return list(world.simulators[provider].native_ids()[:count])

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_core_of_fifty(self, uncached: Gateway, world: DemoWorld, provider: str) -> None:
        ids = self.ids(world, provider, 50)
        asked = run_ids(provider, ids)
        data = uncached.data(on_nodes("status"), ids=asked)
        assert [node["id"] for node in data["nodes"]] == asked
        one_each = sorted(call for native_id in ids for call in expected(ONE_CALL[provider], native_id))
        assert calls(world, provider) == (
            [f"/runs?ids={','.join(ids)}&limit=50"] if provider == "eigenpal" else one_each
        )

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_usage_of_fifty(self, uncached: Gateway, world: DemoWorld, provider: str) -> None:
        ids = self.ids(world, provider, 50)
        data = uncached.data(on_nodes("usage { inputTokens }"), ids=run_ids(provider, ids))
        assert None not in data["nodes"]
        template = ["/runs/{id}?expand=usage"] if provider == "eigenpal" else ONE_CALL[provider]
        assert calls(world, provider) == sorted(call for native_id in ids for call in expected(template, native_id))

    def test_more_than_a_batch_holds(self, uncached: Gateway, world: DemoWorld) -> None:
        ids = self.ids(world, "eigenpal", 150)
        data = uncached.data(on_nodes("status"), ids=run_ids("eigenpal", ids))
        assert None not in data["nodes"]
        assert calls(world, "eigenpal") == sorted(
            [f"/runs?ids={','.join(ids[:100])}&limit=100", f"/runs?ids={','.join(ids[100:])}&limit=50"]
        )

    def test_only_the_runs_with_more_selected_are_fetched_alone(self, uncached: Gateway, world: DemoWorld) -> None:
        ids = self.ids(world, "eigenpal", 5)
        query = """query ($ids: [ID!]!, $some: [ID!]!) {
            nodes(ids: $ids) { ... on Run { status } }
            some: nodes(ids: $some) { ... on Run { usage { inputTokens } } }
        }"""
        uncached.data(query, ids=run_ids("eigenpal", ids), some=run_ids("eigenpal", ids[:2]))
        assert calls(world, "eigenpal") == sorted(
            [f"/runs?ids={','.join(ids[2:])}&limit=3", *(f"/runs/{native_id}?expand=usage" for native_id in ids[:2])]
        )

    def test_one_run_is_no_batch(self, uncached: Gateway, world: DemoWorld) -> None:
        (native_id,) = self.ids(world, "eigenpal", 1)
        uncached.data(on_nodes("status"), ids=[f"eigenpal:{native_id}"] * 3)
        assert calls(world, "eigenpal") == [f"/runs/{native_id}"]

    def test_runs_of_all_providers_in_one_query(self, uncached: Gateway, world: DemoWorld) -> None:
        ids = {provider: ended_run(world, provider) for provider in PROVIDERS}
        asked = [f"{provider}:{native_id}" for provider, native_id in ids.items()]
        data = uncached.data(on_nodes("usage { inputTokens } ... on MiddeskRun { steps { id } }"), ids=asked)
        assert [node["id"] for node in data["nodes"]] == asked
        special = {"eigenpal": ["/runs/{id}?expand=usage"], "middesk": ["/runs/{id}?include=steps"]}
        assert all_calls(world) == {
            provider: expected(special.get(provider, ONE_CALL[provider]), native_id)
            for provider, native_id in ids.items()
        }


class TestConditions:
    QUERY = """query ($id: ID!, $more: Boolean! = false) {
        run(id: $id) { status usage @include(if: $more) { inputTokens } ...Steps @skip(if: $more) }
    }
    fragment Steps on Run { steps { id } }"""

    @pytest.mark.parametrize(
        ("variables", "expansion"), [({}, "execution"), ({"more": False}, "execution"), ({"more": True}, "usage")]
    )
    def test_what_is_left_out_is_not_fetched(
        self, uncached: Gateway, world: DemoWorld, variables: dict[str, bool], expansion: str
    ) -> None:
        native_id = ended_run(world, "eigenpal")
        data = uncached.data(self.QUERY, id=f"eigenpal:{native_id}", **variables)
        assert set(data["run"]) == {"status", "usage" if expansion == "usage" else "steps"}
        assert calls(world, "eigenpal") == [f"/runs/{native_id}?expand={expansion}"]

    def test_a_part_whose_fields_are_all_left_out_is_still_there(self, uncached: Gateway, world: DemoWorld) -> None:
        native_id = ended_run(world, "eigenpal")
        data = uncached.data(on_run("steps { id @skip(if: true) }"), id=f"eigenpal:{native_id}")
        assert data["run"]["steps"] == [{}] * len(world.eigenpal.steps(native_id))

    def test_without_runs_there_are_no_calls(self, uncached: Gateway, world: DemoWorld) -> None:
        uncached.data("{ providers { name capabilities parts { part how } health { state } } }")
        uncached.data("query ($id: ID!) { run(id: $id) @skip(if: true) { id } __typename }", id="refactor:1")
        assert all_calls(world) == {}


class TestConnections:
    def test_the_handshake_is_made_once(self, gateway: Gateway, world: DemoWorld) -> None:
        ids = run_ids("bridgetown", world.bridgetown.native_ids()[:3])
        gateway.data(on_nodes("status"), ids=ids)
        gateway.data(on_nodes("output"), ids=ids)
        methods = [call.json["method"] for call in world.bridgetown.calls]
        # Runs in progress are kept for a moment with their output, which came unasked.
        assert methods == ["initialize", "notifications/initialized", *["tools/call"] * 3]

    def test_an_expired_session_is_opened_again(self, uncached: Gateway, world: DemoWorld) -> None:
        run_id = f"bridgetown:{ended_run(world, 'bridgetown')}"
        uncached.data(on_run("status"), id=run_id)
        world.bridgetown.expire_sessions()
        forget_calls(world)
        assert uncached.data(on_run("status"), id=run_id)["run"]["status"] == "SUCCEEDED"
        methods = [call.json["method"] for call in world.bridgetown.calls]
        assert methods == ["tools/call", "initialize", "notifications/initialized", "tools/call"]

    def test_an_access_token_is_got_once(self, gateway: Gateway, world: DemoWorld) -> None:
        ids = run_ids("rightbrain", world.rightbrain.by_status["success"][:5])
        gateway.data(on_nodes("status"), ids=ids)
        gateway.data(on_nodes("status"), ids=run_ids("rightbrain", world.rightbrain.by_status["success"][5:10]))
        assert [call.path for call in world.rightbrain.calls].count("/oauth2/token") == 1
        assert len(calls(world, "rightbrain")) == 10

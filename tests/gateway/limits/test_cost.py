"""The cost of operations: never less than the calls that are made, and refused over the limit before any is."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.demo.world import DemoWorld
from tests.gateway.asking import NO_CACHE, Gateway
from tests.gateway.calls import CORE, PROVIDERS, all_calls, ended_run, forget_calls, on_nodes, on_run, run_ids
from tests.gateway.conftest import Open
from tests.gateway.test_upstream_calls import TABLE, Row

SHOWN: Mapping[str, Any] = {"extensions": {"cost": True}}
USAGE_REPORT = "query ($f: RunFilter, $n: Int) { usage(filter: $f, maxRuns: $n) { total { runs totalTokens } } }"

FILTERS: list[dict[str, Any]] = [{}, {"status": ["SUCCEEDED"]}, {"providers": ["eigenpal", "rightbrain"]}]


def made(world: DemoWorld) -> int:
    """The calls that reached providers since they were last forgotten."""
    return sum(len(calls) for calls in all_calls(world).values())


def priced(gateway: Gateway, world: DemoWorld, query: str, **variables: Any) -> tuple[int, int]:
    """The cost of an operation as it is shown, and the calls that it made."""
    forget_calls(world)
    answer = gateway.ask(query, variables, **SHOWN).json()
    # Some of the simulated runs can't be read, which is an error beside the data.
    assert answer["data"] is not None
    cost = answer["extensions"]["cost"]
    assert cost["limit"] == 20_000
    # Tokens and sessions are on no request's budget.
    assert made(world) - 4 <= cost["actual"] <= made(world)
    return cost["estimated"], made(world)


class TestNeverLess:
    @pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
    def test_of_the_whole_table(self, uncached: Gateway, world: DemoWorld, row: Row) -> None:
        for provider in PROVIDERS:
            run_id = f"{provider}:{ended_run(world, provider)}"
            estimated, calls = priced(uncached, world, on_run(row.selection), id=run_id)
            # Steps and files may take a call each, and do not of these runs.
            assert calls <= estimated <= calls + 2
            many, _ = priced(uncached, world, on_nodes(row.selection), ids=[run_id, run_id])
            assert many == estimated

    @pytest.mark.parametrize("selection", ["steps { id }", "files { name }", "steps { id } files { name } output"])
    def test_of_runs_that_take_more_calls_than_others(
        self, uncached: Gateway, world: DemoWorld, selection: str
    ) -> None:
        of_status = world.eigenpal.by_status
        for native_id in (
            world.eigenpal.special["no-steps-in-execution"],
            of_status["running"][0],
            of_status["waiting"][0],
        ):
            estimated, calls = priced(uncached, world, on_run(selection), id=f"eigenpal:{native_id}")
            assert calls <= estimated
        assert estimated == 1 + selection.count("{")

    @pytest.mark.parametrize(
        ("selection", "eigenpal"), [("status", 2), ("error { code }", 122), ("usage { totalTokens }", 120)]
    )
    def test_of_many_runs(self, uncached: Gateway, world: DemoWorld, selection: str, eigenpal: int) -> None:
        counts = {**dict.fromkeys(PROVIDERS, 15), "eigenpal": 120}
        ids = {name: run_ids(name, world.simulators[name].native_ids()[:count]) for name, count in counts.items()}
        for provider in PROVIDERS:
            estimated, calls = priced(uncached, world, on_nodes(selection), ids=ids[provider])
            assert calls <= estimated == (eigenpal if provider == "eigenpal" else len(ids[provider]))
        everything = [run_id for of_provider in ids.values() for run_id in of_provider[:30]]
        estimated, calls = priced(uncached, world, on_nodes(selection), ids=everything)
        assert calls <= estimated

    def test_of_ids_that_share_no_call(self, uncached: Gateway, world: DemoWorld) -> None:
        ids = [f"eigenpal:{'x' * 65}{n}" for n in range(3)] + run_ids("eigenpal", world.eigenpal.native_ids()[:3])
        estimated, calls = priced(uncached, world, on_nodes("status"), ids=ids)
        assert calls == estimated == 4

    @pytest.mark.parametrize(
        "selection",
        [
            "nodes { id status }",
            "edges { node { usage { totalTokens } error { code } } }",
            "nodes { steps { id } output files { name } debug { events { type } } }",
            "nodes { ... on EigenpalRun { trace scores } ... on BridgeTownRun { outputs } }",
        ],
    )
    def test_of_lists(self, uncached: Gateway, world: DemoWorld, selection: str) -> None:
        query = (
            f"query ($f: RunFilter, $n: Int, $a: String) {{ runs(filter: $f, first: $n, after: $a) {{ {selection} }} }}"
        )
        estimated, calls = priced(uncached, world, query, n=60)
        assert calls <= estimated
        cursors = "query ($f: RunFilter) { runs(filter: $f, first: 2) { pageInfo { endCursor } } }"
        for wanted in ({}, {"status": ["FAILED", "UNKNOWN"]}, {"kind": ["AGENT"]}, {"providers": ["middesk"]}):
            after = uncached.data(cursors, f=wanted)["runs"]["pageInfo"]["endCursor"]
            for cursor in (None, after):
                estimated, calls = priced(uncached, world, query, f=wanted, n=8, a=cursor)
                assert calls <= estimated, (wanted, cursor)

    @pytest.mark.parametrize(("most", "filters"), [(1, FILTERS), (12, FILTERS), (120, FILTERS[:1])])
    def test_of_reports(self, uncached: Gateway, world: DemoWorld, most: int, filters: list[dict[str, Any]]) -> None:
        for wanted in filters:
            estimated, calls = priced(uncached, world, USAGE_REPORT, f=wanted, n=most)
            assert calls <= estimated
            counted = USAGE_REPORT.replace("totalTokens", "")
            fewer, calls = priced(uncached, world, counted, f=wanted, n=most)
            assert calls <= fewer < estimated
            by_model = counted.replace("usage(", "usage(groupBy: [MODEL], ")
            assert priced(uncached, world, by_model, f=wanted, n=most)[0] == estimated


class TestFigures:
    def test_what_calls_nobody_costs_nothing(self, uncached: Gateway, world: DemoWorld) -> None:
        queries: Mapping[str, Mapping[str, Any]] = {
            "{ providers { name } __typename __schema { queryType { name } } }": {},
            "query ($id: ID!) { run(id: $id) @skip(if: true) { id } __typename }": {"id": "eigenpal:x"},
        }
        for query, variables in queries.items():
            assert priced(uncached, world, query, **variables) == (0, 0)

    def test_conditions_count(self, uncached: Gateway, world: DemoWorld) -> None:
        query = (
            "query ($id: ID!, $more: Boolean!) { run(id: $id) { id ... on EigenpalRun { trace @include(if: $more) } } }"
        )
        run_id = f"eigenpal:{ended_run(world, 'eigenpal')}"
        assert priced(uncached, world, query, id=run_id, more=False) == (1, 1)
        assert priced(uncached, world, query, id=run_id, more=True) == (2, 2)

    @pytest.mark.parametrize(
        ("query", "variables"),
        [
            (on_run("id"), {"id": "nowhere:1"}),
            (on_run("id"), {"id": "%"}),
            (on_nodes("id"), {"ids": ["eigenpal:x"] * 501}),
            ("query ($n: Int) { runs(first: $n) { nodes { id } } }", {"n": 101}),
            ("query ($f: String!) { runs(filter: {providers: [$f]}) { nodes { id } } }", {"f": "nowhere"}),
            (USAGE_REPORT, {"n": 10_001}),
            ('{ runs(filter: {createdAfter: "2026-01-02", createdBefore: "2026-01-01"}) { nodes { id } } }', {}),
        ],
    )
    def test_what_is_refused_anyway_costs_nothing(
        self, uncached: Gateway, world: DemoWorld, query: str, variables: dict[str, Any]
    ) -> None:
        forget_calls(world)
        answer = uncached.ask(query, variables, **SHOWN).json()
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
        assert answer["extensions"]["cost"]["estimated"] == made(world) == 0

    def test_everything_that_is_documented_passes(self, uncached: Gateway, world: DemoWorld) -> None:
        ids = [f"refactor:{n}" for n in range(500)]
        answer = uncached.ask(on_nodes(CORE), {"ids": ids}, **SHOWN).json()
        assert answer["extensions"]["cost"]["estimated"] == 500
        late = {"createdAfter": "2026-06-01T11:00:00Z"}
        largest = uncached.ask(USAGE_REPORT, {"n": 10_000, "f": late}, **SHOWN).json()
        assert "errors" not in largest
        assert 10_000 < largest["extensions"]["cost"]["estimated"] < 12_000


class TestLimit:
    def test_over_it_nobody_is_called(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(cache=dict(NO_CACHE), limits={"max_cost": 10})
        ids = run_ids("middesk", world.middesk.native_ids()[:11])
        query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
        answer = gateway.ask(query, {"ids": ids}, {"accept": "application/graphql-response+json"})
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["message"] == (
            "The operation could make 11 calls to providers; the limit is 10 (limits.max_cost)."
        )
        assert error["extensions"]["cost"] == {"estimated": 11, "limit": 10}
        assert error["extensions"]["code"] == "INVALID_INPUT"
        assert made(world) == 0
        assert len(gateway.data(query, ids=ids[:10])["nodes"]) == 10
        assert made(world) == 10

    def test_aliases_add_up(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(limits={"max_cost": 25})
        aliases = " ".join(f'a{n}: run(id: "middesk:{n}") {{ id }}' for n in range(26))
        (error,) = gateway.errors(f"{{ {aliases} }}")
        assert error["extensions"]["cost"] == {"estimated": 26, "limit": 25}

    def test_a_report_is_judged_by_its_variables(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(limits={"max_cost": 500})
        (error,) = gateway.errors(USAGE_REPORT, n=1000)
        assert error["extensions"]["cost"]["estimated"] > 1000
        assert made(world) == 0
        assert gateway.data(USAGE_REPORT, n=50)["usage"]["total"]["runs"] > 50

    def test_wrong_variables_are_what_is_said(self, open_gateway: Open) -> None:
        (error,) = open_gateway(limits={"max_cost": 1}).errors(on_nodes("id"), ids={})
        assert "Variable '$ids'" in error["message"]


class TestShown:
    def test_only_to_who_asks(self, gateway: Gateway, world: DemoWorld) -> None:
        query, variables = on_run("status"), {"id": f"middesk:{ended_run(world, 'middesk')}"}
        plain = gateway.ask(query, variables).json()
        assert set(plain) == {"data"}
        for other in ({"cost": False}, {"cost": 1}, {}, None):
            assert gateway.ask(query, variables, extensions=other).json() == plain
        shown = gateway.ask(query, variables, **SHOWN)
        assert shown.json() == {**plain, "extensions": {"cost": {"estimated": 1, "actual": 0, "limit": 20_000}}}
        assert shown.headers["cache-control"] == "no-store"
        # The answer that is kept is the one without.
        assert gateway.ask(query, variables).json() == plain
        assert made(world) == 1

    def test_the_figure_of_a_get_has_no_tag(self, gateway: Gateway, world: DemoWorld) -> None:
        path = f'/graphql?query={{run(id:"middesk:{ended_run(world, "middesk")}"){{status}}}}'
        plain = gateway.get(path)
        assert "etag" in plain.headers
        shown = gateway.get(f'{path}&extensions={{"cost":true}}')
        assert "etag" not in shown.headers
        assert shown.json()["extensions"]["cost"]["estimated"] == 1
        assert gateway.get(path).headers["etag"] == plain.headers["etag"]

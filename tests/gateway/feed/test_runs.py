"""`runs` over the simulated providers: what a page holds, what it costs, and what it says about its sources."""

from typing import Any

import pytest

from gateway.demo.bridgetown_data import PROJECTS
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.demo.conftest import SettableClock
from tests.gateway.asking import Gateway
from tests.gateway.calls import CORE, all_calls, calls, forget_calls, run_ids
from tests.gateway.conftest import Open
from tests.support import LONG_MS, patiently

from .asked import asked, nodes_of, pages, source

LISTED = 50
"""How many of a project's runs Bridge Town lists."""

FAILED = "The source failed; the next page tries it again."


def listable(world: DemoWorld) -> list[str]:
    """The ids of all runs that can be listed, from the simulators' own records."""
    projects = [run_ids("bridgetown", ids[:LISTED]) for ids in world.bridgetown.projects.values()]
    others = [run_ids(name, world.simulators[name].native_ids()) for name in ("eigenpal", "middesk", "rightbrain")]
    return [run_id for ids in (*projects, *others) for run_id in ids]


class TestPages:
    @pytest.mark.parametrize("size", [33, 100])
    def test_all_pages_hold_every_run_once_newest_first(self, uncached: Gateway, world: DemoWorld, size: int) -> None:
        nodes = [node for page in pages(uncached, first=size) for node in nodes_of(page)]

        assert sorted(node["id"] for node in nodes) == sorted(listable(world))
        times = [node["createdAt"] for node in nodes if node["createdAt"]]
        assert times == sorted(times, reverse=True)

    def test_a_cursor_continues_where_it_says(self, uncached: Gateway) -> None:
        whole = uncached.data(asked(), first=30)["runs"]
        assert whole["pageInfo"]["startCursor"] == whole["edges"][0]["cursor"]
        assert whole["pageInfo"]["endCursor"] == whole["edges"][-1]["cursor"]
        assert (whole["pageInfo"]["hasNextPage"], whole["pageInfo"]["hasPreviousPage"]) == (True, False)

        rest = uncached.data(asked(), first=20, after=whole["edges"][9]["cursor"])["runs"]
        assert nodes_of(rest) == nodes_of(whole)[10:]

    def test_nodes_are_the_runs_of_the_edges(self, uncached: Gateway) -> None:
        data = uncached.data("{ runs(first: 3) { nodes { id } edges { node { id } } } }")["runs"]
        assert data["nodes"] == nodes_of(data)

    def test_twenty_without_saying_so(self, uncached: Gateway) -> None:
        for arguments in ("", "(first: null, filter: null, after: null)"):
            assert len(uncached.data("{ runs" + arguments + " { nodes { id } } }")["runs"]["nodes"]) == 20

    @pytest.mark.parametrize(
        ("variables", "message"),
        [
            ({"first": 0}, "first: expected 1 to 100, not 0"),
            ({"first": 101}, "first: expected 1 to 100, not 101"),
            ({"after": "x"}, "after: this is not a cursor of a list of runs"),
            (
                {"filter": {"providers": ["x"]}},
                (
                    'filter.providers: there is no provider "x"; configured ones: refactor, eigenpal, middesk,'
                    " rightbrain, bridgetown"
                ),
            ),
        ],
    )
    def test_what_can_not_be_meant_is_refused(
        self, uncached: Gateway, world: DemoWorld, variables: dict[str, Any], message: str
    ) -> None:
        (error,) = uncached.errors(asked(), **variables)

        assert (error["message"], error["extensions"]["code"]) == (message, "INVALID_INPUT")
        assert all_calls(world) == {}

    def test_a_cursor_is_of_one_filter(self, uncached: Gateway) -> None:
        cursor = uncached.data(asked(), first=1)["runs"]["pageInfo"]["endCursor"]
        (error,) = uncached.errors(asked(), first=1, after=cursor, filter={"status": ["FAILED"]})
        assert "belongs to a list with another filter" in error["message"]


class TestCalls:
    @pytest.mark.parametrize("selection", ["id", "__typename id nativeId provider { name }", CORE])
    def test_one_call_to_each_source(self, uncached: Gateway, world: DemoWorld, selection: str) -> None:
        connection = uncached.data(asked(selection), first=20)["runs"]

        assert len(connection["edges"]) == 20
        assert all_calls(world) == {
            "eigenpal": ["/runs?limit=21"],
            "middesk": ["/runs?page=1&per_page=21"],
            "rightbrain": ["/task_run?page_limit=21"],
            "bridgetown": [f'list_runs {{"project_name": "{project}", "limit": 21}}' for project in sorted(PROJECTS)],
        }
        assert connection["sources"] == [
            source("refactor", state="UNSUPPORTED", hasMore=False, reason="The provider's API can't list runs."),
            source("eigenpal", fetched=21),
            source("middesk", fetched=21),
            source("rightbrain", fetched=21),
            *(source("bridgetown", project, fetched=21) for project in sorted(PROJECTS)),
        ]

    @pytest.mark.parametrize(
        ("provider", "selection", "call", "each"),
        [
            ("eigenpal", CORE, "/runs?limit=100", None),
            ("eigenpal", "usage { totalTokens }", "/runs?limit=100", "/runs/{id}?expand=usage"),
            ("middesk", "output usage { totalTokens }", "/runs?page=1&per_page=100", None),
            ("middesk", "steps { id }", "/runs?page=1&per_page=100", "/runs/{id}?include=steps"),
            ("rightbrain", "output usage { totalTokens } files { name }", "/task_run?page_limit=100", None),
        ],
    )
    def test_a_hundred_runs(
        self, uncached: Gateway, world: DemoWorld, provider: str, selection: str, call: str, each: str | None
    ) -> None:
        """What rows hold costs nothing; the rest is one call for each run, where the provider has nothing better."""
        connection = uncached.data(asked(f"nativeId {selection}"), first=100, filter={"providers": [provider]})["runs"]

        ids = [node["nativeId"] for node in nodes_of(connection)]
        assert len(ids) == 100
        made = [] if each is None else [each.replace("{id}", native_id) for native_id in ids]
        assert calls(world, provider) == sorted([call, *made])

    def test_a_selection_on_one_type_costs_its_provider_only(self, uncached: Gateway, world: DemoWorld) -> None:
        selection = (
            "__typename ... on EigenpalRun { usage { totalTokens } } ... on MiddeskRun { usage { totalTokens } }"
        )
        connection = uncached.data(asked(selection), first=12)["runs"]

        eigenpal = sum(node["__typename"] == "EigenpalRun" for node in nodes_of(connection))
        assert {name: len(made) for name, made in all_calls(world).items()} == {
            "eigenpal": 1 + eigenpal,
            "middesk": 1,
            "rightbrain": 1,
            "bridgetown": len(PROJECTS),
        }

    def test_details_of_ended_runs_are_asked_for_once(self, gateway: Gateway, world: DemoWorld) -> None:
        query = asked("isTerminal usage { totalTokens }")
        variables = {"first": 30, "filter": {"providers": ["eigenpal"], "status": ["SUCCEEDED"]}}
        first = gateway.data(query, **variables)
        forget_calls(world)

        assert gateway.data(query, **variables) == first
        assert calls(world, "eigenpal") == ["/runs?limit=31&status=completed"]

    def test_a_list_does_not_make_later_details_poorer(self, gateway: Gateway, world: DemoWorld) -> None:
        (run_id,) = [node["id"] for node in nodes_of(gateway.data(asked(), first=1, filter=ENDED)["runs"])]
        alone = gateway.data(
            "query ($id: ID!) { run(id: $id) { ... on EigenpalRun { source { currentVersion } } } }", id=run_id
        )
        assert f"/runs/{run_id.partition(':')[2]}" in calls(world, "eigenpal")
        assert alone["run"]["source"]

    def test_what_only_the_list_says_stays(self, uncached: Gateway, world: DemoWorld) -> None:
        """Bridge Town says when a run was created in lists only."""
        selection = "createdAt output ... on BridgeTownRun { outputs }"
        variables = {"first": 5, "filter": {"providers": ["bridgetown"], "scope": PROJECTS[0], "status": ["SUCCEEDED"]}}
        nodes = nodes_of(uncached.data(asked(selection), **variables)["runs"])

        assert len(calls(world, "bridgetown")) == 1 + 5
        assert all(node["createdAt"] and node["output"] for node in nodes)
        assert any(node["outputs"] for node in nodes)


ENDED = {"providers": ["eigenpal"], "status": ["SUCCEEDED"]}


class TestFilters:
    def test_status_and_dates_go_upstream_where_they_can(self, uncached: Gateway, world: DemoWorld) -> None:
        after, before = world.eigenpal.anchor.replace(day=20, month=5), world.eigenpal.anchor.replace(day=25, month=5)
        wanted = {"status": ["SUCCEEDED"], "createdAfter": after.isoformat(), "createdBefore": before.isoformat()}
        found = list(pages(uncached, "id status createdAt", first=50, filter=wanted))

        made = all_calls(world)
        assert made["eigenpal"][0] == (
            "/runs?limit=51&status=completed&createdAfter=2026-05-20T11:59:59.999Z&createdBefore=2026-05-25T12:00:00.001Z"
        )
        assert all('"status": "success"' in call for call in made["bridgetown"])
        nodes = [node for page in found for node in nodes_of(page)]
        everything = [node for page in pages(uncached, "id status createdAt", first=100) for node in nodes_of(page)]
        assert nodes == [
            node
            for node in everything
            if node["status"] == "SUCCEEDED"
            and "2026-05-20T12:00:00Z" <= (node["createdAt"] or "") <= "2026-05-25T12:00:00Z"
        ]
        assert {node["id"].partition(":")[0] for node in nodes} == {"eigenpal", "middesk", "rightbrain", "bridgetown"}

    def test_target_by_name_in_any_case(self, uncached: Gateway) -> None:
        nodes = nodes_of(uncached.data(asked("id target { id name }"), first=100)["runs"])
        target = next(node["target"] for node in nodes if node["id"].startswith("rightbrain:"))
        wanted = {"target": target["id"].upper(), "providers": ["rightbrain"]}

        found = [node for page in pages(uncached, "target { id }", first=100, filter=wanted) for node in nodes_of(page)]
        assert {node["target"]["id"] for node in found} == {target["id"]}

    def test_a_scope(self, uncached: Gateway, world: DemoWorld) -> None:
        connection = uncached.data(
            asked("... on BridgeTownRun { projectName }"),
            filter={"scope": PROJECTS[1], "providers": ["bridgetown", "middesk"]},
        )["runs"]

        assert {node["projectName"] for node in nodes_of(connection)} == {PROJECTS[1]}
        assert all_calls(world).keys() == {"bridgetown"}
        assert [(report["provider"], report["state"]) for report in connection["sources"]] == [
            ("middesk", "SKIPPED"),
            ("bridgetown", "OK"),
        ]

    def test_an_empty_list_restricts_nothing(self, uncached: Gateway) -> None:
        wanted: dict[str, list[str]] = {"providers": [], "status": [], "kind": []}
        assert uncached.data(asked(), filter=wanted)["runs"]["edges"]

    def test_providers_that_are_not_wanted_are_not_reported(self, uncached: Gateway) -> None:
        connection = uncached.data(asked(), first=2, filter={"providers": ["middesk"]})["runs"]
        assert connection["sources"] == [source("middesk", fetched=3)]


class TestFailures:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (
                Fault(status=503),
                {"code": "UNAVAILABLE", "message": "middesk: server error", "retryAfterMs": None},
            ),
            (
                Fault(status=429, retry_after="3"),
                {"code": "RATE_LIMITED", "message": "middesk: too many requests", "retryAfterMs": 3000},
            ),
            (
                Fault(latency_ms=LONG_MS),
                {"code": "TIMEOUT", "message": "middesk: no answer in time", "retryAfterMs": None},
            ),
        ],
    )
    def test_one_source_costs_its_own_runs_only(
        self, open_gateway: Open, world: DemoWorld, fault: Fault, error: dict[str, object]
    ) -> None:
        wanted = {"providers": ["eigenpal", "middesk", "rightbrain"]}

        def check(limit_ms: int) -> None:
            world.reset()
            gateway = open_gateway(feed={"deadline_ms": limit_ms})
            whole = nodes_of(gateway.data(asked(), first=40, filter=wanted)["runs"])
            world.middesk.faults.add(fault)

            connection = gateway.data(asked(), first=20, filter=wanted)["runs"]

            assert connection["sources"] == [
                source("eigenpal", fetched=21),
                source("middesk", state="FAILED", error=error, reason=FAILED),
                source("rightbrain", fetched=21),
            ]
            others = [node for node in whole if not node["id"].startswith("middesk:")]
            assert nodes_of(connection) == others[:20]

        patiently(check, 500)

    def test_a_source_that_recovers_says_what_is_missing(self, uncached: Gateway, world: DemoWorld) -> None:
        world.eigenpal.faults.add(Fault(status=500, times=1))
        found = list(pages(uncached, "id", first=100, filter={"providers": ["eigenpal", "middesk"]}))

        given = {node["id"] for page in found for node in nodes_of(page)}
        missing = sum(report["missing"] for page in found for report in page["sources"])
        assert missing > 0
        assert len(given) + missing == len(world.eigenpal.native_ids()) + len(world.middesk.native_ids())

    def test_as_far_as_a_provider_lists(self, uncached: Gateway) -> None:
        (report,) = list(pages(uncached, first=100, filter={"providers": ["bridgetown"], "scope": "forecasts"}))[-1][
            "sources"
        ]
        assert (report["state"], report["hasMore"]) == ("PARTIAL", False)
        assert report["reason"] == "The provider lists no further back; older runs can't be reached."


class TestArrivals:
    @pytest.mark.parametrize("seconds", [20, 140, 300])
    @pytest.mark.parametrize("size", [9, 40])
    def test_runs_that_arrive_while_somebody_pages(
        self, uncached: Gateway, world: DemoWorld, clock: SettableClock, seconds: int, size: int
    ) -> None:
        """A new run every 20 seconds at each source; one of them numbers its pages."""
        expected = [node["id"] for node in nodes_of(uncached.data(asked("id"), first=100)["runs"])]
        given: list[str] = []
        for number, page in enumerate(pages(uncached, "id", first=size), 1):
            given += [node["id"] for node in nodes_of(page)]
            if len(given) >= 100:
                break
            clock.set(seconds * min(number, 3))

        assert given[:100] == expected

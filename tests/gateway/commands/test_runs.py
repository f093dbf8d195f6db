"""`rungraph runs`."""

import json
from typing import Any

import pytest

from gateway.commands.listing import together
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld

from .asking import Ended, rungraph, scripted

UNSUPPORTED = "rungraph: refactor: unsupported: The provider's API can't list runs.\n"


def ids(ended: Ended) -> list[str]:
    return [run["id"] for run in ended.document["runs"]["nodes"]]


@pytest.mark.usefixtures("url")
def test_a_table_for_pipes_has_every_column_whole() -> None:
    ended = rungraph("runs", "--limit", 12)
    assert ended.code == 0
    assert ended.lines[0].split("  ")[0] == "created (UTC)"
    assert ended.lines[0].split()[2:] == ["status", "provider", "kind", "target", "took", "initiator", "id"]
    assert len(ended.lines) == 13
    assert all(line == line.rstrip() and "…" not in line for line in ended.lines)
    assert ended.err.endswith(UNSUPPORTED)


@pytest.mark.usefixtures("config")
def test_a_configuration_is_as_good_as_a_gateway() -> None:
    assert len(rungraph("runs", "-n", 3).lines) == 4


@pytest.mark.usefixtures("url")
def test_rows_cost_no_call_but_their_lists(world: DemoWorld) -> None:
    rungraph("runs", "--provider", "eigenpal,middesk", "--limit", 30)
    assert {call.path.rpartition("/")[2] for call in (*world.eigenpal.calls, *world.middesk.calls)} == {"runs"}
    assert len(world.eigenpal.calls) == 1


@pytest.mark.usefixtures("url")
def test_more_than_a_page_is_read_page_by_page() -> None:
    many = rungraph("runs", "--provider", "eigenpal", "--limit", 230, "--json")
    few = rungraph("runs", "--provider", "eigenpal", "--limit", 100, "--json")
    assert many.code == 0
    assert len(set(ids(many))) == 230
    assert ids(many)[:100] == ids(few)
    (source,) = many.document["runs"]["sources"]
    assert source["fetched"] >= 230
    assert list(many.document["runs"]) == ["nodes", "pageInfo", "sources"]


@pytest.mark.usefixtures("url")
def test_filters_reach_the_gateway() -> None:
    ended = rungraph(
        "runs", "-p", "eigenpal", "-s", "failed,cancelled", "-k", "workflow", "--after", "2026-05-01", "--json"
    )
    runs = ended.document["runs"]["nodes"]
    assert runs
    assert {run["status"] for run in runs} <= {"FAILED", "CANCELLED"}
    assert {(run["provider"]["name"], run["kind"]) for run in runs} == {("eigenpal", "WORKFLOW")}


@pytest.mark.usefixtures("url")
def test_a_provider_that_fails_is_said_and_costs_its_rows_only(world: DemoWorld) -> None:
    world.eigenpal.faults.add(Fault(status=429, retry_after="30"))
    ended = rungraph("runs", "--limit", 40)
    assert ended.code == 3
    assert len(ended.lines) == 41
    assert "eigenpal:" not in ended.out
    (line,) = [line for line in ended.err.splitlines() if "eigenpal" in line]
    assert line.startswith("rungraph: eigenpal: failed: ")
    assert "(RATE_LIMITED, retry after 30 s)" in line


@pytest.mark.usefixtures("url")
def test_no_runs_is_an_answer() -> None:
    ended = rungraph("runs", "--provider", "eigenpal", "--before", "2001-01-01")
    assert (ended.code, len(ended.lines), ended.err) == (0, 1, "rungraph: no runs\n")


@pytest.mark.usefixtures("url")
def test_what_the_gateway_refuses() -> None:
    ended = rungraph("runs", "--provider", "nobody")
    assert (ended.code, ended.out) == (1, "")
    assert 'there is no provider "nobody"' in ended.err


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("flags", [["--watch"], ["--watch", "--json"]])
def test_watching_needs_a_terminal(flags: list[str]) -> None:
    ended = rungraph("runs", *flags)
    assert (ended.code, ended.out) == (2, "")
    assert "--watch draws on a terminal" in ended.err


def report(**said: Any) -> dict[str, Any]:
    return {"state": "OK", "error": None, "fetched": 10, "skipped": 0, "hasMore": True, "reason": None, **said}


def test_reports_of_several_pages_are_one() -> None:
    failed = report(state="FAILED", error={"code": "TIMEOUT"}, fetched=0)
    cut = report(state="PARTIAL", reason="Only 10 runs were looked through.")
    skipping = report(state="PARTIAL", skipped=2)
    assert together(None, cut) == cut
    assert together(cut, report(hasMore=False)) == report(fetched=20, hasMore=False)
    assert together(failed, report()) == failed | {"fetched": 10}
    assert together(skipping, report()) == skipping | {"fetched": 20}
    assert together(report(), failed) == failed | {"fetched": 10}


def test_errors_of_rows_are_said_and_kept() -> None:
    page = json.loads('{"nodes": [], "pageInfo": {"hasNextPage": false, "endCursor": null}, "sources": []}')
    errors = [{"message": "no", "path": ["runs", "nodes", 0, "x"], "extensions": {"code": "TIMEOUT"}}]
    with scripted({"data": {"runs": page}, "errors": errors}) as gateway:
        ended = rungraph("runs", "--url", gateway.url, "--json")
        assert json.loads(gateway.asked[0][1])["variables"] == {"filter": {}, "first": 20, "after": None}
    assert (ended.code, ended.err) == (3, "rungraph: runs.nodes.0.x: no (TIMEOUT)\n")
    assert ended.document["errors"] == errors

"""The page for front-end developers: its queries answer what it says, and its code runs."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.demo.faults import Fault
from gateway.demo.ordinary import ordinary_id, ordinary_ids
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import parse

PAGE = (Path(__file__).parents[2] / "docs" / "frontend.md").read_text(encoding="utf-8")
QUERIES: dict[str, str] = {
    name: text
    for text in re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
    for name in re.findall(r"query (\w+)", text)
}
CODE = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[DemoWorld, str]]:
    with DemoWorld() as world:
        app = create_app(parse(world.configuration()))
        with LoopbackServers({"gateway": app}) as servers:
            yield world, f"{servers.urls['gateway']}/graphql"


@pytest.fixture
def world(running: tuple[DemoWorld, str]) -> Iterator[DemoWorld]:
    running[0].reset()
    yield running[0]
    running[0].reset()


@pytest.fixture
def endpoint(running: tuple[DemoWorld, str]) -> str:
    return running[1]


def ask(endpoint: str, name: str, **variables: Any) -> dict[str, Any]:
    body = {"query": QUERIES[name], "variables": variables}
    return httpx.post(endpoint, json=body, timeout=60, trust_env=False).json()


def test_the_page_has_the_queries_that_are_tested() -> None:
    assert list(QUERIES) == ["RunsPage", "RunHeader", "RunSteps", "RunFiles", "RunExtras", "Moving"]


def test_the_list_pages_on_without_repeating(world: DemoWorld, endpoint: str) -> None:
    variables = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    variables["filter"]["createdAfter"] = "2001-01-01T00:00:00Z"
    seen: list[str] = []
    states: dict[str, str] = {}
    for _ in range(3):
        answer = ask(endpoint, "RunsPage", **variables)
        assert "errors" not in answer
        page = answer["data"]["runs"]
        seen += [run["id"] for run in page["nodes"]]
        assert {run["status"] for run in page["nodes"]} <= {"FAILED", "TIMED_OUT"}
        variables["after"] = page["pageInfo"]["endCursor"]
        states = {source["provider"]: source["state"] for source in page["sources"]}
    assert len(set(seen)) == len(seen) > 25
    assert states["refactor"] == "UNSUPPORTED"
    variables["filter"]["status"] = ["FAILED"]
    assert "errors" in ask(endpoint, "RunsPage", **variables)


def test_rows_cost_no_call_but_the_lists(world: DemoWorld, endpoint: str) -> None:
    assert "errors" not in ask(endpoint, "RunsPage")
    assert {call.path.rpartition("/")[2] for call in (*world.eigenpal.calls, *world.middesk.calls)} == {"runs"}
    assert len(world.eigenpal.calls) == 1


def test_a_provider_that_is_down_is_in_the_sources(world: DemoWorld, endpoint: str) -> None:
    world.middesk.faults.add(Fault(status=503))
    page = ask(endpoint, "RunsPage")["data"]["runs"]
    (source,) = [source for source in page["sources"] if source["provider"] == "middesk"]
    assert (source["state"], source["error"]["code"]) == ("FAILED", "UNAVAILABLE")
    assert len(page["nodes"]) == 25


def test_details_of_runs_of_every_provider(world: DemoWorld, endpoint: str) -> None:
    for run_id in ordinary_ids(world).succeeded:
        for name in ("RunHeader", "RunSteps", "RunFiles", "RunExtras"):
            answer = ask(endpoint, name, id=run_id)
            assert "errors" not in answer, (name, answer)
            assert answer["data"]["run"] is not None


def test_null_empty_and_error_mean_what_the_table_says(world: DemoWorld, endpoint: str) -> None:
    assert ask(endpoint, "RunHeader", id="eigenpal:exec_nothing") == {"data": {"run": None}}
    assert ask(endpoint, "RunSteps", id=ordinary_id(world.rightbrain, "success"))["data"]["run"]["steps"] is None
    world.refactor.faults.add(Fault(status=503))
    unreached = ask(endpoint, "RunHeader", id=ordinary_id(world.refactor, "failed"))
    assert unreached["data"] == {"run": None}
    assert set(unreached["errors"][0]["extensions"]) >= {"code", "retryable", "provider", "requestId"}
    world.refactor.reset()
    failed = ask(endpoint, "RunHeader", id=ordinary_id(world.refactor, "failed"))
    assert "errors" not in failed
    assert failed["data"]["run"]["error"]["code"]


def test_moving_runs_are_asked_for_together(world: DemoWorld, endpoint: str) -> None:
    ids = [ordinary_id(world.eigenpal, "completed"), "eigenpal:exec_nothing"]
    answer = ask(endpoint, "Moving", ids=ids)
    assert [run and run["isTerminal"] for run in answer["data"]["nodes"]] == [True, None]


SCRIPT = """
import { moving, pages } from "./page.mjs";
const found = { pages: 0, ids: [], rounds: 0, states: [] };
for await (const page of pages({ providers: ["eigenpal"] })) {
  found.pages += 1;
  found.ids.push(...page.nodes.map((run) => run.id));
  found.states = page.sources.map((source) => source.state);
}
for await (const runs of moving(process.argv.slice(2), 1)) found.rounds += 1;
console.log(JSON.stringify(found));
"""


def test_the_code_runs(world: DemoWorld, endpoint: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs node on the path")
        pytest.skip("no node on the path")
    (tmp_path / "page.mjs").write_text("\n".join(CODE), encoding="utf-8")
    (tmp_path / "run.mjs").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [node, tmp_path / "run.mjs", ordinary_id(world.eigenpal, "completed")],
        env={**os.environ, "RUNGRAPH_GRAPHQL": endpoint},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["rounds"], found["states"]) == (1, ["OK"])
    assert len(set(found["ids"])) == len(found["ids"]) >= len(world.eigenpal.by_status["completed"])
    assert found["pages"] > 2

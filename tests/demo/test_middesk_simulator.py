"""The simulated Middesk over real HTTP, against the documented wire format."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from gateway.demo.middesk import MiddeskSimulator

from .conftest import ANCHOR, Serve, SettableClock

RUN_KEYS: dict[str, type | tuple[type, ...]] = {
    "object": str,
    "id": str,
    "created_at": str,
    "updated_at": str,
    "status": str,
    "thread_id": str,
    "agent": str,
    "requester": (dict, type(None)),
    "started_at": (str, type(None)),
    "ended_at": (str, type(None)),
    "output": (dict, type(None)),
    "interrupts": list,
}
STEP_KEYS = {"id", "run_id", "type", "name", "label", "status", "started_at"}


@pytest.fixture(scope="module")
def simulator() -> MiddeskSimulator:
    return MiddeskSimulator(anchor=ANCHOR, clock=SettableClock())


@pytest.fixture(scope="module")
def served(simulator: MiddeskSimulator, serve: Serve) -> httpx.Client:
    return serve(simulator)


@pytest.fixture
def http(simulator: MiddeskSimulator, served: httpx.Client) -> Iterator[httpx.Client]:
    set_clock(simulator, 0)
    simulator.reset()
    yield served
    simulator.reset()


def set_clock(simulator: MiddeskSimulator, seconds: float) -> None:
    clock = simulator.clock
    assert isinstance(clock, SettableClock)
    clock.set(seconds)


def get(http: httpx.Client, run_id: str, *, steps: bool = False) -> dict[str, Any]:
    reply = http.get(f"/v1/runs/{run_id}", params={"include": "steps"} if steps else {})
    assert reply.status_code == 200, reply.text
    return reply.json()


def flat(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for step in steps for found in (step, *flat(step.get("steps", [])))]


def test_every_run_has_the_documented_keys(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    bare = simulator.special["required-keys-only"]
    for run_id in simulator.native_ids():
        run = simulator.truth(run_id)
        if run_id != bare:
            assert all(isinstance(run[key], kind) for key, kind in RUN_KEYS.items()), run_id
            assert set(run) == {*RUN_KEYS, "steps"}
    assert set(get(http, bare)) == {"object", "id", "created_at", "updated_at", "status"}


def test_steps_come_only_when_asked_for(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    run_id = simulator.special["nested-steps"]
    assert "steps" not in get(http, run_id)
    run = get(http, run_id, steps=True)
    assert run == simulator.truth(run_id)
    every = flat(run["steps"])
    assert all(set(step) >= STEP_KEYS and step["run_id"] == run_id for step in every)
    assert len({step["id"] for step in every}) == len(every) > len(run["steps"])
    assert {"activity", "output"} <= {step["type"] for step in every}
    parent = run["steps"][0]
    assert parent["parent_step_id"] is None
    assert all(child["parent_step_id"] == parent["id"] for child in parent["steps"])
    assert http.get(f"/v1/runs/{run_id}?include=usage").status_code == 422


@pytest.mark.parametrize("status", ["running", "completed", "error", "interrupted"])
def test_every_status_is_served(simulator: MiddeskSimulator, http: httpx.Client, status: str) -> None:
    assert len(simulator.by_status[status]) > 5
    run = get(http, next(i for i in simulator.by_status[status] if i not in simulator.special.values()))
    assert run["status"] == status
    assert (run["output"] is not None) == (status == "completed")
    assert (run["ended_at"] is not None) == (status in {"completed", "error"})
    assert bool(run["interrupts"]) == (status == "interrupted")


def test_artifacts_are_findings_with_sources(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    (artifact, *_) = get(http, simulator.special["nested-steps"])["output"]["artifacts"]
    assert set(artifact) == {"title", "type", "confidence", "summary", "sources"}
    assert set(artifact["sources"][0]) == {"url", "source_name", "source_tier", "source_type"}


def test_step_trees_are_as_odd_as_named(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    trees = {
        name: get(http, run_id, steps=True)["steps"]
        for name, run_id in simulator.special.items()
        if name.startswith("steps-")
    }
    assert len(flat(trees["steps-deep"])) == 60
    assert len(trees["steps-deep"]) == 1
    assert all("steps" not in step for step in trees["steps-parent-ids-only"])
    assert any(step.get("parent_step_id") for step in trees["steps-parent-ids-only"])
    assert len(trees["steps-many"]) == 300
    assert trees["steps-none"] == []
    for name in ("steps-both-ways", "steps-two-parents", "steps-repeated-inside-itself"):
        every = [step["id"] for step in flat(trees[name])]
        assert len(set(every)) < len(every)
    first, second, own, _ = trees["steps-cycle"]
    assert (first["parent_step_id"], second["parent_step_id"]) == (second["id"], first["id"])
    assert own["parent_step_id"] == own["id"]


def test_other_edge_cases_are_as_named(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    runs = {name: get(http, run_id) for name, run_id in simulator.special.items()}
    assert runs["requester-null"]["requester"] is None
    assert runs["requester-without-email"]["requester"]["email"] is None
    assert "id" not in runs["requester-unknown-shape"]["requester"]
    assert runs["interrupted"]["interrupts"][0]["value"]["type"] == "combined_proposal"
    assert len(runs["two-interrupts"]["interrupts"]) == 2
    assert runs["interrupted-without-interrupts"]["interrupts"] == []
    assert runs["interrupts-while-running"]["interrupts"]
    assert runs["interrupts-while-completed"]["interrupts"]
    assert runs["completed-without-output"]["output"] is None
    assert runs["not-started"]["started_at"] is None
    assert runs["status-upper-case"]["status"] == "COMPLETED"
    assert runs["status-unknown"]["status"] == "paused"
    types = {
        name: [step["type"] for step in simulator.truth(simulator.special[name])["steps"]]
        for name in ("error", "error-without-error-step")
    }
    assert types["error"][-1] == "error"
    assert "error" not in types["error-without-error-step"]


@pytest.mark.parametrize("per_page", [7, 100])
def test_pages_lose_and_repeat_nothing(simulator: MiddeskSimulator, http: httpx.Client, per_page: int) -> None:
    seen: list[str] = []
    more, page = True, 0
    while more:
        page += 1
        body = http.get("/v1/runs", params={"page": page, "per_page": per_page}).json()
        assert body["object"] == "list"
        assert body["total_count"] == len(simulator.native_ids())
        assert all("steps" not in run for run in body["data"])
        seen += [run["id"] for run in body["data"]]
        more = body["has_more"]
    assert seen == list(simulator.native_ids())


def test_pages_past_the_end_and_bad_page_numbers(http: httpx.Client) -> None:
    beyond = http.get("/v1/runs?page=1000").json()
    assert (beyond["data"], beyond["has_more"]) == ([], False)
    for query, parameter in (("page=0", "page"), ("page=x", "page"), ("per_page=101", "per_page")):
        reply = http.get(f"/v1/runs?{query}")
        assert reply.status_code == 422
        assert reply.json()["errors"][0]["parameter"] == parameter


def test_keys_are_taken_as_bearer_or_basic_user_name(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    basic = httpx.BasicAuth(simulator.token, "")
    assert http.get("/v1/runs", auth=basic, headers={"authorization": ""}).status_code == 200
    for value in ("", "Bearer wrong", "Basic wrong", "Basic !", f"Digest {simulator.token}"):
        reply = http.get("/v1/runs", headers={"authorization": value})
        assert reply.status_code == 401
        assert reply.json() == {"errors": [{"message": "invalid API key"}]}


def test_unknown_runs_and_paths_are_404(http: httpx.Client) -> None:
    for path in ("/v1/runs/nothing", "/v1/usage", "/runs"):
        reply = http.get(path)
        assert reply.status_code == 404
        assert reply.json()["errors"][0]["message"]


def test_the_same_anchor_makes_the_same_runs(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    other = MiddeskSimulator(anchor=ANCHOR, clock=SettableClock())
    assert other.native_ids() == simulator.native_ids()
    assert len(set(other.native_ids())) == len(other.native_ids()) >= 240
    assert json.dumps([other.truth(i) for i in other.native_ids()]) == json.dumps(
        [simulator.truth(i) for i in simulator.native_ids()]
    )
    created = [datetime.fromisoformat(other.truth(run_id)["created_at"]) for run_id in other.native_ids()]
    assert created == sorted(created, reverse=True)


def test_live_runs_progress_ask_and_end(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    newest = simulator.live_ids()[0]
    start = get(http, newest, steps=True)
    assert (start["status"], start["started_at"], start["steps"]) == ("running", None, [])
    seen: set[str] = set()
    for seconds in range(0, 200, 10):
        set_clock(simulator, seconds)
        page = http.get("/v1/runs?per_page=4").json()["data"]
        seen |= {run["status"] for run in page}
        assert page[0]["id"] == simulator.live_ids()[0]
    assert {"running", "interrupted", "completed"} <= seen
    set_clock(simulator, 30)
    halfway = get(http, newest, steps=True)
    assert halfway["updated_at"] > start["updated_at"]
    assert "running" in {step["status"] for step in flat(halfway["steps"])}
    assert all(datetime.fromisoformat(step["started_at"]) <= simulator.clock() for step in flat(halfway["steps"]))
    set_clock(simulator, 60)
    end = get(http, newest, steps=True)
    assert end["status"] in {"completed", "error"}
    assert len(flat(end["steps"])) > len(flat(halfway["steps"]))
    set_clock(simulator, 5000)
    assert get(http, newest, steps=True) == end


def test_old_shape_mode(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    assert http.put("/_sim/modes", json=["old-shape"]).status_code == 200
    assert get(http, simulator.by_status["running"][0])["status"] == "pending"
    assert get(http, simulator.by_status["error"][0])["status"] == "failed"
    run = get(http, simulator.special["nested-steps"], steps=True)
    assert (run["status"], run["agent"]) == ("completed", "cip_orchestrator")
    assert "graph" in run["steps"][0]
    assert all("agent" not in step for step in flat(run["steps"]))
    assert {"pending", "failed"} <= {run["status"] for run in http.get("/v1/runs?per_page=100").json()["data"]}


def test_steps_missing_mode(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    simulator.set_modes(["steps-missing"])
    assert "steps" not in get(http, simulator.special["nested-steps"], steps=True)
    assert http.put("/_sim/modes", json=["no-such-mode"]).status_code == 400


def test_faults_are_set_over_http(simulator: MiddeskSimulator, http: httpx.Client) -> None:
    path = f"/v1/runs/{simulator.special['interrupted']}"

    def broken(**fault: Any) -> httpx.Response:
        assert http.put("/_sim/faults", json=[{"match": path, "times": 1, **fault}]).status_code == 200
        return http.get(path)

    limited = broken(status=429, retry_after="3")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json() == {"errors": [{"message": "too many requests"}]}
    assert broken(status=500).json() == {"errors": [{"message": "server error"}]}
    assert broken(status=502, body="html").headers["content-type"].startswith("text/html")
    assert broken(body="empty").content == b""
    assert len(broken(body="truncated").content) == len(http.get(path).content) // 2
    assert broken(latency_ms=1).status_code == 200
    assert len(http.get("/_sim/calls").json()) == 7

"""What the simulated Eigenpal does beyond what the vendor's client can see: eras, odd runs, live runs, storage."""

import json
from typing import Any

import httpx
import pytest

from gateway.demo.eigenpal import EigenpalSimulator
from gateway.demo.eigenpal_edges import EDGES
from gateway.demo.eigenpal_run import section

from .conftest import ANCHOR, Serve, SettableClock

STATUSES = {
    "created", "pending", "running", "waiting", "finalizing", "completed", "failed", "cancelled", "rejected",
}  # fmt: skip


@pytest.fixture(scope="module")
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="module")
def simulator(clock: SettableClock) -> EigenpalSimulator:
    return EigenpalSimulator(anchor=ANCHOR, clock=clock)


@pytest.fixture(scope="module")
def http(simulator: EigenpalSimulator, serve: Serve) -> httpx.Client:
    return serve(simulator)


@pytest.fixture(autouse=True)
def clean(simulator: EigenpalSimulator, clock: SettableClock) -> None:
    simulator.reset()
    clock.set(0)


def get(http: httpx.Client, path: str, **query: str) -> Any:
    reply = http.get(f"/api/v1{path}", params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


def everything(simulator: EigenpalSimulator) -> str:
    return json.dumps([(simulator.truth(run_id), simulator.steps(run_id)) for run_id in simulator.native_ids()])


def test_same_anchor_makes_the_same_runs(simulator: EigenpalSimulator) -> None:
    again = EigenpalSimulator(anchor=ANCHOR, clock=SettableClock())
    assert everything(again) == everything(simulator)
    assert again.by_status == simulator.by_status
    other = EigenpalSimulator(anchor=ANCHOR.replace(day=2), clock=SettableClock())
    assert everything(other) != everything(simulator)


def test_every_status_and_kind_of_run_is_there(simulator: EigenpalSimulator) -> None:
    assert set(simulator.by_status) == STATUSES
    assert all(len(ids) >= 2 for ids in simulator.by_status.values())
    runs = [simulator.truth(run_id) for run_id in simulator.native_ids()]
    assert 200 <= len(runs) <= 280
    assert {run["type"] for run in runs if "type" in run} == {"workflow", "agent", "pipeline"}
    ordinary = [run for run in runs if "exec_edge" not in run["id"]]
    assert len({run["source"]["id"] for run in ordinary}) == 5
    assert {run["trigger"]["type"] for run in ordinary} == {"api", "cli", "manual", "email", "cron"}
    assert len({run["trigger"]["by"]["email"] for run in ordinary if run["trigger"]["by"]}) >= 4
    assert any(run["source"].get("git") for run in ordinary)
    assert any(run["usage"] is None for run in ordinary if run["finished"])
    assert any(run["execution"]["review"] for run in ordinary)
    assert any(run["eval"]["passed"] is False for run in ordinary if "eval" in run)
    assert all(run["execution"]["humanReview"] for run in ordinary if run["execution"]["status"] == "waiting")
    assert all(run["finished"] == (run["timing"]["completedAt"] is not None) for run in ordinary)


def test_retry_chains_are_linked_both_ways(simulator: EigenpalSimulator) -> None:
    runs = {run_id: simulator.truth(run_id) for run_id in simulator.native_ids()}
    links = [
        (run, runs[link["id"]], link["status"])
        for run in runs.values()
        if (link := section(section(run, "execution"), "retry").get("nextRun"))
    ]
    assert len(links) == 8
    for earlier, later, status in links:
        assert earlier["execution"]["status"] == "failed"
        assert later["execution"]["status"] == status
        assert later["execution"]["retry"]["previousRunId"] == earlier["id"]
        assert later["execution"]["retry"]["number"] == earlier["execution"]["retry"]["number"] + 1
        assert later["timing"]["createdAt"] > earlier["timing"]["completedAt"]


def test_both_prefixes_and_any_order_of_sections(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    run_id = simulator.special["agent"]
    replies = [
        http.get(f"{prefix}/runs/{run_id}", params={"expand": expand})
        for prefix in ("/api/v1", "/v1")
        for expand in ("input,usage,execution,debug", "debug,execution,usage,input")
    ]
    assert all(reply.json() == simulator.truth(run_id) for reply in replies)
    assert len({reply.headers["x-request-id"] for reply in replies}) == 4


def test_errors_carry_an_issue_and_the_request_id(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    run_id = simulator.special["agent"]
    replies = {
        401: http.get(f"/api/v1/runs/{run_id}", headers={"authorization": "Bearer other"}),
        404: http.get("/api/v1/runs/exec_none/steps"),
        400: http.get(f"/api/v1/runs/{run_id}", params={"expand": "usage,all"}),
        405: http.delete(f"/api/v1/runs/{run_id}"),
    }
    for status, reply in replies.items():
        assert reply.status_code == status
        assert reply.json()["requestId"] == reply.headers["x-request-id"]
        assert reply.json()["issues"][0].keys() == {"field", "message", "code", "severity"}
    assert http.get("/api/v1/nothing").json()["issues"][0]["code"] == "not_found"
    content, content_type = simulator.error_body(429)
    assert content_type == "application/json"
    assert json.loads(content)["issues"][0]["code"] == "rate_limited"


def test_seed_shape_has_neither_status_nor_tags(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    simulator.set_modes(["seed-shape"])
    waiting = get(http, f"/runs/{simulator.by_status['waiting'][0]}", expand="execution,usage")
    assert "tags" not in waiting
    assert waiting["execution"].keys().isdisjoint({"status", "humanReview"})
    assert waiting["execution"]["retry"]["number"] == 0
    for row in get(http, "/runs", limit="100")["runs"]:
        assert "status" not in (row.get("execution") or {})
        assert row.keys().isdisjoint({"tags", "parentExecutionId"})


def test_old_shape_has_a_single_run_key(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    run_id = simulator.by_status["failed"][0]
    simulator.set_modes(["seed-shape"])
    seed = get(http, f"/runs/{run_id}")
    simulator.set_modes(["old-shape"])
    assert get(http, f"/runs/{run_id}") == {"run": seed}


def test_odd_runs_are_served_as_they_are(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    assert simulator.special.keys() == EDGES.keys()
    for run_id in simulator.special.values():
        assert get(http, f"/runs/{run_id}", expand="input,usage,execution,debug") == simulator.truth(run_id)
        for name in ("usage", "steps", "events", "trace", "artifacts", "scores", "reviews"):
            get(http, f"/runs/{run_id}/{name}")
        assert http.post(f"/api/v1/runs/{run_id}/cancel").status_code == 200
    simulator.reset()
    special = simulator.special
    assert "execution" not in get(http, f"/runs/{special['no-execution']}")
    assert "steps" in get(http, f"/runs/{special['expanded-unasked']}")["execution"]
    assert get(http, f"/runs/{special['null-usage']}/usage") == {"usage": None}
    assert get(http, f"/runs/{special['minimal']}") == {"id": special["minimal"]}
    assert '"durationMs":7000.0' in http.get(f"/api/v1/runs/{special['float-duration']}").text
    assert get(http, f"/runs/{special['huge-tokens']}/usage")["usage"]["tokens"]["cacheRead"] == 2**53 + 1


def test_storage_urls_expire(simulator: EigenpalSimulator, http: httpx.Client, clock: SettableClock) -> None:
    run_id = simulator.special["agent"]
    path = list(simulator.artifacts(run_id))[1]
    reply = http.get(f"/api/v1/runs/{run_id}/artifacts/{path}")
    assert reply.status_code == 302
    assert not reply.content
    location = reply.headers["location"]
    with httpx.Client(trust_env=False, timeout=60) as stranger:
        assert stranger.get(location).content == simulator.artifacts(run_id)[path]
        assert stranger.get(location + "0").status_code == 403
        clock.set(301)
        expired = stranger.get(location)
    assert (expired.status_code, expired.headers["content-type"]) == (403, "application/xml")


def test_a_dotted_path_is_an_artifact_like_any_other(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    run_id = simulator.special["odd-paths"]
    reply = http.get(f"/api/v1/runs/{run_id}/artifacts/output/%2E%2E/secret.txt")
    assert reply.content == simulator.artifacts(run_id)["output/../secret.txt"]


def test_live_runs_progress_and_stay_completed(
    simulator: EigenpalSimulator, http: httpx.Client, clock: SettableClock
) -> None:
    run_id = "exec_LIVE000005"  # created a minute after the anchor, one every twenty seconds
    seen: list[tuple[str, int, int, bool]] = []
    for second in (61, 65, 80, 100, 117, 120, 4000):
        clock.set(second)
        run = get(http, f"/runs/{run_id}", expand="usage,execution")
        steps = get(http, f"/runs/{run_id}/steps")["total"]
        tokens = run["usage"]["tokens"]["input"] if run["usage"] else 0
        seen.append((run["execution"]["status"], steps, tokens, "output" in run))
        assert len(run["execution"]["steps"]) == steps
    statuses = [status for status, *_ in seen]
    assert statuses == ["pending", "running", "running", "running", "finalizing", "completed", "completed"]
    assert [steps for _, steps, *_ in seen] == [0, 1, 2, 3, 4, 4, 4]
    tokens = [count for *_, count, _ in seen]
    assert tokens == sorted(tokens)
    assert tokens[0] == 0 < tokens[1] < tokens[2]
    assert [output for *_, output in seen] == [False] * 5 + [True] * 2


def test_live_runs_follow_each_other_in_the_list(
    simulator: EigenpalSimulator, http: httpx.Client, clock: SettableClock
) -> None:
    for run_id in ("exec_LIVE000005", "exec_LIVE5", "exec_LIVE", "exec_LIVE" + "9" * 5000):
        assert http.get(f"/api/v1/runs/{run_id}").status_code == 404
    for second, newest in ((0, "exec_LIVE000002"), (80, "exec_LIVE000006"), (86_400, "exec_LIVE004322")):
        clock.set(second)
        row = get(http, "/runs", limit="1")["runs"][0]
        assert row["id"] == newest == simulator.native_ids()[0]
    assert len(simulator.native_ids()) < 320
    assert get(http, "/runs/exec_LIVE000000")["finished"]


def test_pages_stay_in_step_while_runs_are_created(http: httpx.Client, clock: SettableClock) -> None:
    first = get(http, "/runs", limit="5")
    clock.set(60)
    second = get(http, "/runs", limit="5", cursor=first["nextCursor"])
    clock.set(0)
    assert [row["id"] for row in get(http, "/runs", limit="10")["runs"]] == [
        row["id"] for row in (*first["runs"], *second["runs"])
    ]


def test_a_sampled_page_may_be_short_and_not_the_last(http: httpx.Client) -> None:
    page = get(http, "/runs", limit="20", sampleRate="0.5")
    assert 0 < len(page["runs"]) < 20
    assert page["nextCursor"]
    assert all(row["sampleRank"] < 0.5 for row in page["runs"])

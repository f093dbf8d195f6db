"""The simulated Refactor over real HTTP, against the documented wire format."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from gateway.demo.history import HISTORY, LIVE_LASTS
from gateway.demo.refactor import RefactorSimulator

from .conftest import ANCHOR, Serve, SettableClock

DOCUMENTED: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "account_id": str,
    "status": str,
    "runnable_id": str,
    "state": dict,
    "created_at": str,
    "total_input_tokens": int,
    "total_cached_tokens": int,
    "total_output_tokens": int,
    "total_token_cost_usd": float,
    "result": dict,
    "metadata": dict,
    "telemetry_span_id": str,
    "created_by": str,
    "parent_run_id": (str, type(None)),
    "experiment_id": (str, type(None)),
    "experiment_candidate_id": (str, type(None)),
}
USAGE_KEYS = {"provider", "model", "cached_tokens", "prompt_tokens", "completion_tokens"}


@pytest.fixture(scope="module")
def simulator() -> RefactorSimulator:
    return RefactorSimulator(anchor=ANCHOR, clock=SettableClock())


@pytest.fixture(scope="module")
def served(simulator: RefactorSimulator, serve: Serve) -> httpx.Client:
    return serve(simulator)


@pytest.fixture
def http(simulator: RefactorSimulator, served: httpx.Client) -> Iterator[httpx.Client]:
    clock = simulator.clock
    assert isinstance(clock, SettableClock)
    clock.set(0)
    simulator.reset()
    yield served
    simulator.reset()


def get(http: httpx.Client, run_id: str) -> dict[str, Any]:
    reply = http.get(f"/v1/run/{run_id}")
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_completed_run_has_every_documented_key(simulator: RefactorSimulator, http: httpx.Client) -> None:
    run = get(http, simulator.special["several-models"])
    for key, kind in DOCUMENTED.items():
        assert isinstance(run[key], kind), key
    assert run["status"] == "completed"
    assert run["completed_at"] > run["created_at"]
    assert set(run["result"]) == {"id", "outputs", "metadata", "usage"}
    assert len(run["result"]["usage"]) == 2
    assert all(set(row) == USAGE_KEYS for row in run["result"]["usage"])


@pytest.mark.parametrize("status", ["running", "completed", "failed", "cancelled", "timeout", "waiting"])
def test_every_status_is_served(simulator: RefactorSimulator, http: httpx.Client, status: str) -> None:
    assert simulator.by_status[status]
    assert all(get(http, run_id)["status"] == status for run_id in simulator.by_status[status][:5])


def test_a_failed_run_says_why(simulator: RefactorSimulator, http: httpx.Client) -> None:
    run = get(http, simulator.special["child"])
    assert set(run["result"]["error"]) == {"code", "message"}
    assert run["failed_at"] == run["completed_at"]
    assert run["parent_run_id"] == simulator.special["waiting"]


def test_edge_cases_are_as_named(simulator: RefactorSimulator, http: httpx.Client) -> None:
    runs = {name: get(http, run_id) for name, run_id in simulator.special.items()}
    assert runs["usage-empty"]["result"]["usage"] == []
    assert runs["usage-empty"]["total_input_tokens"] > 0
    assert runs["flat-usage"]["result"]["prompt_tokens"] == runs["flat-usage"]["total_input_tokens"]
    assert "total_input_tokens" not in runs["totals-missing"]
    assert runs["running-partial"]["result"]["outputs"]
    assert runs["running-bare"]["result"] is None
    assert "parent_run_id" not in runs["running-bare"]
    assert "completed_at" not in runs["failed-at-only"]
    assert runs["failed-before-completed"]["failed_at"] < runs["failed-before-completed"]["completed_at"]
    assert not {"failed_at", "completed_at"} & set(runs["failed-without-times"])
    assert runs["failed-top-level-error"]["error"]["code"]
    assert "error" not in runs["timeout-without-error"]["result"]
    assert runs["cost-string"]["total_token_cost_usd"] == "0.00731"
    assert runs["cost-integer-zero"]["total_token_cost_usd"] == 0
    assert runs["cost-null"]["total_token_cost_usd"] is None
    assert len(repr(runs["cost-many-digits"]["total_token_cost_usd"])) > 16
    assert runs["outputs-null"]["result"]["outputs"] is None
    assert isinstance(runs["outputs-list"]["result"]["outputs"], list)
    assert isinstance(runs["outputs-scalar"]["result"]["outputs"], str)


def test_the_same_anchor_makes_the_same_runs(simulator: RefactorSimulator, http: httpx.Client) -> None:
    other = RefactorSimulator(anchor=ANCHOR, clock=SettableClock())
    assert other.native_ids() == simulator.native_ids()
    assert len(set(simulator.native_ids())) == len(simulator.native_ids()) >= 240
    assert json.dumps([other.truth(i) for i in other.native_ids()]) == json.dumps(
        [simulator.truth(i) for i in simulator.native_ids()]
    )
    assert get(http, simulator.native_ids()[50]) == other.truth(other.native_ids()[50])


def test_runs_are_newest_first_and_within_the_history(simulator: RefactorSimulator) -> None:
    created = [datetime.fromisoformat(simulator.truth(run_id)["created_at"]) for run_id in simulator.native_ids()]
    assert created == sorted(created, reverse=True)
    assert ANCHOR - HISTORY <= created[-1] <= created[0] <= ANCHOR


def test_totals_agree_with_the_rows(simulator: RefactorSimulator) -> None:
    for run_id in simulator.by_status["cancelled"]:
        run = simulator.truth(run_id)
        assert run["total_output_tokens"] == sum(row["completion_tokens"] for row in run["result"]["usage"])
        assert run["total_input_tokens"] >= run["total_cached_tokens"]


def test_evaluations_are_a_bare_array(simulator: RefactorSimulator, http: httpx.Client) -> None:
    rated = [run_id for run_id in simulator.by_status["completed"] if simulator.evaluations(run_id)]
    assert len(rated) > 5
    reply = http.get(f"/v1/run/{rated[0]}/evaluations")
    assert reply.json() == simulator.evaluations(rated[0])
    required = {"id", "account_id", "run_id", "evaluation_label_id", "value", "created_at"}
    assert all(required <= set(row) and row["run_id"] == rated[0] for row in reply.json())
    assert http.get(f"/v1/run/{simulator.by_status['failed'][0]}/evaluations").json() == []
    assert http.get("/v1/run/unknown/evaluations").status_code == 404


def test_wrong_or_no_token_is_401_in_the_provider_format(simulator: RefactorSimulator, http: httpx.Client) -> None:
    path = f"/v1/run/{simulator.native_ids()[0]}"
    for value in ("", "Bearer wrong", f"Basic {simulator.token}"):
        reply = http.get(path, headers={"authorization": value})
        assert reply.status_code == 401
        assert reply.json() == {"error": {"code": "AUTHORIZATION_ERROR", "message": "unauthorized"}}


def test_unknown_runs_and_the_absent_list_are_404(http: httpx.Client) -> None:
    for path in ("/v1/run/nothing", "/v1/runs", "/v1/run", "/v2/run/x"):
        reply = http.get(path)
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "RESOURCE_NOT_FOUND"


def test_live_runs_progress_and_end(simulator: RefactorSimulator, http: httpx.Client) -> None:
    clock = simulator.clock
    assert isinstance(clock, SettableClock)
    newest = simulator.live_ids()[0]
    before = get(http, newest)
    assert before["status"] == "running"
    assert before["result"] is None
    clock.set(20)
    halfway = get(http, newest)
    assert halfway["total_output_tokens"] > 0
    assert "completed_at" not in halfway
    clock.set(LIVE_LASTS.total_seconds())
    after = get(http, newest)
    assert after["status"] not in {"running", "waiting"}
    assert after["total_output_tokens"] > halfway["total_output_tokens"]
    assert datetime.fromisoformat(after["completed_at"]) == clock()
    clock.set(3600)
    assert get(http, newest) == after


def test_new_live_runs_keep_coming_and_some_wait(simulator: RefactorSimulator, http: httpx.Client) -> None:
    clock = simulator.clock
    assert isinstance(clock, SettableClock)
    seen: set[str] = set()
    for seconds in range(0, 400, 10):
        clock.set(seconds)
        seen |= {get(http, run_id)["status"] for run_id in simulator.live_ids()[:4]}
    assert {"running", "waiting", "completed", "failed"} <= seen
    clock.set(1_000_000)
    assert len(simulator.live_ids()) == 60


def test_faults_are_set_over_http(simulator: RefactorSimulator, http: httpx.Client) -> None:
    run_id = simulator.special["waiting"]
    path = f"/v1/run/{run_id}"

    def broken(**fault: Any) -> httpx.Response:
        assert http.put("/_sim/faults", json=[{"match": run_id, "times": 1, **fault}]).status_code == 200
        return http.get(path)

    limited = broken(status=429, retry_after="3")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    html = broken(status=502, body="html")
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert broken(body="empty").content == b""
    truncated = broken(body="truncated")
    with pytest.raises(json.JSONDecodeError):
        truncated.json()
    assert broken(latency_ms=1).status_code == 200
    assert http.get("/_sim/faults").json() == []
    assert [call["target"] for call in http.get("/_sim/calls").json()] == [path] * 5

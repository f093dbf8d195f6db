"""The simulated Rightbrain over real HTTP, against the documented wire format."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.demo.rightbrain import RightbrainSimulator

from .conftest import ANCHOR, Serve, SettableClock

NOTHING = type(None)
RUN_KEYS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "task_id": str,
    "task_revision_id": str,
    "created": str,
    "response": (dict, str),
    "run_data": dict,
    "files": (list, NOTHING),
    "is_error": bool,
    "input_tokens": int,
    "output_tokens": int,
    "total_tokens": int,
    "input_processor_timing": (float, NOTHING),
    "llm_call_timing": (float, NOTHING),
    "charged_credits": (str, NOTHING),
    "llm_retries": int,
    "used_fallback_model": bool,
    "primary_failure_reason": (str, NOTHING),
    "fallback_llm_model_id": (str, NOTHING),
    "user_id": (str, NOTHING),
    "reporting_group_id": (str, NOTHING),
    "reporting_group": (dict, NOTHING),
    "reference": (str, NOTHING),
    "context_id": (str, NOTHING),
}
OTHER_UUID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def simulator() -> RightbrainSimulator:
    return RightbrainSimulator(anchor=ANCHOR, clock=SettableClock())


@pytest.fixture(scope="module")
def served(simulator: RightbrainSimulator, serve: Serve) -> httpx.Client:
    return serve(simulator)


@pytest.fixture
def http(simulator: RightbrainSimulator, served: httpx.Client) -> Iterator[httpx.Client]:
    set_clock(simulator, 0)
    simulator.reset()
    yield served
    simulator.reset()


def set_clock(simulator: RightbrainSimulator, seconds: float) -> None:
    clock = simulator.clock
    assert isinstance(clock, SettableClock)
    clock.set(seconds)


def project_path(simulator: RightbrainSimulator) -> str:
    return f"/api/v1/org/{simulator.org_id}/project/{simulator.project_id}"


def run_path(simulator: RightbrainSimulator, native_id: str) -> str:
    task_id, run_id = native_id.split("/")
    return f"{project_path(simulator)}/task/{task_id}/run/{run_id}"


def get(simulator: RightbrainSimulator, http: httpx.Client, native_id: str) -> dict[str, Any]:
    reply = http.get(run_path(simulator, native_id))
    assert reply.status_code == 200, reply.text
    return reply.json()


def walk(http: httpx.Client, path: str, **params: Any) -> list[str]:
    """Native ids of all pages of a list."""
    seen: list[str] = []
    while True:
        body = http.get(path, params=params).json()
        assert set(body["pagination"]) == {"next_cursor", "has_next", "page_limit"}
        seen += [f"{run['task_id']}/{run['id']}" for run in body["results"]]
        cursor = body["pagination"]["next_cursor"]
        assert (cursor is not None) == body["pagination"]["has_next"]
        if cursor is None:
            return seen
        params["cursor"] = cursor


def test_ordinary_runs_have_every_documented_key(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    ordinary = [i for i in simulator.by_status["success"] if i not in simulator.special.values()]
    assert len(ordinary) > 150
    for native_id in ordinary:
        run = simulator.truth(native_id)
        assert set(run) == set(RUN_KEYS)
        assert all(isinstance(run[key], kind) for key, kind in RUN_KEYS.items()), native_id
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", run["created"])
    assert get(simulator, http, ordinary[0]) == simulator.truth(ordinary[0])
    assert {simulator.truth(i)["task_id"] for i in ordinary} == set(simulator.task_ids)


def test_outcomes(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    assert set(simulator.by_status) == {"success", "error", "pending"}
    for native_id in simulator.by_status["error"]:
        assert simulator.truth(native_id)["is_error"] is True
    pending = get(simulator, http, simulator.by_status["pending"][0])
    assert not {"is_error", "response"} & set(pending)
    fallback = get(simulator, http, simulator.special["fallback"])
    assert (fallback["is_error"], fallback["used_fallback_model"]) == (False, True)
    assert fallback["primary_failure_reason"]
    assert fallback["fallback_llm_model_id"]


def test_edge_cases_are_as_named(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    runs = {name: get(simulator, http, native_id) for name, native_id in simulator.special.items()}
    assert runs["is-error-null"]["is_error"] is None
    assert "is_error" not in runs["is-error-absent"]
    assert "response" not in runs["response-absent"]
    assert [runs[f"response-{name}"]["response"] for name in ("empty-text", "empty-object")] == ["", {}]
    assert isinstance(runs["response-text"]["response"], str)
    assert isinstance(runs["response-list"]["response"], list)
    credit_values = {name: run["charged_credits"] for name, run in runs.items() if "charged_credits" in run}
    assert {"1.00", "10", ".5", "+1", "0001.10", None} <= set(credit_values.values())
    assert credit_values["credits-number"] == 1.5
    assert "charged_credits" not in runs["credits-absent"]
    assert runs["created-zulu"]["created"].endswith("Z")
    assert len(runs["created-whole-seconds"]["created"]) == 19
    assert set(runs["files-objects"]["files"][0]) == {"name", "content_type", "size", "url"}
    assert runs["files-names"]["files"] == ["4f1c.svg", "4f1d.md"]
    assert runs["files-null"]["files"] is None
    assert "files" not in runs["files-in-run-data"]
    adding = runs["tokens-not-adding-up"]
    assert adding["input_tokens"] + adding["output_tokens"] != adding["total_tokens"]


@pytest.mark.parametrize("limit", [9, 100])
def test_project_pages_lose_and_repeat_nothing(simulator: RightbrainSimulator, http: httpx.Client, limit: int) -> None:
    assert walk(http, f"{project_path(simulator)}/task_run", page_limit=limit) == list(simulator.native_ids())


def test_task_pages_hold_one_task(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    for task_id in simulator.task_ids:
        expected = [native_id for native_id in simulator.native_ids() if native_id.startswith(task_id)]
        assert walk(http, f"{project_path(simulator)}/task/{task_id}/run", page_limit=20) == expected


def test_pages_hold_still_while_runs_arrive(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    path = f"{project_path(simulator)}/task_run"
    first = http.get(path, params={"page_limit": 2}).json()
    rest = simulator.native_ids()[2:]
    cursor = first["pagination"]["next_cursor"]
    set_clock(simulator, 100)
    assert walk(http, path, cursor=cursor) == list(rest)
    set_clock(simulator, 5000)
    assert walk(http, path, cursor=cursor) == list(simulator.native_ids()[60:]), "the list has forgotten old live runs"


def test_list_filters_and_validation(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    path = f"{project_path(simulator)}/task_run"
    assert walk(http, path, status="error") == [
        i for i in simulator.native_ids() if simulator.truth(i).get("is_error") is True
    ]
    revision = simulator.truth(simulator.special["success"])["task_revision_id"]
    found = http.get(path, params={"task_revision_id": revision}).json()["results"]
    assert {run["task_revision_id"] for run in found} == {revision}
    for query in ("page_limit=0", "page_limit=101", "page_limit=x", "cursor=x", f"cursor={OTHER_UUID}", "status=x"):
        reply = http.get(f"{path}?{query}")
        assert reply.status_code == 422, query
        assert set(reply.json()["detail"][0]) == {"loc", "msg", "type"}
    assert http.get(path).json()["pagination"]["page_limit"] == 100


def test_ids_are_checked(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    native_id = simulator.special["success"]
    task_id, run_id = native_id.split("/")
    path = run_path(simulator, native_id)
    assert http.get(path.replace(task_id, task_id.upper())).status_code == 200
    wrong = {
        path.replace(run_id, "not-a-uuid"): 400,
        path.replace(task_id, "not-a-uuid"): 400,
        path.replace(task_id, simulator.task_ids[1]): 404,
        path.replace(simulator.project_id, OTHER_UUID): 404,
        path.replace(simulator.org_id, OTHER_UUID): 403,
        path.replace(run_id, OTHER_UUID): 404,
        f"{project_path(simulator)}/task/{OTHER_UUID}/run": 404,
        f"{project_path(simulator)}/other": 404,
    }
    replies = {url: http.get(url) for url in wrong}
    assert {url: reply.status_code for url, reply in replies.items()} == wrong
    assert [reply.json()["reason"] for reply in replies.values() if reply.status_code == 403] == [
        "PERMISSION_CHECK_FAILED"
    ]
    assert {reply.json()["detail"] for reply in replies.values() if reply.status_code == 404} == {"Task run not found"}


def test_missing_authentication_is_403_and_a_wrong_token_401(
    simulator: RightbrainSimulator, http: httpx.Client
) -> None:
    path = run_path(simulator, simulator.special["success"])
    missing = http.get(path, headers={"authorization": ""})
    assert (missing.status_code, missing.json()["reason"]) == (403, "MISSING_AUTHENTICATION")
    wrong = http.get(path, headers={"authorization": "Bearer wrong"})
    assert (wrong.status_code, wrong.json()) == (401, {"detail": "Token is invalid or has expired"})


def test_client_credentials(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    path = run_path(simulator, simulator.special["success"])
    client = httpx.BasicAuth(simulator.client_id, simulator.client_secret)
    grant = {"grant_type": "client_credentials"}
    minted = simulator.mint_count
    simulator.token_lifetime = 120
    reply = http.post("/oauth2/token", data=grant, auth=client)
    token = reply.json()["access_token"]
    assert reply.json() == {"access_token": token, "token_type": "bearer", "expires_in": 120}
    assert simulator.mint_count == minted + 1
    bearer = {"authorization": f"Bearer {token}"}
    assert http.get(path, headers=bearer).status_code == 200
    simulator.revoke_tokens()
    assert http.get(path, headers=bearer).status_code == 401
    assert http.get(path).status_code == 200
    refused = http.post("/oauth2/token", data=grant, auth=httpx.BasicAuth(simulator.client_id, "wrong"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    other = http.post("/oauth2/token", data={"grant_type": "password"}, auth=client)
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")
    assert http.post("/oauth2/token", auth=client).json()["error"] == "invalid_request"
    assert simulator.mint_count == minted + 1


def test_files_download(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    native_id = simulator.special["files-objects"]
    for listed in get(simulator, http, native_id)["files"]:
        url = f"{run_path(simulator, native_id)}/file/{listed['name']}"
        reply = http.get(url)
        assert (reply.status_code, len(reply.content)) == (200, listed["size"])
        assert reply.headers["content-type"].startswith(listed["content_type"])
        assert reply.headers["content-disposition"].startswith("attachment; filename*=utf-8''")
        assert http.get(url, params={"inline": "true"}).headers["content-disposition"].startswith("inline")
    assert http.get(f"{run_path(simulator, native_id)}/file/missing.md").status_code == 404
    assert http.get(f"{run_path(simulator, native_id)}/file/notes.md?inline=maybe").status_code == 422
    old = simulator.special["files-in-run-data"]
    assert http.get(f"{run_path(simulator, old)}/file/{simulator.file_names(old)[0]}").status_code == 200


def test_the_same_anchor_makes_the_same_runs(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    other = RightbrainSimulator(anchor=ANCHOR, clock=SettableClock())
    assert other.native_ids() == simulator.native_ids()
    assert len(set(other.native_ids())) == len(other.native_ids()) >= 240
    assert json.dumps([other.truth(i) for i in other.native_ids()]) == json.dumps(
        [simulator.truth(i) for i in simulator.native_ids()]
    )
    with pytest.raises(KeyError):
        other.truth("nothing")


def test_live_runs_start_pending_and_end(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    newest = simulator.live_ids()[0]
    start = get(simulator, http, newest)
    assert not {"response", "is_error"} & set(start)
    assert start["total_tokens"] == 0
    set_clock(simulator, 40)
    halfway = get(simulator, http, newest)
    assert halfway["total_tokens"] > 0
    assert "response" not in halfway
    assert newest != simulator.live_ids()[0]
    set_clock(simulator, 60)
    end = get(simulator, http, newest)
    assert set(end) == set(RUN_KEYS)
    set_clock(simulator, 9000)
    assert get(simulator, http, newest) == end


def test_old_shape_mode(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    simulator.set_modes(["old-shape"])
    files = get(simulator, http, simulator.special["files-objects"])
    assert "files" not in files
    assert files["run_data"]["files"] == ["scan 1 (ä).svg", "notes.md"]
    text = get(simulator, http, simulator.special["response-text"])
    assert text["response"] == {"response": "A short alt text."}
    rows = http.get(f"{project_path(simulator)}/task_run").json()["results"]
    assert all("files" not in run and isinstance(run.get("response", {}), dict) for run in rows)


def test_faults_are_set_over_http(simulator: RightbrainSimulator, http: httpx.Client) -> None:
    path = run_path(simulator, simulator.special["success"])

    def broken(**fault: Any) -> httpx.Response:
        assert http.put("/_sim/faults", json=[{"match": path, "times": 1, **fault}]).status_code == 200
        return http.get(path)

    limited = broken(status=429, retry_after="3")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json() == {"detail": "Too many requests"}
    assert broken(status=403).json()["reason"] == "PERMISSION_CHECK_FAILED"
    assert broken(status=502, body="html").headers["content-type"].startswith("text/html")
    assert broken(body="empty").content == b""
    assert len(broken(body="truncated").content) == len(http.get(path).content) // 2
    assert broken(latency_ms=1).status_code == 200
    assert len(http.get("/_sim/calls").json()) == 7

"""The simulated Bridge Town over real HTTP: by hand, so that every header is seen, and with the official client."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from gateway.demo.bridgetown import BridgeTownSimulator
from gateway.demo.bridgetown_edges import EDGES, SHARED_PREFIX
from gateway.demo.history import live_uuid

from .conftest import ANCHOR, Serve, SettableClock

STATUSES = {"pending", "running", "success", "failed", "timed_out", "cancelled"}
HANDSHAKE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@dataclass(slots=True)
class Reply:
    """One HTTP reply and the JSON-RPC messages in it, in order."""

    http: httpx.Response

    @property
    def messages(self) -> list[dict[str, Any]]:
        if self.http.headers["content-type"].startswith("text/event-stream"):
            lines = self.http.text.splitlines()
            return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        return [self.http.json()]

    @property
    def result(self) -> dict[str, Any]:
        return self.messages[-1]["result"]

    @property
    def structured(self) -> dict[str, Any]:
        assert self.result["isError"] is False
        return self.result["structuredContent"]

    @property
    def text(self) -> str:
        return self.result["content"][0]["text"]


@dataclass(slots=True)
class Caller:
    """Says JSON-RPC by hand; opens a session when told to and uses it from then on."""

    http: httpx.Client
    session: str | None = None

    def send(self, method: str, params: dict[str, Any] | None = None, *, request_id: int | None = 7) -> Reply:
        headers = {"accept": "application/json, text/event-stream"}
        if self.session is not None:
            headers |= {"mcp-session-id": self.session, "mcp-protocol-version": "2025-06-18"}
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        message |= {} if request_id is None else {"id": request_id}
        message |= {} if params is None else {"params": params}
        return Reply(self.http.post("/mcp", json=message, headers=headers))

    def open(self) -> Reply:
        self.session = None
        reply = self.send("initialize", HANDSHAKE)
        self.session = reply.http.headers.get("mcp-session-id")
        assert self.send("notifications/initialized", request_id=None).http.status_code == 202
        return reply

    def call(self, name: str, **arguments: Any) -> Reply:
        return self.send("tools/call", {"name": name, "arguments": arguments})


@pytest.fixture(scope="module")
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="module")
def simulator(clock: SettableClock) -> BridgeTownSimulator:
    return BridgeTownSimulator(anchor=ANCHOR, clock=clock)


@pytest.fixture(scope="module")
def http(simulator: BridgeTownSimulator, serve: Serve) -> httpx.Client:
    return serve(simulator)


@pytest.fixture
def caller(simulator: BridgeTownSimulator, http: httpx.Client, clock: SettableClock) -> Caller:
    """With an open session, on a simulator as good as new."""
    simulator.reset()
    clock.set(0)
    caller = Caller(http)
    caller.open()
    return caller


def test_same_anchor_makes_the_same_runs(simulator: BridgeTownSimulator) -> None:
    again = BridgeTownSimulator(anchor=ANCHOR, clock=SettableClock())
    assert [again.truth(run_id) for run_id in again.native_ids()] == [
        simulator.truth(run_id) for run_id in simulator.native_ids()
    ]
    assert again.by_status == simulator.by_status


def test_every_status_and_project_is_there(simulator: BridgeTownSimulator) -> None:
    runs = [simulator.truth(run_id) for run_id in simulator.native_ids()]
    assert 190 <= len(runs) <= 240
    assert set(simulator.by_status) == STATUSES
    assert all(len(ids) >= 2 for ids in simulator.by_status.values())
    assert len(simulator.projects) == 4
    assert sum(map(len, simulator.projects.values())) == len(runs)
    assert len(simulator.projects["forecasts"]) > 50
    ordinary = [
        simulator.truth(run_id) for run_id in simulator.native_ids() if run_id not in simulator.special.values()
    ]
    for run in ordinary:
        over = run["status"] not in ("pending", "running")
        assert over == (run["finished_at"] is not None) == (run["run_number"] is not None)
        assert (run["output"] is not None) == (run["status"] == "success")
        assert (run["error_message"] is not None) == (run["status"] in ("failed", "timed_out", "cancelled"))


def test_handshake(simulator: BridgeTownSimulator, caller: Caller) -> None:
    reply = caller.open()
    assert reply.http.headers["content-type"] == "application/json"
    assert reply.result["protocolVersion"] == "2025-06-18"
    assert reply.result["serverInfo"]["name"] == "Bridge Town"
    assert len(caller.session or "") == 32
    names = [tool["name"] for tool in caller.send("tools/list").result["tools"]]
    assert names == ["get_run", "list_runs", "list_projects"]


def test_without_a_token_there_is_only_health(http: httpx.Client) -> None:
    stranger = {"authorization": "Bearer wrong"}
    refused = http.post("/mcp", json={}, headers=stranger)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert http.get("/health", headers=stranger).json() == {"status": "ok"}


def test_get_on_the_endpoint_is_not_allowed(http: httpx.Client) -> None:
    assert http.get("/mcp", headers={"accept": "text/event-stream"}).status_code == 405


def test_a_request_has_to_accept_both_types_where_replies_are_streams(
    simulator: BridgeTownSimulator, http: httpx.Client
) -> None:
    simulator.set_modes(["sse"])
    reply = http.post(
        "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers={"accept": "application/json"}
    )
    assert reply.status_code == 406


def test_a_call_needs_a_session(caller: Caller) -> None:
    caller.session = None
    reply = caller.call("list_projects")
    assert reply.http.status_code == 400
    assert reply.messages[0]["error"] == {"code": -32600, "message": "Bad Request: Missing session ID"}


def test_expired_sessions_are_not_found(simulator: BridgeTownSimulator, caller: Caller) -> None:
    other = Caller(caller.http)
    other.open()
    simulator.expire_sessions()
    for gone in (caller, other):
        reply = gone.call("list_projects")
        assert reply.http.status_code == 404
        assert reply.messages[0]["error"] == {"code": -32600, "message": "Session not found"}
    caller.open()
    assert caller.call("list_projects").structured["total_returned"] == 4
    assert caller.http.post("/_sim/expire-sessions").status_code == 204
    assert caller.call("list_projects").http.status_code == 404


def test_a_client_can_end_its_session(caller: Caller) -> None:
    assert caller.http.delete("/mcp", headers={"mcp-session-id": caller.session or ""}).status_code == 200
    assert caller.call("list_projects").http.status_code == 404


def test_get_run(simulator: BridgeTownSimulator, caller: Caller) -> None:
    simulator.calls.clear()
    run_id = simulator.by_status["success"][0]
    reply = caller.call("get_run", run_id=run_id)
    assert reply.structured == simulator.truth(run_id)
    assert json.loads(reply.text) == simulator.truth(run_id)
    assert reply.structured.keys() == {
        "run_id", "run_number", "project_name", "status", "commit_sha", "started_at", "finished_at", "error_message",
        "output", "truncated",
    }  # fmt: skip
    assert simulator.tool_calls == [("get_run", {"run_id": run_id})]


def test_get_run_takes_the_beginning_of_an_id(simulator: BridgeTownSimulator, caller: Caller) -> None:
    first, second = simulator.special["shared-prefix-a"], simulator.special["shared-prefix-b"]
    assert caller.call("get_run", run_id=first[:16].upper()).structured["run_id"] == first
    assert caller.call("get_run", run_id=second[:16]).structured["run_id"] == second
    ambiguous = caller.call("get_run", run_id=SHARED_PREFIX)
    assert ambiguous.result["isError"] is True
    assert ambiguous.text == "Error executing tool get_run: run_id is ambiguous: 2 runs match"


def test_list_runs_clamps_its_limit(simulator: BridgeTownSimulator, caller: Caller) -> None:
    ids = simulator.projects["forecasts"]
    for limit, returned in ((None, 10), (3, 3), (50, 50), (51, 50), (1000, 50), (0, 1), (-4, 1)):
        arguments = {} if limit is None else {"limit": limit}
        page = caller.call("list_runs", project_name="forecasts", **arguments).structured
        assert page["total_returned"] == len(page["runs"]) == returned
        assert page["project_name"] == "forecasts"
        assert page["runs"] == [simulator.row(run_id) for run_id in ids[:returned]]
    assert page["runs"][0].keys() == {
        "run_id", "run_number", "status", "commit_sha", "started_at", "finished_at", "created_at",
    }  # fmt: skip


def test_list_runs_by_status(simulator: BridgeTownSimulator, caller: Caller) -> None:
    for status in STATUSES:
        page = caller.call("list_runs", project_name="ledger", limit=50, status=status).structured
        expected = [run_id for run_id in simulator.projects["ledger"] if run_id in simulator.by_status[status]]
        assert [row["run_id"] for row in page["runs"]] == expected[:50]
    assert caller.call("list_runs", project_name="ledger", status="").structured["total_returned"] == 10


def test_list_projects(simulator: BridgeTownSimulator, caller: Caller) -> None:
    page = caller.call("list_projects").structured
    assert [project["project_name"] for project in page["projects"]] == list(simulator.projects)


@pytest.mark.parametrize(
    ("tool", "arguments", "slug"),
    [
        ("get_run", {"run_id": "00000000-0000-4000-8000-000000000000"}, "run_not_found"),
        ("get_run", {"run_id": "latest"}, "invalid_run_id"),
        ("get_run", {"run_id": ""}, "invalid_run_id"),
        ("get_run", {"run_id": SHARED_PREFIX}, "ambiguous_run_id"),
        ("list_runs", {"project_name": "nothing"}, "project_not_found"),
        ("list_runs", {"project_name": "ledger", "status": "done"}, "invalid_status"),
        ("drop_table", {}, "unknown_tool"),
    ],
)
def test_a_tools_own_errors(
    simulator: BridgeTownSimulator, caller: Caller, tool: str, arguments: dict[str, Any], slug: str
) -> None:
    marked = caller.call(tool, **arguments)
    assert marked.result["isError"] is True
    assert "structuredContent" not in marked.result
    simulator.set_modes(["error-envelope"])
    envelope = caller.call(tool, **arguments).structured
    assert envelope.keys() == {"error", "message", "hint"}
    assert envelope["error"] == slug
    assert marked.text == f"Error executing tool {tool}: {envelope['message']}"


def test_protocol_errors(caller: Caller) -> None:
    for reply in (
        caller.call("get_run"),
        caller.call("get_run", run_id=7),
        caller.call("list_runs", project_name="ledger", limit="many"),
        caller.send("tools/call", {"arguments": {}}),
    ):
        assert (reply.http.status_code, reply.messages[0]["id"]) == (200, 7)
        assert reply.messages[0]["error"]["code"] == -32602
    assert caller.send("tools/burn").messages[0]["error"]["code"] == -32601


def test_replies_as_event_streams(simulator: BridgeTownSimulator, caller: Caller) -> None:
    simulator.set_modes(["sse"])
    assert caller.call("list_projects").http.status_code == 404  # that session is of the other transport
    caller.open()
    run_id = simulator.by_status["failed"][0]
    reply = caller.call("get_run", run_id=run_id)
    assert reply.http.headers["content-type"].startswith("text/event-stream")
    assert [message["id"] for message in reply.messages] == [7]
    assert reply.structured == simulator.truth(run_id)
    assert caller.call("get_run", run_id="latest").result["isError"] is True


@pytest.mark.parametrize("modes", [["notifications-first"], ["notifications-first", "stateless"]])
def test_a_notification_may_come_first(simulator: BridgeTownSimulator, caller: Caller, modes: list[str]) -> None:
    simulator.set_modes(modes)
    caller.open()
    said, answer = caller.call("list_projects").messages
    assert said["method"] == "notifications/message"
    assert "id" not in said
    assert answer["id"] == 7


@pytest.mark.parametrize("modes", [["stateless"], ["stateless", "sse"]])
def test_stateless(simulator: BridgeTownSimulator, caller: Caller, modes: list[str]) -> None:
    simulator.set_modes(modes)
    caller.session = None
    assert caller.call("list_projects").structured["total_returned"] == 4
    assert "mcp-session-id" not in caller.open().http.headers


def test_result_shapes(simulator: BridgeTownSimulator, caller: Caller) -> None:
    run_id = simulator.special["nonzero-exit"]
    simulator.set_modes(["text-only"])
    reply = caller.call("get_run", run_id=run_id)
    assert "structuredContent" not in reply.result
    assert json.loads(reply.text) == simulator.truth(run_id)
    assert all("outputSchema" not in tool for tool in caller.send("tools/list").result["tools"])
    simulator.set_modes(["wrapped"])
    assert caller.call("get_run", run_id=run_id).structured == {"result": simulator.truth(run_id)}


def test_odd_runs_are_served_as_they_are(simulator: BridgeTownSimulator, caller: Caller) -> None:
    assert simulator.special.keys() == EDGES.keys()
    for name, run_id in simulator.special.items():
        document = caller.call("get_run", run_id=run_id).structured
        assert document == simulator.truth(run_id)
        assert document.get("run_id") == (None if name == "no-run-id" else run_id)
        assert run_id in simulator.projects["ledger"]
    cut = simulator.truth(simulator.special["truncated-text"])
    assert (type(cut["output"]), cut["truncated"]) == (str, True)
    assert simulator.truth(simulator.special["nonzero-exit"])["output"]["exit_code"] == 3


def test_live_runs_progress_and_stay_ended(
    simulator: BridgeTownSimulator, caller: Caller, clock: SettableClock
) -> None:
    run_id = live_uuid("bridgetown", 5)  # created a minute after the anchor, one every twenty seconds
    assert "no run matches" in caller.call("get_run", run_id=run_id).text
    seen: list[tuple[str, bool]] = []
    for second in (61, 70, 110, 120, 5000):
        clock.set(second)
        run = caller.call("get_run", run_id=run_id).structured
        seen.append((run["status"], run["output"] is not None))
    assert seen == [("pending", False), ("running", False), ("running", False), ("success", True), ("success", True)]
    clock.set(70)
    row = caller.call("list_runs", project_name=simulator.truth(run_id)["project_name"], limit=1).structured["runs"][0]
    assert row == simulator.row(run_id)


@pytest.mark.parametrize("modes", [[], ["sse"], ["notifications-first"], ["stateless"]])
@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_the_official_client_can_use_it(
    simulator: BridgeTownSimulator, http: httpx.Client, modes: list[str], era: Any
) -> None:
    simulator.reset()
    simulator.set_modes(modes)
    run_id = simulator.by_status["timed_out"][0]

    async def use() -> None:
        headers = {"authorization": f"Bearer {simulator.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
            transport = streamable_http_client(f"{http.base_url}/mcp", http_client=client)
            async with Client(transport, mode=era) as session:
                found = await session.call_tool("get_run", {"run_id": run_id}, read_timeout_seconds=60)
                assert found.structured_content == simulator.truth(run_id)
                missing = await session.call_tool("get_run", {"run_id": "0" * 36}, read_timeout_seconds=60)
                assert missing.is_error

    asyncio.run(asyncio.wait_for(use(), 60))


def test_error_bodies(simulator: BridgeTownSimulator) -> None:
    for status in (400, 401, 403, 404, 429, 500, 503):
        content, content_type = simulator.error_body(status)
        assert content_type == "application/json"
        assert "error" in json.loads(content)

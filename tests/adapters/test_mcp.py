"""The MCP conversation: what goes over the wire, what becomes of a session, and which error a refusal is."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from adapters.errors import (
    AdapterError,
    BadResponse,
    Conflict,
    InvalidInput,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
    Unsupported,
    UpstreamInternal,
)
from adapters.mcp import ToolResult
from tests.support import run

from .mcp_server import CALL, HANDSHAKE, TOKEN, URL, Server, replying, rpc


def test_conversation() -> None:
    """Handshake, call and end of session as the specification has them, and nothing else."""
    server = Server()

    async def conversation() -> None:
        client = server.client()
        await client.call_tool("get_run", {"run_id": "3f6b"})
        await client.call_tool("list_runs", {"project_name": "p", "limit": 5})
        await client.aclose()
        await client.aclose()

    run(conversation())
    assert server.seen == [*HANDSHAKE, CALL, CALL, "DELETE"]
    assert {str(request.url) for request in server.requests} == {URL}
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
    for request in server.requests[:-1]:
        assert request.headers["accept"] == "application/json, text/event-stream"
        assert request.headers["content-type"] == "application/json"
    assert "mcp-session-id" not in server.requests[0].headers
    assert "mcp-protocol-version" not in server.requests[0].headers
    for request in server.requests[1:]:
        assert request.headers["mcp-session-id"] == "session-1"
        assert request.headers["mcp-protocol-version"] == "2025-06-18"
    bodies = [json.loads(request.content) for request in server.requests[:-1]]
    assert bodies[0]["params"] == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "rungraph", "version": "1"},
    }
    assert "id" not in bodies[1]
    assert bodies[2]["params"] == {"name": "get_run", "arguments": {"run_id": "3f6b"}}
    assert bodies[3]["params"] == {"name": "list_runs", "arguments": {"project_name": "p", "limit": 5}}
    ids = [body["id"] for body in bodies if "id" in body]
    assert len(set(ids)) == len(ids)


def test_server_without_sessions() -> None:
    server = Server(initialize=lambda _, message: rpc(message, {"protocolVersion": "2025-11-25"}))
    server.sessions = {None}

    async def conversation() -> None:
        client = server.client()
        await client.call_tool("get_run", {})
        await client.aclose()

    run(conversation())
    assert server.seen == [*HANDSHAKE, CALL]


@pytest.mark.parametrize("version", [None, "", 7, "a b", "2" * 100, "é"])
def test_unreadable_protocol_version(version: object) -> None:
    server = Server(initialize=lambda _, message: rpc(message, {"protocolVersion": version}))
    server.sessions = {None}
    server.call()
    assert server.requests[-1].headers["mcp-protocol-version"] == "2025-11-25"


@pytest.mark.parametrize("session", ["", "a b", "x" * 2000])
def test_unusable_session_id(session: str) -> None:
    server = Server(initialize=lambda _, message: rpc(message, {}, mcp_session_id=session))
    assert type(server.error()) is BadResponse


@pytest.mark.parametrize("unknown", [404, 400])
def test_expired_session_is_opened_again_once(unknown: int) -> None:
    server = Server(unknown=unknown)

    async def conversation() -> None:
        client = server.client()
        await client.call_tool("get_run", {})
        server.sessions.clear()
        await client.call_tool("get_run", {})
        await client.call_tool("get_run", {})

    run(conversation())
    assert server.seen == [*HANDSHAKE, CALL, CALL, *HANDSHAKE, CALL, CALL]
    assert [request.headers.get("mcp-session-id") for request in server.requests[3:]] == [
        "session-1",
        None,
        "session-2",
        "session-2",
        "session-2",
    ]


def test_session_that_never_lasts() -> None:
    """A call opens one session more and then gives up; a 404 does not read as "no such run"."""
    server = Server(tool=replying(404, {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "gone"}}))
    error = server.error()
    assert type(error) is BadResponse
    assert error.upstream_status == 404
    assert server.seen == [*HANDSHAKE, CALL, *HANDSHAKE, CALL]


def test_wrong_url_is_no_missing_run() -> None:
    server = Server(initialize=replying(404, b"<html>", "text/html"))
    assert type(server.error()) is BadResponse
    assert server.seen == ["POST initialize"]


def test_callers_share_one_handshake() -> None:
    server = Server()

    async def together() -> None:
        client = server.client()
        await asyncio.gather(*(client.call_tool("get_run", {}) for _ in range(20)))

    run(together())
    assert server.seen == [*HANDSHAKE, *[CALL] * 20]


def test_callers_share_one_handshake_after_expiry() -> None:
    server = Server()

    async def together() -> None:
        client = server.client()
        await client.call_tool("get_run", {})
        server.sessions.clear()
        await asyncio.gather(*(client.call_tool("get_run", {}) for _ in range(20)))

    run(together())
    assert server.opened == 2
    assert server.seen.count("POST initialize") == 2
    assert server.seen.count(CALL) == 1 + 20 + 20


def test_callers_share_a_failed_handshake() -> None:
    server = Server(initialize=replying(503, b"", retry_after="9"))

    async def together() -> Sequence[object]:
        client = server.client()
        return await asyncio.gather(*(client.call_tool("get_run", {}) for _ in range(20)), return_exceptions=True)

    outcomes = run(together())
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 20
    assert server.seen == ["POST initialize"]


def test_failed_handshake_is_tried_again_by_the_next_call() -> None:
    server = Server(initialize=replying(503))

    async def conversation() -> None:
        client = server.client()
        with pytest.raises(Unavailable):
            await client.call_tool("get_run", {})
        server.initialize = Server._initialize.__get__(server)  # pyright: ignore[reportPrivateUsage]
        await client.call_tool("get_run", {})

    run(conversation())
    assert server.seen == [*["POST initialize"] * 3, *HANDSHAKE, CALL]


def test_caller_that_goes_away_leaves_the_handshake_to_the_others() -> None:
    server = Server()

    async def conversation() -> ToolResult:
        client = server.client()
        first = asyncio.create_task(client.call_tool("get_run", {}))
        second = asyncio.create_task(client.call_tool("get_run", {}))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert run(conversation()).structured == {"run_id": "3f6b"}
    assert server.seen == [*HANDSHAKE, CALL]


def test_closing_during_the_handshake() -> None:
    server = Server()

    async def conversation() -> bool:
        client = server.client()
        call = asyncio.create_task(client.call_tool("get_run", {}))
        await asyncio.sleep(0)
        await client.aclose()
        await asyncio.wait([call])
        return call.cancelled()

    assert run(conversation())
    assert CALL not in server.seen


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "raw_code"),
    [
        (
            401,
            {"error": "invalid_token", "error_description": "token expired"},
            Unauthenticated,
            "token expired",
            "invalid_token",
        ),
        (403, {"error": "forbidden", "message": "viewers only", "hint": "x"}, PermissionDenied, "viewers", "forbidden"),
        (429, {"message": "slow down"}, RateLimited, "slow down", None),
        (405, b"", Unsupported, None, None),
        (409, {}, Conflict, None, None),
        (
            400,
            {"id": "server-error", "error": {"code": -32600, "message": "Missing session ID"}},
            BadResponse,
            "Missing",
            "-32600",
        ),
        (400, {"error": {"code": -32602, "message": "bad argument"}}, InvalidInput, "bad argument", "-32602"),
        (400, b"<html>", InvalidInput, None, None),
        (500, {"error": {"code": -32603, "message": "oops"}}, UpstreamInternal, "oops", "-32603"),
        (502, b"<html>Bad Gateway</html>", Unavailable, None, None),
        (504, b"", TimedOut, None, None),
    ],
)
def test_http_errors(
    status: int, body: object, kind: type[AdapterError], message: str | None, raw_code: str | None
) -> None:
    """The status decides, and Retry-After is kept; whether the handshake or the call meets it."""
    refusal = replying(status, body, retry_after="30")
    for server in (Server(tool=refusal), Server(initialize=refusal)):
        error = server.error()
        assert type(error) is kind
        assert (error.upstream_status, error.retry_after_ms) == (status, 30_000)
        assert message is None or message in str(error)
        assert error.raw_code == raw_code

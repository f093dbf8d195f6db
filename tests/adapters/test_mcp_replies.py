"""MCP replies: JSON, event streams, tool results, and everything that is none of these."""

import asyncio
import json
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AdapterError, BadResponse, ErrorCode, TimedOut, UnknownError, Unsupported
from adapters.mcp import ToolResult, read_error, sse_messages
from adapters.upstream import ErrorReply
from tests.support import tries

from .mcp_server import CALL, FOUND, HANDSHAKE, TOKEN, Server, replying, rpc


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": -32700, "message": "m"}, ErrorCode.BAD_RESPONSE),
        ({"code": -32600, "message": "m"}, ErrorCode.BAD_RESPONSE),
        ({"code": -32601, "message": "m"}, ErrorCode.UNSUPPORTED),
        ({"code": -32602, "message": "m"}, ErrorCode.INVALID_INPUT),
        ({"code": -32603, "message": "m"}, ErrorCode.INTERNAL),
        ({"code": -32000, "message": "m"}, ErrorCode.UNKNOWN),
        ({"code": True, "message": ["m"]}, ErrorCode.UNKNOWN),
        ({"code": 10**30}, ErrorCode.UNKNOWN),
        ({"code": "x", "message": 7}, ErrorCode.UNKNOWN),
        ("text", ErrorCode.UNKNOWN),
        ([], ErrorCode.UNKNOWN),
        (7, ErrorCode.UNKNOWN),
        ({"code": -32603, "message": f"refused Bearer {TOKEN}"}, ErrorCode.INTERNAL),
    ],
)
def test_json_rpc_errors(error: object, code: ErrorCode) -> None:
    raised = Server(tool=lambda _, message: rpc(message, error=error)).error()
    assert raised.code is code
    assert raised.upstream_status == (200 if code is ErrorCode.BAD_RESPONSE else None)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"<html>hello</html>", "text/html"),
        (b'{"jsonrpc": "2.0", "id"', "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b"7", "application/json"),
        ({"jsonrpc": "2.0", "id": True, "result": FOUND}, "application/json"),
        ({"jsonrpc": "2.0", "id": 99, "result": FOUND}, "application/json"),
        ({"jsonrpc": "2.0", "id": "ID"}, "application/json"),
        ({"jsonrpc": "2.0", "id": "ID", "result": None}, "application/json"),
        ({"jsonrpc": "2.0", "id": "ID", "result": [FOUND]}, "application/json"),
        ({"jsonrpc": "2.0", "id": "ID", "error": None}, "application/json"),
        (b"", "text/event-stream"),
        (b": only a comment\n\n", "text/event-stream"),
        (b'data: {"jsonrpc": "2.0", "method": "notifications/message"}\n\n', "text/event-stream"),
        (b'data: {"jsonrpc": "2.0", "id": 2, "res', "text/event-stream"),
        (b"data: nonsense\n\n", "text/event-stream"),
        (b"event: ping\ndata: {}\n\n", "text/event-stream"),
        (b"\xff\xfe\x00", "text/event-stream"),
        (b"{}", "text/event-stream"),
    ],
)
def test_replies_that_hold_no_response(body: object, content_type: str) -> None:
    server = Server(tool=replying(200, body, content_type))
    assert type(server.error()) is BadResponse
    assert server.seen == [*HANDSHAKE, CALL]
    assert type(Server(initialize=replying(200, body, content_type)).error()) is BadResponse


@pytest.mark.parametrize("status", [202, 204])
def test_empty_success_is_no_response(status: int) -> None:
    assert type(Server(tool=replying(status)).error()) is BadResponse


def test_error_that_names_no_request() -> None:
    for error_id in (None, "server-error", 99):
        body = {"jsonrpc": "2.0", "id": error_id, "error": {"code": -32601, "message": "no such method"}}
        assert type(Server(tool=replying(200, body)).error()) is Unsupported


RESPONSE = json.dumps({"jsonrpc": "2.0", "id": "ID", "result": FOUND})
NOTIFICATION = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "hello"}})
REQUEST = json.dumps({"jsonrpc": "2.0", "id": "ID", "method": "sampling/createMessage", "params": {}})


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (f"event: message\ndata: {RESPONSE}\n\n", "text/event-stream"),
        (f"data:{RESPONSE}\n\n", "text/event-stream; charset=utf-8"),
        (f"\ufeffid: 1\ndata:\n\ndata: {NOTIFICATION}\n\ndata: {REQUEST}\n\ndata: {RESPONSE}\n\n", "text/event-stream"),
        (f": ping\r\n\r\nretry: 5\r\ndata: {RESPONSE}\r\n\r\n", "Text/Event-Stream"),
        (f"data: {RESPONSE}\r\r", "text/event-stream"),
        (f"data: {RESPONSE}", "text/event-stream"),
        ("".join(f"data: {line}\n" for line in RESPONSE.replace(", ", ",\n").split("\n")) + "\n", "text/event-stream"),
        (f"event: ping\ndata: nonsense\n\ndata: {RESPONSE}\n\n", "text/event-stream"),
        (f"[{NOTIFICATION}, 7, {RESPONSE}]", "application/json"),
        (RESPONSE, "text/plain"),
        (RESPONSE.replace('"ID"', '"\\u0032"'), "application/json"),
    ],
    ids=range(11),
)
def test_replies_that_hold_the_response(body: str, content_type: str) -> None:
    assert Server(tool=replying(200, body, content_type)).call() == ToolResult({"run_id": "3f6b"}, "{}", False)


def text(value: object) -> dict[str, object]:
    return {"type": "text", "text": value}


IMAGE = {"type": "image", "data": "", "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"content": [text('{"a": 1}')]}, ToolResult({"a": 1}, '{"a": 1}', False)),
        ({"content": [IMAGE, text("A run:"), text('{"a": 1}')]}, ToolResult({"a": 1}, "A run:", False)),
        ({"content": [text("[1]"), text("7"), text('{"cut')]}, ToolResult(None, "[1]", False)),
        ({"content": [text("no"), text("more")], "isError": True}, ToolResult(None, "no", True)),
        ({"content": [text("t")], "structuredContent": {"a": 1}}, ToolResult({"a": 1}, "t", False)),
        ({"content": [text('{"a": 1}')], "structuredContent": [1]}, ToolResult({"a": 1}, '{"a": 1}', False)),
        ({"content": [text('{"a": 1}')], "structuredContent": None}, ToolResult({"a": 1}, '{"a": 1}', False)),
        ({"content": [text(7), "x", None, {"type": "text"}, text("")]}, ToolResult(None, None, False)),
        ({"content": {"type": "text"}, "isError": "true"}, ToolResult(None, None, False)),
        ({}, ToolResult(None, None, False)),
    ],
)
def test_tool_results(result: object, expected: ToolResult) -> None:
    assert Server(tool=lambda _, message: rpc(message, result)).call() == expected


def test_no_answer_in_time() -> None:
    class Hanging(Server):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if b"tools/call" in request.content:
                await asyncio.Event().wait()
            return await super().handle_async_request(request)

    assert type(Hanging().error(timeout_ms=20)) is TimedOut


def test_answer_that_is_too_large() -> None:
    result = {"content": [text("x" * 5000)]}
    assert type(Server(tool=lambda _, message: rpc(message, result)).error(max_response_bytes=4096)) is BadResponse


@given(st.text(alphabet='data: \nevmsgpid\r\ufeff{}[]"1,é'))
def test_event_streams_of_any_text(stream: str) -> None:
    assert all(data for data in sse_messages(stream))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("jsonrpc", "id", "result", "error", "code", "message", "content", "text", "isError")),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@tries(100)
def test_replies_of_any_shape(body: object) -> None:
    """A result or an AdapterError, whatever the server says."""
    with suppress(AdapterError):
        assert isinstance(Server(tool=replying(200, body)).call(), ToolResult)
    for status in (400, 404, 500):
        reading = read_error(ErrorReply(status, {}, json.dumps(body).encode()))
        assert reading.code is None or status == 400


def test_unknown_error_is_the_fallback() -> None:
    assert type(Server(tool=lambda _, message: rpc(message, error={})).error()) is UnknownError

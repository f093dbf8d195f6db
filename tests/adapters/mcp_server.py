"""A scripted MCP server, as a transport."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.auth import Bearer
from adapters.errors import AdapterError
from adapters.mcp import McpClient, ToolResult, read_error
from adapters.settings import TokenSettings
from adapters.upstream import UpstreamClient
from tests.support import run

URL = "https://mcp.example/mcp"
TOKEN = "btk_secret-token"
FOUND = {"content": [{"type": "text", "text": "{}"}], "structuredContent": {"run_id": "3f6b"}, "isError": False}

Answer = Callable[[httpx.Request, Any], httpx.Response]
"""The answer to a request and the JSON-RPC message in it."""


def rpc(message: Any, result: object = None, *, error: object = None, **headers: str) -> httpx.Response:
    """A JSON-RPC response to a message."""
    body = {"jsonrpc": "2.0", "id": message["id"], **({"result": result} if error is None else {"error": error})}
    return httpx.Response(200, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def found(_: httpx.Request, message: Any) -> httpx.Response:
    return rpc(message, FOUND)


def replying(status: int = 200, body: object = b"", content_type: str = "application/json", **headers: str) -> Answer:
    """Always the same reply; `body` is bytes, text or JSON. "ID" in it stands for the id of the request."""

    def answer(_: httpx.Request, message: Any) -> httpx.Response:
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        content = text if isinstance(text, bytes) else text.replace('"ID"', str(message.get("id"))).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, content=content, headers={"content-type": content_type, **named})

    return answer


class Server(httpx.AsyncBaseTransport):
    """An MCP server with sessions. Tool calls get `tool`'s answer, the handshake `initialize`'s.

    A call in a session that is not in `sessions` gets `unknown`. `seen` holds each request as "METHOD rpc-method".
    """

    def __init__(self, tool: Answer = found, initialize: Answer | None = None, *, unknown: int = 404) -> None:
        self.tool = tool
        self.initialize = initialize or self._initialize
        self.unknown = unknown
        self.sessions: set[str | None] = set()
        self.seen: list[str] = []
        self.requests: list[httpx.Request] = []
        self.opened = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        message: Any = json.loads(request.content) if request.content else {}
        self.seen.append(f"{request.method} {message.get('method', '')}".strip())
        self.requests.append(request)
        await asyncio.sleep(0)  # lets every caller of a test with several get here before the first is answered
        if request.method == "DELETE":
            return httpx.Response(405)
        match message["method"]:
            case "initialize":
                return self.initialize(request, message)
            case "notifications/initialized":
                return httpx.Response(202)
            case _ if request.headers.get("mcp-session-id") not in self.sessions:
                error = {"code": -32600, "message": "Session not found"}
                return httpx.Response(self.unknown, json={"jsonrpc": "2.0", "id": "server-error", "error": error})
            case _:
                return self.tool(request, message)

    def _initialize(self, _: httpx.Request, message: Any) -> httpx.Response:
        self.opened += 1
        self.sessions = {f"session-{self.opened}"}
        return rpc(message, {"protocolVersion": "2025-06-18"}, mcp_session_id=f"session-{self.opened}")

    def client(self, **more: Any) -> McpClient:
        configured = TokenSettings.model_validate({"adapter": "x", "base_url": URL, "token": TOKEN, **more})
        auth = Bearer(configured.token)
        return McpClient(UpstreamClient("town", configured, auth=auth, read_error=read_error, transport=self))

    def call(self, **more: Any) -> ToolResult:
        return run(self.client(**more).call_tool("get_run", {"run_id": "3f6b"}))

    def error(self, **more: Any) -> AdapterError:
        with pytest.raises(AdapterError) as caught:
            self.call(**more)
        assert TOKEN not in f"{caught.value} {caught.value.raw_code}"
        return caught.value


HANDSHAKE = ["POST initialize", "POST notifications/initialized"]
CALL = "POST tools/call"

"""A simulated Bridge Town: an MCP server over Streamable HTTP, built on the official package."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar, Final, cast

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .auth import Gate, credentials
from .bridgetown_data import NAME, PROJECTS, STATUSES, Document, SimulatedRun
from .bridgetown_runs import RunStore
from .bridgetown_tools import Refused, call, described
from .simulator import Clock, Simulator, system_clock

SESSION_HEADER: Final = "mcp-session-id"


class BridgeTownSimulator(Simulator):
    """Bridge Town's MCP endpoint at `/mcp`, and `/health` without authorization.

    The runs: a history of thirty days before the anchor over four projects, odd ones (`special`, by the name of what
    is odd) and live ones that progress with the clock; each live run has an id of its own and stays ended once it is.
    No public page shows what `list_projects` returns; here it is `{projects: [{project_name}], total_returned}`.

    Replies are single JSON objects and clients get a session, unless a mode says otherwise:
    - "sse": replies are event streams.
    - "notifications-first": event streams in which a log notification comes before the response.
    - "stateless": no sessions; a tool can be called without a handshake.
    - "text-only": tool results have only the JSON text, no `structuredContent`.
    - "wrapped": `structuredContent` is `{"result": {...}}`.
    - "error-envelope": a tool's own errors come as results with `{error, message, hint}` and `isError: false`.
    A session belongs to the transport it was opened on: under another reply or session mode it is unknown (404).
    """

    name: ClassVar[str] = NAME
    prefix: ClassVar[str] = "/mcp"
    known_modes: ClassVar[frozenset[str]] = frozenset(
        {"sse", "stateless", "text-only", "wrapped", "error-envelope", "notifications-first"}
    )

    def __init__(self, *, anchor: datetime | None = None, clock: Clock = system_clock) -> None:
        super().__init__(anchor=anchor, clock=clock)
        self._runs = RunStore(self.anchor, lambda: self.clock())
        self.special: Mapping[str, str] = self._runs.special
        """Id of each odd run, by the name of what is odd about it; see `bridgetown_edges.EDGES`."""
        runs = self._runs.at_anchor()
        self.by_status: Mapping[str, Sequence[str]] = {
            status: tuple(run.id for run in runs if run.document.get("status") == status) for status in STATUSES
        }
        """Ids of the runs with each documented status, newest first, as things stand at the anchor."""
        self.projects: Mapping[str, Sequence[str]] = {
            project: tuple(run.id for run in runs if run.project == project) for project in PROJECTS
        }
        """Ids of each project's runs, newest first, as things stand at the anchor."""
        self._open_sessions: set[str] = set()
        self._expired_sessions: set[str] = set()

    def native_ids(self) -> Sequence[str]:
        return [run.id for run in self._runs.all()]

    def truth(self, run_id: str) -> Document:
        """What `get_run` returns for a full id as of now, whatever the modes; KeyError if there is no such run."""
        return deepcopy(self._existing(run_id).document)

    def row(self, run_id: str) -> Document:
        """What `list_runs` shows of the run as of now; KeyError if there is no such run."""
        return self._existing(run_id).row

    @property
    def tool_calls(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and arguments of each tool call that was recorded, in order."""
        bodies = [_json_object(call.body) for call in self.calls]
        called: list[dict[str, Any]] = [
            body.get("params") or {} for body in bodies if body.get("method") == "tools/call"
        ]
        return [(params["name"], params.get("arguments") or {}) for params in called if "name" in params]

    def expire_sessions(self) -> None:
        """Forget every session: a request that names one of them is answered with 404 from now on."""
        self._expired_sessions |= self._open_sessions
        self._open_sessions.clear()

    def error_body(self, status: int) -> tuple[bytes, str]:
        if status in (401, 403):
            word = "invalid_token" if status == 401 else "insufficient_scope"
            body: Document = {"error": word, "error_description": "Authentication required"}
        elif status == 429:
            body = {"error": "rate_limited", "message": "too many requests", "hint": "slow down"}
        else:
            code, message = _RPC_ERRORS.get(status, (types.INTERNAL_ERROR, "Internal error"))
            body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
        return json.dumps(body).encode(), "application/json"

    def app(self) -> ASGIApp:
        """The base's server, and `POST /_sim/expire-sessions`."""
        app = super().app()

        async def expire(_: Request) -> Response:
            self.expire_sessions()
            return Response(status_code=204)

        route = Route("/_sim/expire-sessions", expire, methods=["POST"])

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == route.path:
                await route.handle(scope, receive, send)
            else:
                await app(scope, receive, send)

        return serve

    def api(self) -> ASGIApp:
        server = Server("Bridge Town", version="1.0", on_list_tools=self._list_tools, on_call_tool=self._call_tool)
        managers = {
            (streams, stateless): StreamableHTTPSessionManager(server, json_response=not streams, stateless=stateless)
            for streams in (False, True)
            for stateless in (False, True)
        }

        @asynccontextmanager
        async def running(_: Starlette) -> AsyncGenerator[None]:
            async with AsyncExitStack() as stack:
                for manager in managers.values():
                    await stack.enter_async_context(manager.run())
                yield

        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "GET":
                refused = JSONResponse({"detail": "Method Not Allowed"}, 405, {"allow": "POST, DELETE"})
                await refused(scope, receive, send)
                return
            streams = not self.modes.isdisjoint({"sse", "notifications-first"})
            manager = managers[streams, "stateless" in self.modes]
            await manager.handle_request(self._without_expired_session(scope), receive, self._watched(send))

        async def health(_: Request) -> Response:
            return JSONResponse({"status": "ok"})

        guard = [Middleware(Gate, refusal=self._unauthorized)]
        routes = [Route("/health", health), Route(self.prefix, _Endpoint(endpoint), middleware=guard)]
        return Starlette(routes=routes, lifespan=running)

    async def _list_tools(
        self, context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=described(structured="text-only" not in self.modes))

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if "notifications-first" in self.modes:
            said = types.LoggingMessageNotificationParams(level="info", data=f"calling {params.name}")
            await context.session.send_notification(types.LoggingMessageNotification(params=said), context.request_id)
        try:
            result = call(self._runs, params.name, params.arguments or {})
        except Refused as refused:
            if "error-envelope" not in self.modes:
                text = types.TextContent(type="text", text=f"Error executing tool {params.name}: {refused}")
                return types.CallToolResult(content=[text], is_error=True)
            result = refused.envelope
        content: list[types.ContentBlock] = [
            types.TextContent(type="text", text=json.dumps(result, indent=2, ensure_ascii=False))
        ]
        if "text-only" in self.modes:
            return types.CallToolResult(content=content, is_error=False)
        structured = {"result": result} if "wrapped" in self.modes else result
        return types.CallToolResult(content=content, structured_content=structured, is_error=False)

    def _existing(self, run_id: str) -> SimulatedRun:
        run = self._runs.exact(run_id)
        if run is None:
            raise KeyError(run_id)
        return run

    def _unauthorized(self, request: Request) -> Response | None:
        if credentials(request.headers, "bearer") == self.token:
            return None
        content, content_type = self.error_body(401)
        return Response(content, 401, {"www-authenticate": 'Bearer error="invalid_token"'}, content_type)

    def _without_expired_session(self, scope: Scope) -> Scope:
        """The request with an expired session's id changed to one the server never issued."""
        if Headers(scope=scope).get(SESSION_HEADER) not in self._expired_sessions:
            return scope
        scope = {**scope, "headers": list(scope["headers"])}
        MutableHeaders(scope=scope)[SESSION_HEADER] = "expired"
        return scope

    def _watched(self, send: Send) -> Send:
        """The same, noting the ids of sessions as they are issued."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                session = Headers(raw=message["headers"]).get(SESSION_HEADER)
                if session is not None:
                    self._open_sessions.add(session)
            await send(message)

        return watched


_RPC_ERRORS: Final = {
    400: (types.INVALID_REQUEST, "Bad Request: Missing session ID"),
    404: (types.INVALID_REQUEST, "Session not found"),
    405: (types.INVALID_REQUEST, "Method Not Allowed"),
    503: (types.INTERNAL_ERROR, "Too many open sessions"),
}


class _Endpoint:
    """An ASGI application as an instance: a route takes a plain function for a request handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _json_object(body: bytes) -> dict[str, Any]:
    """A request's JSON object; an empty one where the body is anything else."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}

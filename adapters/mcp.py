"""MCP Streamable HTTP: the handshake and `tools/call`, over an `UpstreamClient`.

Written against the MCP specification, revision 2025-11-25. The official SDK is not used: it loses HTTP status and
Retry-After of refused calls and lists all tools behind every first call.
"""

import asyncio
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from . import codec, errors
from .budget import CURRENT, UNLIMITED
from .error_body import error_message, error_word
from .model import Json
from .upstream import ErrorReply, Reply, UpstreamClient
from .wire import INT64_MAX

PROTOCOL_VERSION = "2025-11-25"

JSON_RPC_CODES: Mapping[int, errors.ErrorCode] = {
    -32700: errors.ErrorCode.BAD_RESPONSE,
    -32600: errors.ErrorCode.BAD_RESPONSE,
    -32601: errors.ErrorCode.UNSUPPORTED,
    -32602: errors.ErrorCode.INVALID_INPUT,
    -32603: errors.ErrorCode.INTERNAL,
}

_SESSION_GONE = frozenset({400, 404})
"""What a server answers to a session it does not know. 404 is the specification's word; servers that keep sessions in
memory widely say 400 after a restart, and 400 is also the word for a session id that is missing."""
_SESSION_ID = re.compile(r"[!-~]{1,1024}")
_VERSION = re.compile(r"[0-9A-Za-z.-]{1,32}")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered.

    `structured` is its `structuredContent`, else its first text that is a JSON object. `text` is its first text.
    """

    structured: Mapping[str, Json] | None
    text: str | None
    is_error: bool


@dataclass(frozen=True, slots=True)
class _Session:
    id: str | None = field(repr=False)
    protocol_version: str

    @property
    def headers(self) -> dict[str, str]:
        headers = {"mcp-protocol-version": self.protocol_version}
        return headers if self.id is None else {**headers, "mcp-session-id": self.id}


class McpClient:
    """One MCP server. The handshake is made on the first call and again, once per call, when the session is gone.

    Calls that need a handshake at the same time share one, and its failure.
    """

    def __init__(self, upstream: UpstreamClient) -> None:
        self._upstream = upstream
        self._session: _Session | None = None
        self._opening: asyncio.Task[_Session] | None = None
        self._ids = itertools.count(1)

    async def call_tool(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """Call a read-only tool. Raises AdapterError for an HTTP or JSON-RPC error; a tool's own error is a result."""
        params = {"name": name, "arguments": dict(arguments)}
        session = await self._open()
        try:
            _, result = await self._exchange("tools/call", params, session.headers)
        except errors.AdapterError as error:
            if error.upstream_status not in _SESSION_GONE:
                raise
            if self._session is session:
                self._session = None
            session = await self._open()
            _, result = await self._exchange("tools/call", params, session.headers)
        return _tool_result(result)

    async def aclose(self) -> None:
        """End the session at the server, as far as it answers."""
        if self._opening is not None:
            self._opening.cancel()
        session, self._session = self._session, None
        # A server that is left alone just now is not waited for.
        if session is not None and session.id is not None and not self._upstream.gate.wait:
            try:
                await self._upstream.send("DELETE", headers=session.headers)
            except errors.AdapterError:
                return

    async def _open(self) -> _Session:
        if self._session is not None:
            return self._session
        if self._opening is None:
            self._opening = asyncio.create_task(self._initialize())
            self._opening.add_done_callback(self._opened)
        # A caller that goes away must not take the handshake of the others with it.
        return await asyncio.shield(self._opening)

    def _opened(self, opening: asyncio.Task[_Session]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._session = opening.result()

    async def _initialize(self) -> _Session:
        # The session serves everybody: it is on nobody's budget.
        CURRENT.set(UNLIMITED)
        params = {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "rungraph", "version": "1"},
        }
        reply, result = await self._exchange("initialize", params, {})
        session_id = reply.headers.get("mcp-session-id")
        if session_id is not None and not _SESSION_ID.fullmatch(session_id):
            raise self._bad("the session id can't be sent back")
        version = result.get("protocolVersion")
        # Nothing used here differs between the revisions, so that any the server prefers will do.
        if not (isinstance(version, str) and _VERSION.fullmatch(version)):
            version = PROTOCOL_VERSION
        session = _Session(session_id, version)
        await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session.headers)
        return session

    async def _exchange(
        self, method: str, params: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[Reply, dict[str, Json]]:
        """Send one JSON-RPC request; its HTTP reply and the `result` object."""
        request_id = next(self._ids)
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": dict(params)}
        reply = await self._post(message, headers)
        response = self._response(reply, request_id)
        if (error := response.get("error")) is not None:
            raise self._json_rpc_error(error)
        result = response.get("result")
        if not isinstance(result, dict):
            raise self._bad("the reply holds neither a result nor an error")
        return reply, cast("dict[str, Json]", result)

    async def _post(self, message: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        both = {"accept": "application/json, text/event-stream", **headers}
        try:
            # Only tools that read are called, and a handshake may be made twice.
            return await self._upstream.send("POST", json=message, headers=both, idempotent=True)
        except errors.NotFound as error:
            # A 404 from the endpoint itself must not read as "there is no such run".
            raise errors.BadResponse(
                "there is no MCP server at this URL, or no such session",
                provider=error.provider,
                upstream_status=error.upstream_status,
            ) from error

    def _response(self, reply: Reply, request_id: int) -> dict[str, Json]:
        """The JSON-RPC response to `request_id`, from a JSON body or from an event stream with other messages in it.

        An error that names no request, or none of ours, counts where nothing else does.
        """
        if reply.headers.get("content-type", "").lower().startswith("text/event-stream"):
            messages = self._streamed(reply.body)
        else:
            body = reply.json()
            messages = iter(cast("list[Json]", body) if isinstance(body, list) else [body])
        stray: dict[str, Json] | None = None
        for message in messages:
            if not isinstance(message, dict):
                continue
            fields = cast("dict[str, Json]", message)
            if _answers(fields.get("id"), request_id) and ("result" in fields or "error" in fields):
                return fields
            if fields.get("error") is not None:
                stray = fields
        if stray is not None:
            return stray
        raise self._bad("the reply holds no response to the request")

    def _streamed(self, body: bytes) -> Iterator[Json]:
        for data in sse_messages(body.decode("utf-8", errors="replace")):
            try:
                yield codec.loads(data.encode())
            except ValueError as error:
                raise self._bad(f"a message of the event stream is {error}") from None

    def _json_rpc_error(self, error: Json) -> errors.AdapterError:
        number, kind = _json_rpc_code(error)
        return errors.BY_CODE[kind or errors.ErrorCode.UNKNOWN](
            self._upstream.redacted(error_message(error)),
            provider=self._upstream.provider,
            raw_code=None if number is None else str(number),
        )

    def _bad(self, message: str) -> errors.BadResponse:
        return errors.BadResponse(message, provider=self._upstream.provider)


def read_error(reply: ErrorReply) -> errors.ErrorReading:
    """What the body of a refused POST says: a JSON-RPC error, an OAuth error or anything alike.

    The HTTP status decides what it is, except 400, which is the same for many faults of the protocol.
    """
    parsed = reply.json()
    body = cast("dict[str, Json]", parsed) if isinstance(parsed, dict) else {}
    error = body.get("error")
    number, kind = _json_rpc_code(error)
    word = error_word(body, "code") or (error if isinstance(error, str) and " " not in error else None)
    return errors.ErrorReading(
        message=error_message(body),
        raw_code=word if number is None else str(number),
        code=kind if reply.status == 400 else None,
    )


def _json_rpc_code(error: Json) -> tuple[int | None, errors.ErrorCode | None]:
    """The number in a JSON-RPC error, and what it means where the specification says so."""
    number = cast("dict[str, Json]", error).get("code") if isinstance(error, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > INT64_MAX:
        return None, None
    return number, JSON_RPC_CODES.get(number)


def _answers(response_id: Json, request_id: int) -> bool:
    """Whether a response is to our request. Some servers give the id back as text."""
    return not isinstance(response_id, bool) and response_id in (request_id, str(request_id))


def _tool_result(result: Mapping[str, Json]) -> ToolResult:
    content = result.get("content")
    texts = [text for item in cast("list[Json]", content if isinstance(content, list) else []) if (text := _text(item))]
    structured = result.get("structuredContent")
    if not isinstance(structured, dict):
        structured = next(filter(None, map(_json_object, texts)), None)
    return ToolResult(
        cast("dict[str, Json] | None", structured), texts[0] if texts else None, result.get("isError") is True
    )


def _text(item: Json) -> str | None:
    fields = cast("dict[str, Json]", item) if isinstance(item, dict) else {}
    text = fields.get("text")
    return text if fields.get("type") == "text" and isinstance(text, str) else None


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = codec.loads(text.encode())
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def sse_messages(text: str) -> Iterator[str]:
    """The data of each message in an event stream (WHATWG HTML, 9.2.6); an unfinished last event counts too.

    Events of other types and events without data are left out: MCP servers send those to allow a reconnect.
    """
    data: list[str] = []
    event = ""
    for line in [*text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line == "":
            if any(data) and event in ("", "message"):
                yield "\n".join(data)
            data, event = [], ""
            continue
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            event = value.removeprefix(" ")

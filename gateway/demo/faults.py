"""What a simulator can be told to do wrong, and how it does it, as ASGI middleware."""

import asyncio
import json
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args
from urllib.parse import unquote

from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FaultBody = Literal["provider", "html", "empty", "truncated", "invalid", "null", "array", "huge"]
HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
HUGE_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to do wrong to the requests it matches.

    `match`: a part of the path, query or body of the request; "" matches every request.
    `latency_ms`: wait before answering. `status`: answer with this status instead of the real one.
    `retry_after`: value of that header, seconds or an HTTP date.
    `body`: "provider" (the provider's own error format when `status` is set, else the real answer), or one of the
    broken ones. `times`: how many requests it applies to; None is until cleared.
    """

    match: str = ""
    latency_ms: float = 0
    status: int | None = None
    retry_after: str | None = None
    body: FaultBody = "provider"
    times: int | None = None

    def __post_init__(self) -> None:
        if self.body not in get_args(FaultBody):
            raise ValueError(f"body must be one of {', '.join(get_args(FaultBody))}, not {self.body!r}")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status must be between 200 and 599, not {self.status}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it reached a simulator. `path` is decoded, `query` keeps repeated keys in order."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body parsed as JSON; None where there is none."""
        return json.loads(self.body) if self.body else None

    @property
    def target(self) -> str:
        """The path with its query, decoded: what a test compares."""
        return self.path + ("?" + "&".join(f"{key}={value}" for key, value in self.query) if self.query else "")


@dataclass(slots=True)
class Faults:
    """The faults in force, in order; the first that matches a request is used."""

    active: MutableSequence[Fault] = field(default_factory=list[Fault])

    def add(self, fault: Fault) -> None:
        self.active.append(fault)

    def clear(self) -> None:
        self.active.clear()

    def take(self, text: str) -> Fault | None:
        """The fault for a request whose path, query and body are in `text`; counts it down."""
        for position, fault in enumerate(self.active):
            if fault.match in text:
                if fault.times is not None:
                    if fault.times <= 1:
                        del self.active[position]
                    else:
                        self.active[position] = replace(fault, times=fault.times - 1)
                return fault
        return None


class FaultMiddleware:
    """Records each request, then lets it through or does to it what the matching fault says."""

    def __init__(
        self, app: ASGIApp, faults: Faults, calls: list[Call], error_body: Callable[[int], tuple[bytes, str]]
    ) -> None:
        self._app, self._faults, self._calls, self._error_body = app, faults, calls, error_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sim/"):
            await self._app(scope, receive, send)
            return
        body, receive = await _read_body(receive)
        query = QueryParams(scope["query_string"])
        call = Call(scope["method"], scope["path"], tuple(query.multi_items()), dict(Headers(scope=scope)), body)
        self._calls.append(call)
        fault = self._faults.take(f"{call.target} {unquote(body.decode(errors='replace'))}")
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.latency_ms / 1000)
        if fault.status is None and fault.body == "provider":
            await self._app(scope, receive, send)
        elif fault.body == "truncated":
            await self._app(scope, receive, _Truncated(send))
        else:
            await self._answer(fault, send)

    async def _answer(self, fault: Fault, send: Send) -> None:
        status = fault.status or 200
        if fault.body == "provider":
            content, content_type = self._error_body(status)
        else:
            content, content_type = _BROKEN[fault.body]()
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(content)).encode())]
        if fault.retry_after is not None:
            headers.append((b"retry-after", fault.retry_after.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


_BROKEN: dict[FaultBody, Callable[[], tuple[bytes, str]]] = {
    "html": lambda: (HTML, "text/html; charset=utf-8"),
    "empty": lambda: (b"", "application/json"),
    "invalid": lambda: (b'{"id": "x", ', "application/json"),
    "null": lambda: (b"null", "application/json"),
    "array": lambda: (b"[1, 2]", "application/json"),
    "huge": lambda: (b'{"padding": "' + b"x" * HUGE_BYTES + b'"}', "application/json"),
}


class _Truncated:
    """Sends the first half of the real answer, with a content length that fits the half."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        half = self._body[: len(self._body) // 2]
        headers = [(k, v) for k, v in self._start["headers"] if k.lower() not in (b"content-length",)]
        await self._send({**self._start, "headers": [*headers, (b"content-length", str(len(half)).encode())]})
        await self._send({"type": "http.response.body", "body": half})


async def _read_body(receive: Receive) -> tuple[bytes, Receive]:
    """The whole request body, and a `receive` that gives it again and then whatever follows (a disconnect)."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = b"".join(chunks)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again

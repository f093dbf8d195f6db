"""The one place where it is settled who may pass: before any route."""

import math
from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.errors import ErrorCode
from gateway import accept
from gateway.context import request_id_for
from gateway.errors import refused

from .access import leave
from .desk import Desk
from .refusals import Refused


class Guard:
    """ASGI middleware. A route is closed unless `is_open` says that it gives no data, also one that is added later.

    A WebSocket is let through without an `Access`: its first message says who calls, and its handler asks the desk.
    """

    def __init__(self, app: ASGIApp, desk: Desk, is_open: Callable[[Scope], bool]) -> None:
        self._app = app
        self._desk = desk
        self._is_open = is_open
        self._names = frozenset(name.encode("ascii") for name in desk.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope):
            await self._app(scope, receive, send)
            return
        try:
            access = await self._desk.admit(read_headers(scope["headers"], self._names))
        except Refused as refusal:
            await answer(Request(scope), refusal)(scope, receive, send)
            return
        try:
            leave(scope, access)
            await self._app(scope, receive, send)
        finally:
            self._desk.dismiss(access)


def read_headers(sent: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> dict[str, str]:
    """The values of some headers of an ASGI scope. Of one that comes twice they are joined, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw_name, value in sent:
        if raw_name in names:
            name = raw_name.decode("ascii")
            text = value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def answer(request: Request, refusal: Refused) -> Response:
    """A refusal in the form of GraphQL errors."""
    request_id = request_id_for(request.headers.get("x-request-id", ""))
    retryable = refusal.code in (ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE)
    retry_after_ms: int | None = None
    headers = {"x-request-id": request_id, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    if refusal.challenge is not None:
        headers["www-authenticate"] = refusal.challenge
    if refusal.retry_after is not None:
        headers["retry-after"] = str(math.ceil(refusal.retry_after))
        retry_after_ms = math.ceil(refusal.retry_after * 1000)
    body = refused(str(refusal), refusal.code, request_id, retryable=retryable, retry_after_ms=retry_after_ms)
    media_type = accept.answer_type(",".join(request.headers.getlist("accept"))) or accept.JSON
    return Response(body, refusal.status, headers, f"{media_type}; charset=utf-8")

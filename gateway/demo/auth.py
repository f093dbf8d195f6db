"""Who may call a simulated API."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


def credentials(headers: Headers, scheme: str) -> str | None:
    """What follows the scheme in the Authorization header; None when there is none or it has another scheme."""
    sent, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if sent.lower() == scheme else None


class Gate:
    """ASGI middleware: answers with what `refusal` returns, or lets the request through when that is None."""

    def __init__(self, app: ASGIApp, refusal: Callable[[Request], Response | None]) -> None:
        self._app, self._refusal = app, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)

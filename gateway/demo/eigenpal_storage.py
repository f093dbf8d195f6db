"""Where the simulated Eigenpal keeps large artifacts: download URLs that are signed and expire."""

import hashlib
from datetime import timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .content import served
from .faults import Call, FaultMiddleware, Faults
from .simulator import Clock

VALID_FOR: Final = timedelta(minutes=5)
_ERROR: Final = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"


class Storage:
    """Answers `/storage/{key}?expires=...&signature=...`, without any authorization of its own.

    It is part of the provider's server, and a server of its own: `app`, which refuses a request that brings an
    Authorization header beside the signature, as object stores do. `faults` and `calls` are those of `app`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, str]] = {}
        self.faults = Faults()
        self.calls: list[Call] = []

    def app(self) -> ASGIApp:
        """The server of its own."""
        routes = [Route("/storage/{key}", self._download_alone)]
        return FaultMiddleware(Starlette(routes=routes), self.faults, self.calls, _fault_body)

    def reset(self) -> None:
        """Forget faults and recorded calls."""
        self.faults.clear()
        self.calls.clear()

    def url(self, root: str, name: str, content: bytes, content_type: str) -> str:
        """A URL below `root` that gives the content until it expires."""
        key = hashlib.sha256(name.encode() + content).hexdigest()[:24]
        self._objects[key] = (content, content_type)
        expires = int((self._clock() + VALID_FOR).timestamp())
        return f"{root}storage/{key}?expires={expires}&signature={_signature(key, str(expires))}"

    async def download(self, request: Request) -> Response:
        """The content; 403 with an XML body where the URL has expired or been changed, as object stores answer."""
        key, expires = request.path_params["key"], request.query_params.get("expires", "")
        if request.query_params.get("signature") != _signature(key, expires) or key not in self._objects:
            return _refusal(403, "AccessDenied", "Access Denied")
        if int(expires) < self._clock().timestamp():
            return _refusal(403, "AccessDenied", "Request has expired")
        return served(request, *self._objects[key])

    async def _download_alone(self, request: Request) -> Response:
        if "authorization" in request.headers:
            return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        return await self.download(request)


def _refusal(status: int, code: str, message: str) -> Response:
    return Response(_ERROR.format(code, message), status, media_type="application/xml")


def _fault_body(status: int) -> tuple[bytes, str]:
    return _ERROR.format("InternalError" if status >= 500 else "AccessDenied", status).encode(), "application/xml"


def _signature(key: str, expires: str) -> str:
    return hashlib.sha256(f"{key}/{expires}".encode()).hexdigest()[:32]

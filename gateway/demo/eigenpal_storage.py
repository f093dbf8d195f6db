"""Where the simulated Eigenpal keeps large artifacts: download URLs that are signed and expire."""

import hashlib
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from .simulator import Clock

VALID_FOR: Final = timedelta(minutes=5)
_EXPIRED: Final = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


class Storage:
    """Answers `/storage/{key}?expires=...&signature=...`, without any authorization of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, str]] = {}

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
            return Response(
                _EXPIRED.replace(b"Request has expired", b"Access Denied"), 403, media_type="application/xml"
            )
        if int(expires) < self._clock().timestamp():
            return Response(_EXPIRED, 403, media_type="application/xml")
        content, content_type = self._objects[key]
        return Response(content, media_type=content_type)


def _signature(key: str, expires: str) -> str:
    return hashlib.sha256(f"{key}/{expires}".encode()).hexdigest()[:32]

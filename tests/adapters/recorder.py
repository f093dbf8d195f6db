"""A transport that answers every request alike and remembers it."""

from collections.abc import Callable
from typing import Any

import httpx

from adapters.testing.fixtures import to_bytes

Reply = Callable[[httpx.Request], httpx.Response]


class Recorder(httpx.AsyncBaseTransport):
    """Answers with `reply`, or with its JSON where it is no function. `targets` are "METHOD /path?query" as sent."""

    def __init__(self, reply: Reply | object, status: int = 200) -> None:
        self._reply = reply
        self._status = status
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if callable(self._reply):
            reply: Any = self._reply(request)
            return reply
        return httpx.Response(self._status, content=to_bytes(self._reply), headers={"content-type": "application/json"})

    @property
    def targets(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

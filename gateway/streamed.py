"""Answers that are sent while they are made."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from adapters.budget import CURRENT, UNLIMITED, Budget


class Streamed(StreamingResponse):
    """Ends what it streams, also where the client goes away in the middle. The calls for it are on `budget`."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        status: int,
        headers: Mapping[str, str],
        media: str,
        budget: Budget = UNLIMITED,
    ) -> None:
        super().__init__(pieces, status, headers, media)
        self._pieces = pieces
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = CURRENT.set(self._budget)
        try:
            async with aclosing(self._pieces):
                await super().__call__(scope, receive, send)
        finally:
            CURRENT.reset(token)

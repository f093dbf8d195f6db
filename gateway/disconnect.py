"""Ends the work for a client that is gone."""

import asyncio

from starlette.types import Receive

WATCH_AFTER = 0.05
"""Seconds. Requests that are answered sooner, which is most of them, pay for a timer only."""


class ClientWatch:
    """Cancels the current task when the client of its request goes away. The body must have been read.

    `stop` ends the watch; nothing else may call `receive` before.
    """

    __slots__ = ("_is_gone", "_receive", "_task", "_timer", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._is_gone = False
        self._watching: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._start)

    def caught(self) -> bool:
        """Whether the cancellation that the task sees comes from here alone; it is taken back then."""
        return self._is_gone and self._task is not None and self._task.uncancel() == 0

    async def stop(self) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    def _start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()

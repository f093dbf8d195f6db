"""Ends the work for a client that is gone."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Receive

WATCH_AFTER = 0.05
"""Seconds. Requests that are answered sooner, which is most of them, pay for a timer only."""


Worker = asyncio.Task[Any] | None


def _by_nobody(_worker: Worker) -> bool:
    return False


class ClientWatch:
    """Cancels the current task when the client of its request goes away. The body must have been read.

    A task whose work others wait for goes on as long as they do: `is_needed` says so. `stop` ends the watch; nothing
    else may call `receive` before.
    """

    __slots__ = ("_is_gone", "_is_needed", "_receive", "_task", "_timer", "_watching")

    def __init__(self, receive: Receive, is_needed: Callable[[Worker], bool] = _by_nobody) -> None:
        self._receive = receive
        self._is_needed = is_needed
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
        while self._is_needed(self._task):  # noqa: ASYNC110 - it is rare, and so costs nothing where it is not
            await asyncio.sleep(WATCH_AFTER)
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()

"""The same work asked for by several at a time: done by the first, and given to all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Work(Generic[V]):
    """`result` is None where it serves nobody but the worker. `waiting`: how many others there are."""

    worker: asyncio.Task[Any] | None
    result: asyncio.Future[V | None]
    waiting: int = 0


class Shared(Generic[K, V]):
    """Work under way by key. `serves` says whether a result is good for others than who did the work.

    The first one does the work as if there were no others. Where nothing comes of it that serves them, because it
    failed or the first one left, each of the others does the work after all.
    """

    def __init__(self, serves: Callable[[V], bool]) -> None:
        self._serves = serves
        self._under_way: dict[K, _Work[V]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def is_needed(self, key: K | None, worker: asyncio.Task[Any] | None) -> bool:
        """Whether others wait for what this task does for the key."""
        work = None if key is None else self._under_way.get(key)
        return work is not None and work.worker is worker and work.waiting > 0

    async def get(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """The result of the work that is under way for the key, or of `work`."""
        under_way = self._under_way.get(key)
        if under_way is not None:
            under_way.waiting += 1
            try:
                # One who leaves must not take the result from the others.
                result = await asyncio.shield(under_way.result)
            finally:
                under_way.waiting -= 1
            return await work() if result is None else result
        own = self._under_way[key] = _Work[V](asyncio.current_task(), asyncio.get_running_loop().create_future())
        result = None
        try:
            result = await work()
            return result
        finally:
            del self._under_way[key]
            own.result.set_result(result if result is not None and self._serves(result) else None)

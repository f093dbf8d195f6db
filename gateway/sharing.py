"""The same work asked for by several at a time: done by the first, and given to all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shared(Generic[K, V]):
    """Work under way by key. `serves` says whether a result is good for others than who did the work.

    The first one does the work as if there were no others. Where nothing comes of it that serves them, because it
    failed or the first one left, each of the others does the work after all.
    """

    def __init__(self, serves: Callable[[V], bool]) -> None:
        self._serves = serves
        self._under_way: dict[K, asyncio.Future[V | None]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def get(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """The result of the work that is under way for the key, or of `work`."""
        under_way = self._under_way.get(key)
        if under_way is not None:
            # One who leaves must not take the result from the others.
            result = await asyncio.shield(under_way)
            return await work() if result is None else result
        own = self._under_way[key] = asyncio.get_running_loop().create_future()
        result = None
        try:
            result = await work()
            return result
        finally:
            del self._under_way[key]
            own.set_result(result if result is not None and self._serves(result) else None)

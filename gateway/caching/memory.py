"""aiocache's memory backend, bounded."""

from collections.abc import Callable, Sequence
from time import time
from typing import Any, Literal

from aiocache import SimpleMemoryCache

from .bounded import BoundedMap


def _weightless(_value: Any) -> int:
    return 0


class BoundedMemoryCache(SimpleMemoryCache):
    """aiocache's memory backend with bounds: what is over, then what was used longest ago, makes room for new entries.

    `timer` gives seconds; lives are counted by it. `size_of` gives the bytes of a value, which `max_bytes` bounds.
    """

    def __init__(
        self,
        max_entries: int,
        timer: Callable[[], float] = time,
        *,
        max_bytes: float = float("inf"),
        size_of: Callable[[Any], int] = _weightless,
    ) -> None:
        # The default timeout would wrap every read in a task of its own.
        super().__init__(timeout=None)  # pyright: ignore[reportUnknownMemberType]
        self.entries: BoundedMap[Any, Any] = BoundedMap(max_entries, max_bytes, timer)
        self._timer = timer
        self._size_of = size_of

    async def _get(self, key: Any, encoding: str | None = "utf-8", _conn: Any = None) -> Any:
        return self.entries.get(key)

    async def _multi_get(self, keys: Sequence[Any], encoding: str | None = "utf-8", _conn: Any = None) -> list[Any]:
        return [self.entries.get(key) for key in keys]

    async def _set(
        self, key: Any, value: Any, ttl: float | None = None, _cas_token: Any = None, _conn: Any = None
    ) -> Literal[True]:
        expires_at = float("inf") if ttl is None else self._timer() + ttl
        self.entries.put(key, value, expires_at=expires_at, size=self._size_of(value))
        return True

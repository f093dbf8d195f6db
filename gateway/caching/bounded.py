"""A map in memory with two bounds, entries and bytes, whose entries end."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Kept(NamedTuple, Generic[V]):
    value: V
    expires_at: float
    size: int
    number: int


class BoundedMap(Generic[K, V]):
    """Entries whose time is over make room first, then those used longest ago.

    `clock` gives seconds; entries expire by it. Sizes are what the caller says, in bytes. An entry that is larger than
    the whole map may be is not kept.
    """

    def __init__(self, max_entries: int, max_bytes: float, clock: Callable[[], float]) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._expiring: list[tuple[float, int, K]] = []
        self._numbers = count()
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.expires_at <= self._clock():
            self.remove(key)
            return None
        self._kept.move_to_end(key)
        return kept.value

    def put(self, key: K, value: V, *, expires_at: float, size: int) -> None:
        self.remove(key)
        if size > self._max_bytes or not self._max_entries or expires_at <= self._clock():
            return
        number = next(self._numbers)
        self._kept[key] = _Kept(value, expires_at, size, number)
        self.bytes += size
        heapq.heappush(self._expiring, (expires_at, number, key))
        if self._is_over():
            self._make_room()
        elif len(self._expiring) > 2 * len(self._kept) + 64:
            # Replaced entries leave their expiry behind.
            self._expiring = [(kept.expires_at, kept.number, key) for key, kept in self._kept.items()]
            heapq.heapify(self._expiring)

    def remove(self, key: K) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.bytes -= kept.size

    def _is_over(self) -> bool:
        return len(self._kept) > self._max_entries or self.bytes > self._max_bytes

    def _make_room(self) -> None:
        now = self._clock()
        while self._expiring and self._expiring[0][0] <= now:
            _, number, key = heapq.heappop(self._expiring)
            kept = self._kept.get(key)
            if kept is not None and kept.number == number:
                self.remove(key)
        while self._is_over():
            self.remove(next(iter(self._kept)))
            self.evictions += 1

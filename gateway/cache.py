"""Runs that were looked up lately: in this process's memory, and on a server where replicas share one."""

from collections.abc import Iterable, Mapping, Sequence
from time import time
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from adapters.errors import NotFound
from adapters.model import Part, RunRecord

from .caching.bounded import BoundedMap
from .caching.codec import EntryCodec
from .caching.counts import Counts
from .caching.entry import Clock, Entry
from .caching.keys import Keys
from .caching.lives import Lives
from .caching.memory import BoundedMemoryCache
from .caching.shared import NO_LOCK, SharedRuns, Turn, Wants
from .settings import CacheSettings

RECHECK = 5.0
"""Seconds for which this process's copy of what replicas share is used without looking there again."""

Looked = RunRecord | Exception
"""What came of looking up a run."""


class _Copy(NamedTuple):
    """What this process knows of a run, and until when without looking whether another replica knows more."""

    entry: Entry
    recheck_at: float

    def is_enough(self, parts: frozenset[Part], now: float) -> bool:
        if now >= self.recheck_at:
            return False
        fresh = self.entry.fresh(now)
        return fresh is not None and fresh.holds(parts)


class _Memory(Protocol):
    """The part of aiocache's interface that is used here."""

    entries: BoundedMap[tuple[str, str], _Copy]

    async def set(self, key: Any, value: Any, ttl: float) -> Any: ...


class RunCache:
    """What is known of runs, by source and native id. Records are frozen, so that handing out the same one is safe.

    A source is a provider seen with one credential (`caching.keys`): nothing is ever found from another one.
    Times are seconds of `clock`.
    """

    def __init__(
        self,
        settings: CacheSettings,
        clock: Clock = time,
        *,
        shared: SharedRuns | None = None,
        counts: Counts | None = None,
    ) -> None:
        self.clock = clock
        self.counts = counts or Counts()
        self._lives = Lives(settings)
        self._shared = shared
        self._memory: _Memory = BoundedMemoryCache(
            settings.max_runs, clock, max_bytes=settings.max_bytes, size_of=lambda copy: copy.entry.size
        )

    @classmethod
    def in_memory(cls, settings: CacheSettings, timer: Clock = time) -> "RunCache":
        """A cache of this process alone."""
        return cls(settings, timer)

    @classmethod
    def open(
        cls, settings: CacheSettings, keys: Keys, record_types: Iterable[type[RunRecord]], clock: Clock = time
    ) -> "RunCache":
        """The cache that is configured; nothing is connected yet. `record_types` are the records to share."""
        counts = Counts()
        if settings.url is None:
            return cls(settings, clock, counts=counts)
        # The client is an extra: without a server nothing needs it.
        from .caching.redis_server import SharedServer

        server = SharedServer(
            settings.url.get_secret_value(),
            timeout=settings.url_timeout_ms / 1000,
            lease=settings.lock_ttl,
            counts=counts,
        )
        codec = EntryCodec(record_types, keys.derive("values"))
        shared = SharedRuns(server, codec, clock, counts, patience=settings.lock_ttl)
        return cls(settings, clock, shared=shared, counts=counts)

    async def find(self, source: str, wants: Wants) -> dict[str, Entry]:
        """What is known of some runs. An entry may be over (see `Entry.fresh`), or lack parts that are wanted."""
        found: dict[str, Entry] = {}
        doubtful: list[str] = []
        now = self.clock()
        for native_id, parts in wants.items():
            # aiocache's own way to a value that is in memory costs more than all else here.
            copy = self._memory.entries.get((source, native_id))
            if copy is not None:
                found[native_id] = copy.entry
            if self._shared is not None and (copy is None or not copy.is_enough(parts, now)):
                doubtful.append(native_id)
        if doubtful and self._shared is not None:
            await self._look_again(self._shared, source, doubtful, found)
        return found

    async def keep(
        self, source: str, looked: Mapping[str, Looked], known: Mapping[str, Entry], turn: Turn | None = None
    ) -> dict[str, Entry | Exception]:
        """Entries of what was looked up, joined with what was known; errors as they are.

        What may be kept is kept for as long as its status allows, without the parts that failed.
        """
        now = self.clock()
        results: dict[str, Entry | Exception] = {}
        kept: dict[str, Entry] = {}
        for asked, outcome in looked.items():
            if not isinstance(outcome, (RunRecord, NotFound)):
                results[asked] = outcome
                continue
            # A run may answer to several forms of its id; it is kept under its own.
            native_id = outcome.native_id if isinstance(outcome, RunRecord) else asked
            entry = self._lives.entry(outcome, now)
            latest = self._memory.entries.get((source, native_id))
            for older in (known.get(asked), None if latest is None else latest.entry):
                entry = entry if older is None else entry.joined(older, now)
            results[asked] = entry
            if entry.life.usable_until > now:
                kept[native_id] = entry.without_errors()
        await self._remember(source, kept)
        if self._shared is not None:
            await self._shared.write(source, kept, NO_LOCK if turn is None else turn.lock)
        return results

    async def take_turn(self, source: str, wants: Wants) -> Turn:
        """Settle which replica looks these up, unless they came meanwhile. Ends with `keep` or `give_up`."""
        now = self.clock()
        found: dict[str, Entry] = {}
        for native_id, parts in wants.items():
            copy = self._memory.entries.get((source, native_id))
            if copy is not None and copy.is_enough(parts, now):
                found[native_id] = copy.entry
        ours = {native_id: parts for native_id, parts in wants.items() if native_id not in found} if found else wants
        if self._shared is None or not ours:
            return Turn(ours, found=found)
        turn = await self._shared.take_turn(source, ours)
        return replace(turn, found={**found, **turn.found})

    async def wait(self, source: str, wants: Wants) -> dict[str, Entry]:
        """What another replica is looking up, as far as it comes in time."""
        if self._shared is None:
            return {}
        found = await self._shared.wait(source, wants)
        await self._remember(source, found)
        return found

    def give_up(self, turn: Turn) -> None:
        if self._shared is not None:
            self._shared.let_go(turn.lock)

    async def is_reachable(self) -> bool:
        """Whether the server that replicas share answers, where there is to be one."""
        return self._shared is None or await self._shared.is_reachable()

    async def close(self) -> None:
        """Release connections."""
        if self._shared is not None:
            await self._shared.close()

    async def _look_again(
        self, shared: SharedRuns, source: str, native_ids: Sequence[str], found: dict[str, Entry]
    ) -> None:
        entries = await shared.read(source, native_ids)
        if entries is None:
            # What this process knows still holds.
            return
        now = self.clock()
        for native_id in native_ids:
            # Gone there is gone here; but what can only stand in for a run harms nobody.
            if native_id in found and found[native_id].fresh(now) is not None:
                del found[native_id]
        found |= entries
        await self._remember(source, entries)

    async def _remember(self, source: str, entries: Mapping[str, Entry]) -> None:
        now = self.clock()
        recheck_at = float("inf") if self._shared is None else now + RECHECK
        for native_id, entry in entries.items():
            await self._memory.set((source, native_id), _Copy(entry, recheck_at), ttl=entry.life.usable_until - now)

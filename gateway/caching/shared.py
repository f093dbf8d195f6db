"""Runs on a server that replicas share, and taking turns at looking them up."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from adapters.model import Part

from .codec import EntryCodec
from .counts import Counts
from .entry import Clock, Entry

if TYPE_CHECKING:
    from .redis_server import SharedServer

FIRST_POLL, LONGEST_POLL = 0.005, 0.05
"""Seconds between two looks at what another replica is fetching."""

MAX_VALUE_BYTES = 512 * 1024
"""Larger runs stay in each process: moving them takes so long that the server would seem to be down."""

Wants = Mapping[str, frozenset[Part]]
"""Native id -> the parts wanted of it."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Locks that this process holds until it lets go, or their lease is over. `won` are their names."""

    won: Sequence[str] = ()
    token: bytes = field(default_factory=lambda: secrets.token_bytes(16))


NO_LOCK = Lock()


class Turn(Struct, frozen=True):
    """Who looks up what: `ours` is this process's to fetch, `theirs` another replica is fetching just now.

    `found` has what was stored since it was last looked for.
    """

    ours: Wants
    theirs: Wants = {}
    found: Mapping[str, Entry] = {}
    lock: Lock = NO_LOCK


class SharedRuns:
    """Entries by the source they were looked up at and their native id."""

    def __init__(
        self, server: "SharedServer", codec: EntryCodec, clock: Clock, counts: Counts, *, patience: float
    ) -> None:
        """`patience`: how many seconds another replica's look-up is waited for."""
        self._server = server
        self._codec = codec
        self._clock = clock
        self._counts = counts
        self._patience = patience

    async def read(self, source: str, native_ids: Sequence[str]) -> dict[str, Entry] | None:
        """The entries that are there; None where the server can't be asked."""
        places = [_place(source, native_id) for native_id in native_ids]
        values = await self._server.read(places)
        if values is None:
            return None
        found = {
            native_id: entry
            for native_id, place, value in zip(native_ids, places, values, strict=True)
            if (entry := self._decode(place, value)) is not None
        }
        self._counts.shared_hits += len(found)
        self._counts.shared_misses += len(native_ids) - len(found)
        return found

    async def write(self, source: str, entries: Mapping[str, Entry], lock: Lock) -> None:
        """Store entries for as long as they may be of use, and let go of what was locked for them."""
        now = self._clock()
        values: list[tuple[str, bytes, float]] = []
        for native_id, entry in entries.items():
            place = _place(source, native_id)
            data = self._codec.encode(place, entry)
            if data is not None and len(data) <= MAX_VALUE_BYTES:
                values.append((place, data, entry.life.usable_until - now))
        await self._server.write(values, lock)

    async def take_turn(self, source: str, wants: Wants) -> Turn:
        """Lock what nobody is fetching."""
        names = [_lock_name(source, native_id, parts) for native_id, parts in wants.items()]
        places = [_place(source, native_id) for native_id in wants]
        lock, values = await self._server.lock(names, places)
        won = frozenset(lock.won)
        turn: tuple[dict[str, frozenset[Part]], ...] = ({}, {})
        found: dict[str, Entry] = {}
        for (native_id, parts), name, place, value in zip(wants.items(), names, places, values, strict=True):
            entry = self._enough(place, value, parts)
            if entry is not None:
                found[native_id] = entry
            else:
                turn[name not in won][native_id] = parts
        return Turn(*turn, found, lock)

    async def wait(self, source: str, wants: Wants) -> dict[str, Entry]:
        """What another replica is fetching, as far as it comes in time."""
        self._counts.shared_waits += len(wants)
        found: dict[str, Entry] = {}
        pending = dict(wants)
        pause = FIRST_POLL
        end = monotonic() + self._patience
        while True:
            names = [_lock_name(source, native_id, parts) for native_id, parts in pending.items()]
            places = [_place(source, native_id) for native_id in pending]
            watched = await self._server.watch(names, places)
            if watched is None:
                return found
            for (native_id, parts), place, (is_held, value) in zip(list(pending.items()), places, watched, strict=True):
                entry = self._enough(place, value, parts)
                if entry is not None:
                    found[native_id] = entry
                if entry is not None or not is_held:
                    del pending[native_id]
            if not pending or monotonic() >= end:
                return found
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL)

    def let_go(self, lock: Lock) -> None:
        """Give up the turn: the work was cancelled."""
        if lock.won:
            self._server.let_go(lock)

    async def is_reachable(self) -> bool:
        return await self._server.is_reachable()

    async def close(self) -> None:
        await self._server.close()

    def _enough(self, place: str, value: bytes | None, parts: frozenset[Part]) -> Entry | None:
        entry = self._decode(place, value)
        fresh = None if entry is None else entry.fresh(self._clock())
        return fresh if fresh is not None and fresh.holds(parts) else None

    def _decode(self, place: str, value: bytes | None) -> Entry | None:
        if value is None:
            return None
        entry = self._codec.decode(place, value)
        if entry is None:
            self._counts.shared_unreadable += 1
        return entry


def _place(source: str, native_id: str) -> str:
    return f"{source}:{quote(native_id, safe='/-._~', errors='surrogatepass')}"


def _lock_name(source: str, native_id: str, parts: Iterable[Part]) -> str:
    """One for each combination of parts: who fetches less must not keep others from fetching more."""
    return f"{_place(source, native_id)}:{','.join(sorted(part.value for part in parts))}"

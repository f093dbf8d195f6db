"""Loads runs: cache, then single flight, then the adapter, in the fewest upstream calls."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from adapters.budget import CURRENT
from adapters.contract import Page, RunQuery
from adapters.errors import (
    AdapterError,
    NotFound,
    RateLimited,
    TimedOut,
    Unavailable,
    Unsupported,
    UpstreamInternal,
)
from adapters.model import Part, RunRecord

from .cache import Looked, RunCache
from .caching.entry import Entry
from .caching.shared import Wants
from .flight import Flights
from .freshness import Freshness, StaleRun
from .providers import Provider

Outcome = RunRecord | Exception
"""A run, or why there is none: an AdapterError, or whatever else an adapter raised by mistake."""

Look = Callable[[Wants], Awaitable[Mapping[str, Looked]]]
"""Looks up runs at a provider; has an outcome for each, and never raises."""

PASSING = (Unavailable, TimedOut, RateLimited, UpstreamInternal)
"""Errors that say nothing about the run, and pass: what was known of it may stand in."""

NOTHING: frozenset[Part] = frozenset()

T = TypeVar("T")


class RunService:
    """Runs of all providers, shared by all requests."""

    def __init__(self, cache: RunCache, *, concurrency: int = 16) -> None:
        """`concurrency`: how many runs of one provider one request fetches side by side."""
        self._cache = cache
        self._concurrency = concurrency
        self._flights: Flights[str, Part, Entry | Exception] = Flights()

    async def load(self, provider: Provider, wants: Wants, freshness: Freshness | None = None) -> dict[str, Outcome]:
        """The outcome for each id, under the id as asked; the ids need not be canonical.

        A record holds every supported part that was wanted, or the error of that part. `freshness` is told what was
        used; where it allows so, a run that has ended and can't be looked up now is given as it was known.
        """
        outcomes: dict[str, Outcome] = {}
        native_ids: dict[str, str] = {}
        merged: dict[str, frozenset[Part]] = {}
        supported = {parts: provider.supported(parts) for parts in set(wants.values())}
        for asked, parts in wants.items():
            try:
                native_id = native_ids[asked] = provider.adapter.canonical_id(asked)
            except Exception as error:
                outcomes[asked] = error
                continue
            others = merged.get(native_id)
            merged[native_id] = supported[parts] if others is None else others | supported[parts]
        found = await self._load(provider, merged, freshness or Freshness())
        return outcomes | {asked: found[native_id] for asked, native_id in native_ids.items()}

    async def list_runs(self, provider: Provider, query: RunQuery, *, within: float) -> Page:
        """One page of a provider's list; TimedOut after `within` seconds.

        Its rows are not cached: they know less than a run that is looked up, and must not stand in for one.
        """
        lists = provider.lists
        if lists is None:
            raise Unsupported(provider=provider.name)

        left = CURRENT.get().seconds_left
        if left <= 0:
            raise _too_late(provider)

        async def call() -> Page:
            try:
                async with asyncio.timeout(min(within, left)):
                    return await lists.list_runs(query)
            except TimeoutError:
                raise TimedOut(provider=provider.name) from None

        return await provider.health.watch(call())

    async def _load(self, provider: Provider, wants: Wants, freshness: Freshness) -> dict[str, Outcome]:
        entries = await self._cache.find(provider.source, wants)
        now = self._cache.clock()
        outcomes: dict[str, Outcome] = {}
        missing: dict[str, frozenset[Part]] = {}
        known: dict[str, Entry] = {}
        for native_id, parts in wants.items():
            entry = entries.get(native_id)
            fresh = None if entry is None else entry.fresh(now)
            if fresh is not None and fresh.holds(parts):
                outcomes[native_id] = fresh.outcome
                freshness.use(fresh, parts)
                continue
            missing[native_id] = parts
            if fresh is not None and fresh.is_terminal:
                # Of a run that has ended only what is not known yet is asked for.
                known[native_id] = fresh
                missing[native_id] = fresh.missing(parts)
        self._cache.counts.run_hits += len(outcomes)
        self._cache.counts.run_misses += len(missing)
        if not missing:
            return outcomes
        results = await self._fetch(provider, missing, known)
        # What was known may be over by now, or belong to a run that goes on again: then all is asked for.
        if lacking := {
            native_id: wants[native_id] for native_id in known if _lacks(results[native_id], wants[native_id])
        }:
            results |= await self._fetch(provider, lacking, {})
        for native_id, result in results.items():
            if isinstance(result, Entry):
                outcomes[native_id] = result.outcome
                freshness.use(result, wants[native_id])
            else:
                freshness.is_settled = False
                spare = known.get(native_id) or (entries[native_id].spare(now) if native_id in entries else None)
                outcomes[native_id] = self._stand_in(spare, result, wants[native_id], freshness)
        return outcomes

    def _stand_in(self, spare: Entry | None, error: Exception, parts: frozenset[Part], freshness: Freshness) -> Outcome:
        """What there is in the place of a run that could not be looked up; the error where there is nothing."""
        if spare is None or not isinstance(error, PASSING) or not isinstance(record := spare.outcome, RunRecord):
            return error
        now = self._cache.clock()
        if now >= spare.fresh_until(parts):
            if not freshness.allows_stale:
                return error
            self._cache.counts.run_stale += 1
            freshness.use_stale(StaleRun(record.id, int((now - spare.stored_at) * 1000), error.code))
        missing = spare.missing(parts)
        return replace(record, part_errors=dict.fromkeys(missing, error)) if missing else record

    async def _fetch(
        self, provider: Provider, missing: Wants, known: Mapping[str, Entry]
    ) -> dict[str, Entry | Exception]:
        if len(missing) == 1:
            return await self._fly(provider, missing, partial(self._alone, provider), known)
        calls = list(self._calls(provider, missing))
        if len(calls) == 1:
            return await self._fly(provider, *calls[0], known)
        slots = asyncio.Semaphore(self._concurrency)

        async def call(wants: Wants, look: Look) -> dict[str, Entry | Exception]:
            async with slots:
                return await self._fly(provider, wants, look, known)

        results: dict[str, Entry | Exception] = {}
        for result in await asyncio.gather(*(call(wants, look) for wants, look in calls)):
            results |= result
        return results

    def _calls(self, provider: Provider, missing: Wants) -> Iterator[tuple[Wants, Look]]:
        """What to look up together, and how, in the fewest calls."""
        alone, together = partial(self._alone, provider), partial(self._look_many, provider)
        batches = provider.batches
        size = 1 if batches is None else batches.max_batch
        distinct = set(missing.values())
        if (
            batches is not None
            and len(missing) <= size
            and len(distinct) == 1
            and distinct.pop() <= batches.batch_parts
        ):
            # As nearly always: a single batch.
            yield missing, together
            return
        rest: dict[str, frozenset[Part]] = {}
        flying: dict[str, frozenset[Part]] = {}
        batch: dict[str, frozenset[Part]] = {}
        for native_id, parts in missing.items():
            if batches is None or not parts <= batches.batch_parts:
                rest[native_id] = parts
            elif self._flights.carries(provider.source, native_id, parts):
                # What is being looked up already takes no place in a batch.
                flying[native_id] = parts
            else:
                batch[native_id] = parts
        for ids in _chunks(flying, size):
            yield {native_id: flying[native_id] for native_id in ids}, together
        for ids in _chunks(batch, size):
            # One call brings the same parts of all.
            parts = NOTHING.union(*(batch[native_id] for native_id in ids))
            yield dict.fromkeys(ids, parts), together if len(batch) > 1 else alone
        for native_id, parts in rest.items():
            yield {native_id: parts}, alone

    async def _fly(
        self, provider: Provider, wants: Wants, look: Look, known: Mapping[str, Entry]
    ) -> dict[str, Entry | Exception]:
        """Look up what nobody is looking up already, and wait for all of it."""
        source = provider.source
        landed = await self._flights.fly(source, wants, lambda aboard: self._in_turn(source, aboard, look, known))
        now = self._cache.clock()
        for native_id, result in landed.items():
            if isinstance(result, TimeoutError):
                landed[native_id] = _too_late(provider)
            elif known and isinstance(result, Entry) and (older := known.get(native_id)) is not None:
                # Work that was joined may have started from an entry with fewer parts.
                landed[native_id] = result.joined(older, now)
        return landed

    async def _in_turn(
        self, source: str, wants: Wants, look: Look, known: Mapping[str, Entry]
    ) -> dict[str, Entry | Exception]:
        """Look up what no other replica is looking up, and then what is left."""
        turn = await self._cache.take_turn(source, wants)
        results: dict[str, Entry | Exception] = dict(turn.found)
        is_kept = False
        try:
            looked: Mapping[str, Looked] = await look(turn.ours) if turn.ours else {}
            results |= await self._cache.keep(source, looked, known, turn)
            is_kept = True
        finally:
            if not is_kept:
                self._cache.give_up(turn)
        if turn.theirs:
            results |= await self._cache.wait(source, turn.theirs)
            left = {native_id: parts for native_id, parts in turn.theirs.items() if native_id not in results}
            if left:
                results |= await self._cache.keep(source, await look(left), known)
        return results

    async def _alone(self, provider: Provider, wants: Wants) -> Mapping[str, Looked]:
        return {native_id: await self._look(provider, native_id, parts) for native_id, parts in wants.items()}

    async def _look(self, provider: Provider, native_id: str, parts: frozenset[Part]) -> Looked:
        try:
            return await provider.health.watch(provider.adapter.fetch(native_id, parts))
        except Exception as error:
            # An adapter's own mistake, too, is about this run only.
            return light(error)

    async def _look_many(self, provider: Provider, wants: Wants) -> Mapping[str, Looked]:
        batches = provider.batches
        if batches is None:
            raise TypeError(f"{provider.name} has no batch call")
        parts = frozenset[Part]().union(*wants.values())
        try:
            results = await provider.health.watch(batches.fetch_many(list(wants), parts))
        except Exception as error:
            return dict.fromkeys(wants, light(error))
        found: dict[str, Looked] = {
            native_id: results.get(native_id) or NotFound(provider=provider.name) for native_id in wants
        }
        return found | await self._look_for_lacking(provider, wants, found)

    async def _look_for_lacking(
        self, provider: Provider, wants: Wants, found: Mapping[str, Looked]
    ) -> dict[str, Looked]:
        """The runs of which a batch, against its word, did not bring all that is wanted: looked up alone."""
        lacking = {
            native_id: parts
            for native_id, parts in wants.items()
            if isinstance(record := found[native_id], RunRecord) and record.lacks(parts)
        }
        slots = asyncio.Semaphore(self._concurrency)

        async def look(native_id: str) -> Looked:
            async with slots:
                return await self._look(provider, native_id, lacking[native_id])

        return dict(zip(lacking, await asyncio.gather(*map(look, lacking)), strict=True))


def _lacks(result: Entry | Exception, parts: frozenset[Part]) -> bool:
    """Whether a run came without some of the parts, and without their errors."""
    return isinstance(result, Entry) and isinstance(record := result.outcome, RunRecord) and record.lacks(parts)


def light(error: Exception) -> Exception:
    """An error to hand on. That of a provider needs no trace, which would hold all that its way so far had in hand."""
    return error.with_traceback(None) if isinstance(error, AdapterError) else error


def _too_late(provider: Provider) -> TimedOut:
    """The error of what a request had no time left for; the provider may still be at work for others."""
    return TimedOut("no answer within the time that this request has", provider=provider.name, unsent=True)


def _chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    every = list(ids)
    return (every[start : start + size] for start in range(0, len(every), size))

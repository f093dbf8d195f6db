"""Lists of runs over all providers: a k-way merge, newest first, one page at a time.

Runs are ordered by (time of creation, newest first; provider; native id). A page is read from every source at the same
time; later pages only from a source whose next run may be the newest. What one source does wrong costs its own rows:

- A source that fails, or takes longer than its deadline, is left out of the page and reported, and tried again by the
  next page. Runs of it that are newer than what was emitted meanwhile are not given late: they are counted in the
  report as missing.
- Where a filter that a provider does not know makes the gateway look through too many rows, the page ends there, so
  that nothing is emitted out of order; the next page looks on.
- Runs that arrive while somebody pages are in no later page: they are newer than what was emitted.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.model import RunRecord
from gateway.errors import RequestError
from gateway.providers import Provider, Providers
from gateway.service import RunService
from gateway.settings import FeedSettings

from .cursors import START, VERSION, Position, RunKey, decode, encode
from .filters import RunFilter, divide
from .segments import Entry
from .sources import Source, SourceReader, SourceReport, SourceState

MAX_PAGE_SIZE = 100
"""The most runs of one page."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one filter lists: the sources to merge, and the reports of those that can't take part.

    `digest` is the same for the same filter over the same providers.
    """

    sources: Sequence[Source]
    left_out: Sequence[SourceReport]
    digest: str
    order: Sequence[str]
    """Providers, as configured: the order of reports."""

    def position(self, cursor: str | None) -> Position:
        """Where a cursor says that reading stands; the start without one; RequestError for a cursor of another list."""
        if cursor is not None:
            return decode(cursor, digest=self.digest, sources=len(self.sources))
        return Position(version=VERSION, digest=self.digest, sources=(START,) * len(self.sources))


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A run, and where the listing stands behind it."""

    run: RunRecord
    position: Position

    @property
    def cursor(self) -> str:
        return encode(self.position)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some runs of a listing. `position` is where it stands behind them, also where there are none."""

    rows: Sequence[FeedRow]
    position: Position
    has_next: bool
    sources: Sequence[SourceReport]

    @property
    def end_cursor(self) -> str:
        return encode(self.position)


def plan(wanted: RunFilter, providers: Providers) -> Listing:
    """The sources that a filter lists; RequestError where it can't be meant."""
    wanted.check()
    sources: list[Source] = []
    left_out: list[SourceReport] = []
    for provider in _chosen(wanted, providers):
        for found in _sources(wanted, provider):
            if isinstance(found, Source):
                sources.append(found)
            else:
                left_out.append(found)
    over = [(source.provider.name, source.provider.info.adapter, source.scope) for source in sources]
    return Listing(sources, left_out, wanted.digest(over), [provider.name for provider in providers])


class Feed:
    """Gives the pages of a listing, one after the other. What was read and not given yet is kept for the next."""

    def __init__(
        self, listing: Listing, position: Position, service: RunService, settings: FeedSettings | None = None
    ) -> None:
        self._listing = listing
        self._last = position.last
        self._readers = [
            SourceReader(source, state, service, settings or FeedSettings())
            for source, state in zip(listing.sources, position.sources, strict=True)
        ]

    async def page(self, first: int) -> FeedPage:
        """The next `first` runs, or fewer."""
        for reader in self._readers:
            reader.begin()
        rows: list[FeedRow] = []
        while len(rows) < first:
            reader = await self._next(first - len(rows))
            if reader is None:
                break
            if (row := self._emit(reader)) is not None:
                rows.append(row)
        position = self._position()
        if rows:
            # The last run's cursor and the page's are the same one: it also says which sources failed.
            rows[-1] = FeedRow(rows[-1].run, position)
        return FeedPage(rows, position, self._has_next(rows), self._reports())

    async def _next(self, needed: int) -> SourceReader | None:
        """The source with the newest run; None where nobody can tell which that is, or none has any."""
        while True:
            best = min((reader for reader in self._readers if reader.head), key=_rank, default=None)
            rivals = [reader for reader in self._readers if best is None or reader.bound >= best.bound]
            behind = [reader for reader in rivals if reader.is_waiting]
            if not behind:
                return None if any(reader.is_cut for reader in rivals) else best
            # One more than needed shows whether there is a next page.
            await asyncio.gather(*(reader.read(needed + 1, self._last) for reader in behind))

    def _emit(self, reader: SourceReader) -> FeedRow | None:
        """The source's next run; None where it was emitted just now, from another scope of the provider."""
        entry = reader.take()
        place = entry.place if self._last is None else min(entry.place, self._last.place)
        key = RunKey(place, reader.source.provider.name, entry.run.native_id)
        if key == self._last:
            return None
        self._last = key
        return FeedRow(entry.run, self._position())

    def _position(self) -> Position:
        states = tuple(reader.state for reader in self._readers)
        return Position(version=VERSION, digest=self._listing.digest, sources=states, last=self._last)

    def _has_next(self, rows: Sequence[FeedRow]) -> bool:
        """Whether to go on: not where only sources are left that failed, and the page brought nothing."""
        left = [reader for reader in self._readers if reader.has_more]
        return bool(left) and (bool(rows) or any(reader.error is None for reader in left))

    def _reports(self, *, goes_on: bool = True) -> Sequence[SourceReport]:
        reports = [*(reader.report(goes_on=goes_on) for reader in self._readers), *self._listing.left_out]
        return sorted(reports, key=lambda report: self._listing.order.index(report.provider))


def _rank(reader: SourceReader) -> tuple[int, str, str]:
    head: Entry | None = reader.head
    return -reader.bound, reader.source.provider.name, "" if head is None else head.run.native_id


def _chosen(wanted: RunFilter, providers: Providers) -> list[Provider]:
    if wanted.providers is None:
        return list(providers)
    for name in wanted.providers:
        if providers.get(name) is None:
            known = ", ".join(provider.name for provider in providers) or "none"
            raise RequestError(f'filter.providers: there is no provider "{name[:64]}"; configured ones: {known}')
    return [provider for provider in providers if provider.name in wanted.providers]


def _sources(wanted: RunFilter, provider: Provider) -> Sequence[Source | SourceReport]:
    """The sources of one provider, or the report that says why it has none."""
    lists = provider.lists
    if lists is None:
        reason = "The provider's API can't list runs."
        return [SourceReport(provider=provider.name, state=SourceState.UNSUPPORTED, reason=reason)]
    scopes: Sequence[str | None]
    if wanted.scope is not None:
        if lists.scope_name is None:
            reason = "The filter names a scope, and the provider's runs have none."
            return [SourceReport(provider=provider.name, state=SourceState.SKIPPED, reason=reason)]
        scopes = [wanted.scope]
    else:
        scopes = list(dict.fromkeys(lists.default_scopes()))
    if not scopes:
        if lists.scope_required:
            reason = f"Runs can be listed by {lists.scope_name} only: name one in filter.scope, or configure some."
            return [SourceReport(provider=provider.name, state=SourceState.SKIPPED, reason=reason)]
        scopes = [None]
    return [Source(provider, lists, divide(wanted, lists, scope)) for scope in scopes]

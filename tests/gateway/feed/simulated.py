"""Sources in memory for the merge: they page as providers do, and do wrong what they are told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import structs

from adapters.contract import Filter, ListsRuns, Page, RunQuery
from adapters.errors import AdapterError, Unavailable
from adapters.model import RunRecord
from gateway.cache import RunCache
from gateway.listing import feed
from gateway.listing.cursors import Position
from gateway.listing.feed import Feed, FeedPage, Listing
from gateway.listing.filters import RunFilter
from gateway.providers import Provider, Providers
from gateway.service import RunService
from gateway.settings import CacheSettings, FeedSettings
from tests.gateway.fake import FakeAdapter, record

EPOCH = datetime(2026, 6, 1, tzinfo=UTC)

Step = Literal["ok", "fail", "empty", "short", "hang", "crash", "repeat", "full"]
"""What a source does in one call. "short": half the rows asked for. "full": all, and a promise of more."""


def run_at(second: int | None, native_id: str, provider: str = "fake") -> RunRecord:
    """A run created so many seconds after the epoch; without a time for None."""
    created_at = None if second is None else EPOCH + timedelta(seconds=second)
    return structs.replace(record(native_id, provider=provider), created_at=created_at)


@dataclass(slots=True)
class Script:
    """What each call does, in turn; "ok" behind the last."""

    steps: list[Step] = field(default_factory=list[Step])

    def next(self) -> Step:
        return self.steps.pop(0) if self.steps else "ok"


class ListedAdapter(FakeAdapter, ListsRuns):
    """Lists `runs` in their order. Cursors name the row before the page, or with `numbered` pages the page."""

    filters: frozenset[Filter] = frozenset()  # pyright: ignore[reportIncompatibleVariableOverride]
    max_page_size: int = 7  # pyright: ignore[reportIncompatibleVariableOverride]
    pages_shift: bool = False  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        name: str,
        runs: Sequence[RunRecord],
        *,
        numbered: bool = False,
        max_page_size: int = 7,
        steps: Sequence[Step] = (),
    ) -> None:
        super().__init__(name=name)
        self.runs = [structs.replace(run, provider=name) for run in runs]
        self.pages_shift = numbered  # pyright: ignore[reportIncompatibleVariableOverride]
        self.max_page_size = max_page_size  # pyright: ignore[reportIncompatibleVariableOverride]
        self.script = Script(list(steps))
        self.queries: list[RunQuery] = []
        self.left: set[str] = set()
        """Ids of runs that are not listed any more; cursors that name them still lead on."""

    def __repr__(self) -> str:
        times = [run.created_at and int((run.created_at - EPOCH).total_seconds()) for run in self.runs]
        shown = " ".join(f"{run.native_id}@{time}" for run, time in zip(self.runs, times, strict=True))
        return f"<{self.name} [{shown}] by {self.max_page_size} {self.script.steps}>"

    @property
    def listed(self) -> list[RunRecord]:
        return [run for run in self.runs if run.native_id not in self.left]

    def arrive(self, run: RunRecord) -> None:
        self.runs.insert(0, structs.replace(run, provider=self.name))

    async def list_runs(self, query: RunQuery) -> Page:
        self.queries.append(query)
        assert 1 <= query.limit <= self.max_page_size
        step = self.script.next()
        if step == "hang":
            await asyncio.Event().wait()
        if step == "fail":
            raise self._error()
        if step == "crash":
            raise KeyError("secret")
        if step == "empty" and not self.pages_shift:
            # Another cursor for the same place: nothing but the rows says that there is no way on.
            return Page((), f"{query.cursor or '0:'}~")
        limit = max(1, query.limit // 2) if step == "short" else query.limit
        page = self._numbered(query, limit) if self.pages_shift else self._behind(query, limit)
        if step == "repeat" and query.cursor is not None:
            return replace(page, next_cursor=query.cursor)
        return replace(page, next_cursor=page.next_cursor or "0:none") if step == "full" else page

    def _error(self) -> AdapterError:
        return Unavailable(provider=self.name, retry_after_ms=1500)

    def _behind(self, query: RunQuery, limit: int) -> Page:
        start = 0
        if query.cursor is not None and (native_id := query.cursor.partition(":")[2].rstrip("~")):
            start = next((n + 1 for n, run in enumerate(self.runs) if run.native_id == native_id), len(self.runs))
        rows = [run for run in self.runs[start:] if run.native_id not in self.left]
        more = len(rows) > limit
        return Page(tuple(rows[:limit]), f"0:{rows[limit - 1].native_id}" if more else None)

    def _numbered(self, query: RunQuery, limit: int) -> Page:
        page, size = 1, limit
        if query.cursor is not None:
            page, size = map(int, query.cursor.split(":"))
        end = page * size
        more = end < len(self.runs)
        return Page(tuple(self.runs[end - size : end]), f"{page + 1}:{size}" if more else None)


class Walk:
    """Pages through a listing as a client does: each page by a new request, with the cursor of the one before."""

    def __init__(
        self,
        adapters: Sequence[FakeAdapter],
        wanted: RunFilter | None = None,
        settings: FeedSettings | None = None,
    ) -> None:
        self.providers = Providers(Provider(adapter.name, adapter) for adapter in adapters)
        self.wanted, self.settings = wanted or RunFilter(), settings or FeedSettings()
        self.cursor: str | None = None
        self.pages: list[FeedPage] = []

    @property
    def listing(self) -> Listing:
        return feed.plan(self.wanted, self.providers)

    @property
    def runs(self) -> list[RunRecord]:
        return [row.run for page in self.pages for row in page.rows]

    @property
    def ids(self) -> list[str]:
        return [run.id for run in self.runs]

    async def page(self, first: int, cursor: str | None = None) -> FeedPage:
        listing = self.listing
        position: Position = listing.position(cursor or self.cursor)
        service = RunService(RunCache.in_memory(CacheSettings()))
        page = await Feed(listing, position, service, self.settings).page(first)
        self.pages.append(page)
        self.cursor = page.end_cursor
        return page

    async def to_the_end(self, *firsts: int, most: int = 500) -> None:
        """All pages, of these sizes in turn, and the last size for the rest."""
        for number in range(most):
            page = await self.page(firsts[min(number, len(firsts) - 1)])
            if not page.has_next:
                return
        raise AssertionError(f"no end after {most} pages")

"""One source of a merged listing: a provider, or one scope of it, and reading it page by page."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Self

import msgspec

from adapters.contract import ListsRuns, Page
from adapters.errors import AdapterError, BadResponse, ErrorCode
from gateway.providers import Provider
from gateway.service import RunService
from gateway.settings import FeedSettings

from .cursors import UNDATED, End, ReadState, RunKey
from .filters import Division
from .segments import Entry, Rules, unread

log = logging.getLogger(__name__)

MAX_EMPTY_PAGES = 10
"""So many pages without a row, one behind the other, are taken for a provider that does not get on."""
REMEMBERED_ROWS = 1000
NEWEST = -UNDATED
"""The place of a row of which nothing is known yet: before all others."""


class SourceState(Enum):
    """How a source did for one page of a listing."""

    OK = "OK"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    UNSUPPORTED = "UNSUPPORTED"


@dataclass(frozen=True, slots=True)
class SourceError:
    """Why a source could not be read."""

    code: ErrorCode
    message: str
    retry_after_ms: int | None = None

    @classmethod
    def of(cls, error: Exception, provider: str) -> Self:
        """What a client may know of an error. An adapter's own mistake may quote a document."""
        if isinstance(error, AdapterError):
            return cls(error.code, str(error), error.retry_after_ms)
        return cls(ErrorCode.INTERNAL, f"{provider}: something went wrong in the gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """How a source did for one page of a listing.

    `fetched` counts the rows read for the page, given or not; `skipped` those of them that are no readable runs.
    `missing` counts runs left out for good, since the source failed when their page was made.
    `has_more`: a later page may hold more of it. `reason` explains every state but OK, in one sentence or several.
    """

    provider: str
    state: SourceState
    scope: str | None = None
    error: SourceError | None = None
    fetched: int = 0
    skipped: int = 0
    missing: int = 0
    has_more: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A provider that can list, or one scope of it, and what is wanted of it."""

    provider: Provider
    lists: ListsRuns
    wanted: Division

    @property
    def scope(self) -> str | None:
        return self.wanted.query.scope


class SourceReader:
    """Reads one source. `state` is where reading stands, behind the last run taken.

    At most one page is held. `read` never raises: what goes wrong is in the report.
    """

    def __init__(self, source: Source, state: ReadState, service: RunService, settings: FeedSettings) -> None:
        self.source = source
        self.state = state
        self._service, self._settings = service, settings
        self._entries: deque[Entry] = deque()
        self._seen: dict[str, None] = {}
        self._cursors: set[str] = set()
        self._unconfirmed = 0
        self.begin()

    def begin(self) -> None:
        """Start another page of the listing: a source that failed is tried again, with all its allowance."""
        self.error: SourceError | None = None
        self.is_cut = False
        self._fetched = self._skipped = self._scanned = self._missed = self._lost = 0
        self._spent = 0.0
        self._empty_pages = 0
        self._repeats_cursor = False

    def renew(self) -> None:
        """Give what is read from here on a whole deadline of its own; all else stays."""
        self._spent = 0.0

    @property
    def head(self) -> Entry | None:
        """The next run; None where a page has to be read first, or where there is none."""
        return self._entries[0] if self._entries else None

    @property
    def is_waiting(self) -> bool:
        """Whether the next run may be had by reading on."""
        return not self._entries and self.state.end is End.NO and self.error is None and not self.is_cut

    @property
    def scanned(self) -> int:
        """Rows looked through since `begin`."""
        return self._scanned

    @property
    def has_more(self) -> bool:
        return bool(self._entries) or self.state.end is End.NO

    @property
    def bound(self) -> int:
        """No run to come has a place before this one."""
        if self._entries:
            return self._entries[0].place
        state = self.state
        times = [time for time in (state.floor, None if state.last is None else state.last.time) if time is not None]
        return min(times, default=NEWEST)

    def take(self) -> Entry:
        """The head, which is done with then."""
        entry = self._entries.popleft()
        self.state = entry.after
        return entry

    async def read(self, needed: int, last: RunKey | None) -> None:
        """Read one more page, for `needed` runs. `last` is the run emitted last."""
        try:
            page = await self._page(needed)
        except AdapterError as error:
            self._fail(error)
        except Exception as error:
            # An adapter's mistake costs its own rows only. What it says may quote a document.
            log.error("unexpected %s while listing %s", type(error).__qualname__, self.source.provider.name)
            self.error = SourceError(ErrorCode.INTERNAL, f"{self.source.provider.name}: the list could not be read")
        else:
            self._fetched += len(page.runs) + page.skipped
            self._skipped += page.skipped
            self._scanned += len(page.runs) + page.skipped
            self._take_in(page, last)
        if self.error is not None:
            self.state = msgspec.structs.replace(self.state, gap=True)

    def report(self, *, goes_on: bool = True) -> SourceReport:
        """How the source did so far. `goes_on`: another page may be asked for."""
        reasons = self._reasons(goes_on=goes_on)
        state = SourceState.OK
        if self.error is not None:
            state = SourceState.PARTIAL if self._fetched else SourceState.FAILED
        elif reasons:
            state = SourceState.PARTIAL
        return SourceReport(
            provider=self.source.provider.name,
            scope=self.source.scope,
            state=state,
            error=self.error,
            fetched=self._fetched,
            skipped=self._skipped,
            missing=self._missed,
            has_more=self.has_more,
            reason=" ".join(reasons) or None,
        )

    async def _page(self, needed: int) -> Page:
        allowed = self._settings.deadline_ms / 1000 - self._spent
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            query = replace(self.source.wanted.query, limit=self._limit(needed), cursor=self.state.cursor)
            return await self._service.list_runs(self.source.provider, query, within=max(allowed, 0))
        finally:
            self._spent += loop.time() - start

    def _limit(self, needed: int) -> int:
        """How many rows to ask for: what is needed behind those done with, or all at once where rows are picked."""
        most = self.source.lists.max_page_size
        if self.source.wanted.keeps is not None or self.state.gap:
            return most
        return min(most, self.state.used + needed)

    def _take_in(self, page: Page, last: RunKey | None) -> None:
        following, end = page.next_cursor, End.INCOMPLETE if page.incomplete else End.REACHED
        if following is not None and (following == self.state.cursor or following in self._cursors):
            following, end = None, End.INCOMPLETE
            self._repeats_cursor = True
        if self._is_past(page):
            following, end = None, End.REACHED
        if following is not None:
            self._cursors.add(following)
        front = None if last is None else last.place
        rules = Rules(self.source.wanted.keeps, front, self._seen, self.source.lists.pages_shift)
        reading = unread(page.runs, self.state, following, end, rules)
        self._entries.extend(reading.entries)
        self.state = reading.state
        self._remember(reading.entries)
        self._missed += reading.missed
        if page.runs:
            self._judge_shift(reading.shifted, anchored=reading.anchored)
        self._empty_pages = 0 if page.runs or page.skipped else self._empty_pages + 1
        if self.is_waiting and self._empty_pages >= MAX_EMPTY_PAGES:
            self._fail(BadResponse("page after page is empty", provider=self.source.provider.name))
        elif self.is_waiting and self._scanned >= self._settings.max_scanned_rows:
            self.is_cut = True

    def _is_past(self, page: Page) -> bool:
        """Whether what follows the page is older than anything wanted; only a page in order can tell."""
        oldest: datetime | None = self.source.wanted.oldest
        times = [run.created_at for run in page.runs if run.created_at is not None]
        if oldest is None or not times:
            return False
        in_order = all(newer >= older for newer, older in pairwise(times))
        return (times[-1] if in_order else max(times)) < oldest

    def _judge_shift(self, shifted: int, *, anchored: bool) -> None:
        if shifted:
            self._unconfirmed += shifted
            return
        if not anchored:
            self._lost += self._unconfirmed
        self._unconfirmed = 0

    def _remember(self, entries: Sequence[Entry]) -> None:
        self._seen.update(dict.fromkeys(entry.run.native_id for entry in entries))
        while len(self._seen) > REMEMBERED_ROWS:
            del self._seen[next(iter(self._seen))]

    def _fail(self, error: AdapterError) -> None:
        self.error = SourceError.of(error, self.source.provider.name)

    def _reasons(self, *, goes_on: bool) -> list[str]:
        reasons: list[str] = []
        if self.error is not None:
            follows = "the next page tries it again" if goes_on else "what was not read by then is missing"
            reasons.append(f"The source failed; {follows}.")
        if self.is_cut:
            follows = "the next page continues where this one stopped" if goes_on else "older ones are missing"
            reasons.append(f"Only {self._scanned} runs were looked through; {follows}.")
        if self._skipped:
            reasons.append(f"Rows that were no readable runs: {self._skipped}.")
        if self._missed:
            reasons.append(
                f"Runs left out, because the source failed when their page was made: {self._missed}."
                " A list from the start has them."
            )
        if unproved := self._lost + self._unconfirmed:
            reasons.append(f"Rows taken for ones that were given before, without proof: {unproved}.")
        if self._repeats_cursor:
            reasons.append("The provider gave the cursor of an earlier page, so that there is no way on.")
        elif self.state.end is End.INCOMPLETE and not self._entries:
            reasons.append("The provider lists no further back; older runs can't be reached.")
        return reasons

"""All runs that a filter lists, newest first, read through once: for reports and exports, which have no pages."""

from collections.abc import AsyncGenerator, Sequence

from adapters.model import RunRecord
from gateway.service import RunService
from gateway.settings import FeedSettings

from .feed import Feed, Listing
from .sources import SourceReport

BATCH = 100
"""How many runs are handed out at a time, and no more than about a page of each source is held beside them."""


class RunStream(Feed):
    """Reads a listing from its start, at most `most` runs of it, and at most about as many rows of each source.

    A source has its whole deadline for every batch. One that fails is left out from there on.
    """

    def __init__(self, listing: Listing, service: RunService, settings: FeedSettings, most: int) -> None:
        bounded = settings.model_copy(update={"max_scanned_rows": most})
        super().__init__(listing, listing.position(None), service, bounded)
        self._most = self._left = most

    async def batches(self) -> AsyncGenerator[list[RunRecord]]:
        """The runs, in batches of which none is empty."""
        ended = False
        while self._left and not ended:
            for reader in self._readers:
                reader.renew()
            batch: list[RunRecord] = []
            while not ended and len(batch) < min(BATCH, self._left):
                self._cut()
                # Whole pages, but no row beyond the last one wanted.
                reader = await self._next(self._left - len(batch) - 1)
                if reader is None:
                    ended = True
                elif (row := self._emit(reader)) is not None:
                    batch.append(row.run)
            self._left -= len(batch)
            if batch:
                yield batch

    def _cut(self) -> None:
        """Keep sources from being looked through further than agreed, for the few runs that a filter leaves of them."""
        for reader in self._readers:
            if reader.is_waiting and reader.scanned >= self._most:
                reader.is_cut = True

    def reports(self) -> Sequence[SourceReport]:
        """How the sources did, as of now: once all is read, a source that has more is one that was cut."""
        for reader in self._readers:
            reader.is_cut = reader.is_cut or (not self._left and reader.has_more and reader.error is None)
        return self._reports(goes_on=False)

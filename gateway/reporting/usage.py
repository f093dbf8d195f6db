"""Usage reports: every source is read through, side by side, and its runs are added up as they come."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from adapters.errors import ErrorCode
from adapters.model import Part, RunRecord
from gateway.context import Context
from gateway.errors import RequestError
from gateway.listing.feed import Listing, plan
from gateway.listing.filters import RunFilter
from gateway.listing.rows import with_parts
from gateway.listing.sources import Source, SourceError, SourceReport, SourceState
from gateway.listing.streams import RunStream

from .aggregation import Aggregation, Grouping, UsageDimension, UsageRow

MAX_RUNS = 10_000


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Sums over the runs that a filter lists.

    `scanned_runs`: rows read, counted or not. `runs_failed`: runs whose usage could not be fetched; they are counted,
    and their figures are missing. `is_complete`: every source was read to its end, and no run failed.
    """

    rows: Sequence[UsageRow]
    total: UsageRow
    is_complete: bool
    scanned_runs: int
    runs_failed: int
    sources: Sequence[SourceReport]


async def report(
    wanted: RunFilter, grouping: Grouping, context: Context, *, max_runs: int, with_usage: bool
) -> UsageReport:
    """Add up the newest `max_runs` runs of each source; RequestError where that makes no sense.

    Without `with_usage` only what every row of a list says is added up, and no run is looked at on its own.
    """
    if not 1 <= max_runs <= MAX_RUNS:
        raise RequestError(f"maxRuns: expected 1 to {MAX_RUNS}, not {max_runs}")
    listing = plan(wanted, context.providers)
    parts = frozenset({Part.USAGE}) if with_usage or grouping.has(UsageDimension.MODEL) else frozenset[Part]()
    with context.apart(context.feed_settings.report_budget()) as apart:
        collector = _Collector(apart, Aggregation(grouping), parts)
        try:
            async with asyncio.TaskGroup() as group:
                reading = [group.create_task(collector.read(source, listing, max_runs)) for source in listing.sources]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    sources = [*listing.left_out, *(task.result() for task in reading)]
    return collector.report(sorted(sources, key=lambda source: listing.order.index(source.provider)))


class _Collector:
    """Reads sources into one aggregation. A run that two scopes of a provider list is added once."""

    def __init__(self, context: Context, aggregation: Aggregation, parts: frozenset[Part]) -> None:
        self._context = context
        self._aggregation = aggregation
        self._parts = parts
        self._added: dict[str, set[str]] = {}

    async def read(self, source: Source, listing: Listing, max_runs: int) -> SourceReport:
        """Add up one source of a listing, for as long as a report may take."""
        settings = self._context.feed_settings
        stream = RunStream(replace(listing, sources=[source], left_out=()), self._context.service, settings, max_runs)
        added = self._added.setdefault(source.provider.name, set())
        errors: list[Exception] = []
        is_late = False
        try:
            async with asyncio.timeout(settings.report_deadline_ms / 1000), aclosing(stream.batches()) as batches:
                async for batch in batches:
                    fresh = [run for run in batch if run.native_id not in added]
                    added.update(run.native_id for run in fresh)
                    for run in await with_parts(fresh, self._context, lambda _: self._parts):
                        errors += self._add(run)
        except TimeoutError:
            is_late = True
        (done,) = stream.reports()
        return _with_errors(_cut_short(done) if is_late else done, errors)

    def _add(self, run: RunRecord) -> Sequence[Exception]:
        self._aggregation.add(run)
        error = run.part_errors.get(Part.USAGE)
        return () if error is None else (error,)

    def report(self, sources: Sequence[SourceReport]) -> UsageReport:
        uncovered = {source.provider for source in sources if source.state is not SourceState.OK}

        def is_covered(provider: str | None) -> bool:
            return not uncovered if provider is None else provider not in uncovered

        total = self._aggregation.total_row(is_covered)
        return UsageReport(
            rows=self._aggregation.rows(is_covered),
            total=total,
            is_complete=total.is_complete,
            scanned_runs=sum(source.fetched for source in sources),
            runs_failed=self._aggregation.total.runs_failed,
            sources=sources,
        )


def _cut_short(source: SourceReport) -> SourceReport:
    """The report of a source that was not through in time."""
    error = SourceError(ErrorCode.TIMEOUT, f"{source.provider}: not all runs were read in time")
    state = SourceState.PARTIAL if source.fetched else SourceState.FAILED
    reason = _joined(source.reason, "The report's time was up; older runs are missing.")
    return replace(source, state=state, error=error, reason=reason)


def _with_errors(source: SourceReport, errors: Sequence[Exception]) -> SourceReport:
    """The report of a source some of whose runs have no figures, because these could not be fetched."""
    if not errors:
        return source
    first = errors[0]
    error = source.error or SourceError.of(first, source.provider)
    reason = _joined(source.reason, f"Runs whose usage could not be fetched: {len(errors)}.")
    return replace(source, state=SourceState.PARTIAL, error=error, reason=reason)


def _joined(reason: str | None, more: str) -> str:
    return more if reason is None else f"{reason} {more}"

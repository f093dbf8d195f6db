"""Whatever the sources hold and do: every run exactly once, in order, or reported as missing."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.model import RunRecord
from adapters.status import RunStatus
from gateway.listing.filters import RunFilter
from gateway.settings import FeedSettings
from tests.support import run, tries

from .simulated import ListedAdapter, Walk, run_at
from .strategies import (
    assert_newest_first,
    dated,
    firsts,
    ids,
    listed_sources,
    order,
    page_while,
    page_while_runs_arrive,
    some,
)


@given(sources=listed_sources(st.sampled_from(["ok", "short"]), numbered=True), sizes=firsts)
@some
def test_every_run_once_and_in_order(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)
    run(walk.to_the_end(*sizes))

    assert dated(walk.runs) == sorted(dated([run for source in sources for run in source.runs]), key=order)
    assert Counter(walk.ids) == Counter(ids(*sources))
    assert all(len(page.rows) == size for page, size in zip(walk.pages[:-1], sizes, strict=False))
    assert {report.state.value for page in walk.pages for report in page.sources} == {"OK"}


@given(sources=listed_sources(st.sampled_from(["ok", "ok", "short", "empty"])), sizes=firsts)
@some
def test_empty_pages_lose_nothing(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)
    run(walk.to_the_end(*sizes))

    assert Counter(walk.ids) == Counter(ids(*sources))
    assert_newest_first(walk.runs)


@given(sources=listed_sources(st.just("ok"), shuffled=True), sizes=firsts)
@some
def test_rows_out_of_order_are_all_given(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)
    run(walk.to_the_end(*sizes))

    assert Counter(walk.ids) == Counter(ids(*sources))


@given(sources=listed_sources(st.sampled_from(["ok", "ok", "fail", "short", "empty", "crash"])), sizes=firsts)
@some
def test_what_a_failing_source_loses_is_reported(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)

    run(page_while(walk, sizes, lambda _: None))

    for page in walk.pages:
        assert page.has_next or not page.rows or not any(report.error for report in page.sources)
    assert_newest_first(walk.runs)
    assert max(Counter(walk.ids).values(), default=1) == 1
    missing = Counter[str]()
    for page in walk.pages:
        for report in page.sources:
            missing[report.provider] += report.missing
            assert bool(report.missing or report.error) == (report.state.value != "OK")
    for source in sources:
        given_ = sum(run.provider == source.name for run in walk.runs)
        assert given_ + missing[source.name] == len(source.runs)


@given(
    sources=listed_sources(st.sampled_from(["ok", "fail"]), undated=False, ties=False, numbered=True),
    sizes=firsts,
    arrivals=st.lists(st.integers(0, 4), max_size=8),
    seed=st.integers(0, 1000),
)
@some
def test_failures_while_runs_arrive(
    sources: list[ListedAdapter], sizes: list[int], arrivals: list[int], seed: int
) -> None:
    """Runs that arrived may be counted as missing: nobody can tell them from those that the failure cost."""
    listed = {source.name: set(ids(source)) for source in sources}
    walk = Walk(sources)
    run(page_while_runs_arrive(walk, sources, sizes, arrivals, seed))

    assert_newest_first(walk.runs)
    assert max(Counter(walk.ids).values(), default=1) == 1
    missing = Counter[str]()
    for page in walk.pages:
        for report in page.sources:
            missing[report.provider] += report.missing
    for name, all_ids in listed.items():
        assert len(all_ids - set(walk.ids)) <= missing[name]


@given(
    sources=listed_sources(st.sampled_from(["ok", "short"])),
    sizes=firsts,
    bound=st.integers(1, 8),
    statuses=st.sets(st.sampled_from([RunStatus.FAILED, RunStatus.RUNNING]), min_size=1),
    after=st.none() | st.integers(0, 12),
    before=st.none() | st.integers(0, 12),
    seed=st.integers(0, 1000),
)
@some
def test_filters_that_the_provider_does_not_know(
    sources: list[ListedAdapter],
    sizes: list[int],
    bound: int,
    statuses: set[RunStatus],
    after: int | None,
    before: int | None,
    seed: int,
) -> None:
    chance = random.Random(seed)
    for source in sources:
        source.runs = [_with_status(run, chance.choice(list(RunStatus))) for run in source.runs]
    low, high = sorted((after or 0, before or 12))
    wanted = RunFilter(
        statuses=frozenset(statuses),
        created_after=None if after is None else run_at(low, "").created_at,
        created_before=None if before is None else run_at(high, "").created_at,
    )
    walk = Walk(sources, wanted, FeedSettings(max_scanned_rows=bound))
    run(walk.to_the_end(*sizes))

    def fits(run: RunRecord) -> bool:
        created = run.created_at
        return run.status in statuses and (
            (after is None and before is None)
            if created is None
            else (wanted.created_after is None or created >= wanted.created_after)
            and (wanted.created_before is None or created <= wanted.created_before)
        )

    expected = sorted((run for source in sources for run in source.runs if fits(run)), key=order)
    assert dated(walk.runs) == dated(expected)
    assert Counter(walk.ids) == Counter(run.id for run in expected)


@given(sources=listed_sources(st.sampled_from(["ok", "short"])), first=st.integers(1, 12), size=st.integers(1, 9))
@tries(15)
def test_every_cursor_continues_behind_its_run(sources: list[ListedAdapter], first: int, size: int) -> None:
    whole = Walk(sources)
    page = run(whole.page(first))
    run(whole.to_the_end(100))

    for number, row in enumerate(page.rows, 1):
        rest = Walk(sources)
        rest.cursor = row.cursor
        run(rest.to_the_end(size))
        assert Counter(rest.ids) == Counter(whole.ids[number:])
        assert_newest_first(rest.runs)


def _with_status(record: RunRecord, status: RunStatus) -> RunRecord:
    return replace(record, status=status)

"""Whatever the sources hold and do: every run exactly once, in order, or reported as missing."""

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.model import RunRecord
from adapters.status import RunStatus
from gateway.listing.filters import RunFilter
from gateway.settings import FeedSettings
from tests.support import run

from .simulated import EPOCH, ListedAdapter, Step, Walk, run_at

reproducible = settings(derandomize=True, deadline=None, max_examples=60)

firsts = st.lists(st.integers(1, 9), min_size=1, max_size=6)
page_sizes = st.integers(1, 7)


@st.composite
def rows(draw: st.DrawFn, *, undated: bool = True, ties: bool = True, shuffled: bool = False) -> list[RunRecord]:
    """Runs as a provider lists them: newest first, those of the same time by id, those without a time last."""
    seconds = draw(st.lists(st.integers(0, 12 if ties else 10_000), max_size=20, unique=not ties))
    runs = [run_at(second, f"r{number:02}") for number, second in enumerate(seconds)]
    runs += [run_at(None, f"u{number}") for number in range(draw(st.integers(0, 4)) if undated else 0)]
    if shuffled:
        return draw(st.permutations(runs))
    return sorted(runs, key=order)


def order(run: RunRecord) -> tuple[bool, float, str, str]:
    """The order of a list over all providers."""
    created = run.created_at
    return created is None, 0 if created is None else -created.timestamp(), run.provider, run.native_id


def ids(*sources: ListedAdapter) -> list[str]:
    return [run.id for source in sources for run in source.runs]


def dated(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.created_at is not None]


def assert_newest_first(runs: Sequence[RunRecord]) -> None:
    times = [run.created_at for run in dated(runs)]
    assert times == sorted(times, key=lambda time: time or EPOCH, reverse=True)


async def page_while_runs_arrive(
    walk: Walk, adapters: Sequence[ListedAdapter], sizes: Sequence[int], arrivals: Sequence[int], seed: int
) -> None:
    """All pages, with so many new runs at one source or another behind each of the first ones."""
    chance = random.Random(seed)
    arrived = 0
    for number in range(300):
        page = await walk.page(sizes[min(number, len(sizes) - 1)])
        if not any(report.has_more for report in page.sources):
            return
        for _ in range(arrivals[number] if number < len(arrivals) else 0):
            arrived += 1
            chance.choice(adapters).arrive(run_at(20_000 + arrived, f"new{arrived}"))
    raise AssertionError("no end")


@st.composite
def keyset_sources(draw: st.DrawFn, steps: st.SearchStrategy[Step], *, shuffled: bool = False) -> list[ListedAdapter]:
    lists = draw(st.lists(rows(shuffled=shuffled), min_size=1, max_size=4))
    return [
        ListedAdapter(f"p{n}", runs, max_page_size=draw(page_sizes), steps=draw(st.lists(steps, max_size=12)))
        for n, runs in enumerate(lists)
    ]


@given(sources=keyset_sources(st.sampled_from(["ok", "short"])), sizes=firsts)
@reproducible
def test_every_run_once_and_in_order(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)
    run(walk.to_the_end(*sizes))

    assert dated(walk.runs) == sorted(dated([run for source in sources for run in source.runs]), key=order)
    assert Counter(walk.ids) == Counter(ids(*sources))
    assert all(len(page.rows) == size for page, size in zip(walk.pages[:-1], sizes, strict=False))
    assert {report.state.value for page in walk.pages for report in page.sources} == {"OK"}


@given(sources=keyset_sources(st.sampled_from(["ok", "ok", "short", "empty"])), sizes=firsts)
@reproducible
def test_empty_pages_lose_nothing(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)
    run(walk.to_the_end(*sizes))

    assert Counter(walk.ids) == Counter(ids(*sources))
    assert_newest_first(walk.runs)


@given(sources=keyset_sources(st.just("ok"), shuffled=True), sizes=firsts)
@reproducible
def test_rows_out_of_order_are_all_given(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)
    run(walk.to_the_end(*sizes))

    assert Counter(walk.ids) == Counter(ids(*sources))


@given(
    sources=st.lists(
        st.tuples(rows(undated=False, ties=False), st.booleans(), page_sizes),
        min_size=1,
        max_size=3,
    ),
    sizes=firsts,
    arrivals=st.lists(st.integers(0, 6), max_size=8),
    seed=st.integers(0, 1000),
)
@reproducible
def test_runs_that_arrive_neither_repeat_nor_hide_any(
    sources: list[tuple[list[RunRecord], bool, int]], sizes: list[int], arrivals: list[int], seed: int
) -> None:
    """Numbered pages shift under the reader; the others don't."""
    adapters = [
        ListedAdapter(f"p{n}", runs, numbered=numbered, max_page_size=size)
        for n, (runs, numbered, size) in enumerate(sources)
    ]
    listed = ids(*adapters)
    walk = Walk(adapters)
    run(page_while_runs_arrive(walk, adapters, sizes, arrivals, seed))

    assert_newest_first(walk.runs)
    given_ = Counter(walk.ids)
    assert max(given_.values(), default=1) == 1
    # What arrived before anything was emitted belongs to the list, too.
    assert set(listed) <= set(given_)


@given(sources=keyset_sources(st.sampled_from(["ok", "ok", "fail", "short", "empty", "crash"])), sizes=firsts)
@reproducible
def test_what_a_failing_source_loses_is_reported(sources: list[ListedAdapter], sizes: list[int]) -> None:
    walk = Walk(sources)

    async def walk_on_while_any_has_more() -> None:
        for number in range(300):
            page = await walk.page(sizes[min(number, len(sizes) - 1)])
            assert page.has_next or not page.rows or not any(report.error for report in page.sources)
            if not any(report.has_more for report in page.sources):
                return
        raise AssertionError("no end")

    run(walk_on_while_any_has_more())

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
    sources=st.lists(
        st.tuples(
            rows(undated=False, ties=False),
            st.booleans(),
            page_sizes,
            st.lists(st.sampled_from(["ok", "fail"]), max_size=8),
        ),
        min_size=1,
        max_size=3,
    ),
    sizes=firsts,
    arrivals=st.lists(st.integers(0, 4), max_size=8),
    seed=st.integers(0, 1000),
)
@reproducible
def test_failures_while_runs_arrive(
    sources: list[tuple[list[RunRecord], bool, int, list[Step]]], sizes: list[int], arrivals: list[int], seed: int
) -> None:
    """Runs that arrived may be counted as missing: nobody can tell them from those that the failure cost."""
    adapters = [
        ListedAdapter(f"p{n}", runs, numbered=numbered, max_page_size=size, steps=steps)
        for n, (runs, numbered, size, steps) in enumerate(sources)
    ]
    listed = {adapter.name: set(ids(adapter)) for adapter in adapters}
    walk = Walk(adapters)
    run(page_while_runs_arrive(walk, adapters, sizes, arrivals, seed))

    assert_newest_first(walk.runs)
    assert max(Counter(walk.ids).values(), default=1) == 1
    missing = Counter[str]()
    for page in walk.pages:
        for report in page.sources:
            missing[report.provider] += report.missing
    for name, all_ids in listed.items():
        assert len(all_ids - set(walk.ids)) <= missing[name]


@given(
    sources=keyset_sources(st.sampled_from(["ok", "short"])),
    sizes=firsts,
    bound=st.integers(1, 8),
    statuses=st.sets(st.sampled_from([RunStatus.FAILED, RunStatus.RUNNING]), min_size=1),
    after=st.none() | st.integers(0, 12),
    before=st.none() | st.integers(0, 12),
    seed=st.integers(0, 1000),
)
@reproducible
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


@given(sources=keyset_sources(st.sampled_from(["ok", "short"])), first=st.integers(1, 12), size=st.integers(1, 9))
@settings(reproducible, max_examples=15)
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

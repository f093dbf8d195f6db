"""Lists that change while somebody pages: every run that was there and stays is given exactly once, in order."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.support import run

from .simulated import ListedAdapter, Walk, run_at
from .strategies import (
    assert_newest_first,
    at,
    firsts,
    ids,
    listed_sources,
    page_sizes,
    page_while,
    page_while_runs_arrive,
    some,
)


@given(
    sources=listed_sources(st.just("ok"), undated=False, ties=False, numbered=True),
    sizes=firsts,
    arrivals=st.lists(st.integers(0, 6), max_size=8),
    seed=st.integers(0, 1000),
)
@some
def test_runs_that_arrive_neither_repeat_nor_hide_any(
    sources: list[ListedAdapter], sizes: list[int], arrivals: list[int], seed: int
) -> None:
    """Numbered pages shift under the reader; the others don't."""
    listed = ids(*sources)
    walk = Walk(sources)
    run(page_while_runs_arrive(walk, sources, sizes, arrivals, seed))

    assert_newest_first(walk.runs)
    given_ = Counter(walk.ids)
    assert max(given_.values(), default=1) == 1
    # What arrived before anything was emitted belongs to the list, too.
    assert set(listed) <= set(given_)


@given(
    sources=st.lists(
        st.tuples(st.integers(0, 20), st.booleans(), page_sizes, st.integers(2, 9)), min_size=1, max_size=2
    ),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    arrivals=st.lists(st.integers(0, 8), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
)
@some
def test_bursts_within_a_second_neither_repeat_nor_hide_any(
    sources: list[tuple[int, bool, int, int]], sizes: list[int], arrivals: list[int], seed: int
) -> None:
    """Times in whole seconds, several runs in each, ids in no order: runs arrive that no time tells from old ones."""
    chance = random.Random(seed)
    adapters = [
        ListedAdapter(f"p{n}", [], numbered=numbered, max_page_size=size)
        for n, (_, numbered, size, _) in enumerate(sources)
    ]

    def start(place: int) -> None:
        adapter, a_second = adapters[place], sources[place][3]
        number = len(adapter.runs)
        adapter.arrive(run_at(number // a_second, f"{chance.randrange(4096):03x}-{number}"))

    def arrive(number: int) -> None:
        for _ in range(at(arrivals, number)):
            start(chance.randrange(len(adapters)))

    for place, (listed, *_) in enumerate(sources):
        for _ in range(listed):
            start(place)
    before = ids(*adapters)
    walk = Walk(adapters)
    run(page_while(walk, sizes, arrive))

    assert_newest_first(walk.runs)
    assert max(Counter(walk.ids).values(), default=1) == 1
    assert set(before) <= set(walk.ids)


@given(
    sources=listed_sources(st.just("ok"), undated=False),
    sizes=firsts,
    leaving=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    arrivals=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
)
@some
def test_runs_that_leave_the_list_take_no_others_along(
    sources: list[ListedAdapter], sizes: list[int], leaving: list[int], arrivals: list[int], seed: int
) -> None:
    """As one does that is RUNNING no more, where a provider applies the filter: reading may stand at that very run."""
    chance = random.Random(seed)
    listed = set(ids(*sources))
    walk = Walk(sources)

    def change(number: int) -> None:
        for _ in range(at(leaving, number)):
            source = chance.choice(sources)
            if source.listed:
                source.left.add(chance.choice(source.listed).native_id)
        for new in range(at(arrivals, number)):
            chance.choice(sources).arrive(run_at(20_000 + 10 * number + new, f"new{number}-{new}"))

    run(page_while(walk, sizes, change))

    assert_newest_first(walk.runs)
    assert max(Counter(walk.ids).values(), default=1) == 1
    assert listed - {f"{source.name}:{native_id}" for source in sources for native_id in source.left} <= set(walk.ids)

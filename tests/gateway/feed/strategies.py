"""Sources and runs for property tests of the merge, and what is asserted of lists."""

import random
from collections.abc import Callable, Sequence
from itertools import count

from hypothesis import strategies as st

from adapters.model import RunRecord
from tests.support import tries

from .simulated import EPOCH, ListedAdapter, Step, Walk, run_at

some = tries(60)

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


async def page_while(walk: Walk, sizes: Sequence[int], changes: Callable[[int], None]) -> None:
    """All pages, also those of sources that failed; behind each, what changes by its number."""
    for number in range(300):
        page = await walk.page(sizes[min(number, len(sizes) - 1)])
        if not any(report.has_more for report in page.sources):
            return
        changes(number)
    raise AssertionError("no end")


async def page_while_runs_arrive(
    walk: Walk, adapters: Sequence[ListedAdapter], sizes: Sequence[int], arrivals: Sequence[int], seed: int
) -> None:
    """All pages, with so many new runs at one source or another behind each of the first ones."""
    chance = random.Random(seed)
    arrived = count()

    def arrive(number: int) -> None:
        for _ in range(at(arrivals, number)):
            new = next(arrived)
            chance.choice(adapters).arrive(run_at(20_000 + new, f"new{new}"))

    await page_while(walk, sizes, arrive)


def at(counts: Sequence[int], number: int) -> int:
    """The count with this number, and 0 behind the last."""
    return counts[number] if number < len(counts) else 0


@st.composite
def listed_sources(
    draw: st.DrawFn,
    steps: st.SearchStrategy[Step],
    *,
    undated: bool = True,
    ties: bool = True,
    shuffled: bool = False,
    numbered: bool = False,
) -> list[ListedAdapter]:
    """Sources of which none numbers its pages, or with `numbered` any may."""
    lists = draw(st.lists(rows(undated=undated, ties=ties, shuffled=shuffled), min_size=1, max_size=4))
    return [
        ListedAdapter(
            f"p{n}",
            runs,
            numbered=numbered and draw(st.booleans()),
            max_page_size=draw(page_sizes),
            steps=draw(st.lists(steps, max_size=12)),
        )
        for n, runs in enumerate(lists)
    ]

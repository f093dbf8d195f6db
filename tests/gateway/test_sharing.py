"""The same question, asked by several at a time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.sharing import Shared
from tests.support import run


class Work:
    """Counts how often it is done. It ends when `opened`, with its number or the error that it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.begun = 0
        self.opened = asyncio.Event()
        self._errors = list(errors)

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.opened.wait()
        if self._errors:
            raise self._errors.pop(0)
        return number


def sharing(
    test: Callable[[Shared[str, int]], Awaitable[None]], serves: Callable[[int], bool] = lambda _: True
) -> None:
    async def body() -> None:
        shared = Shared[str, int](serves)
        await test(shared)
        assert len(shared) == 0

    run(body())


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def asking(shared: Shared[str, int], work: Work, *keys: str) -> list[asyncio.Task[int]]:
    """All who ask for the work under these keys. None has it yet, unless it is opened."""
    tasks = [asyncio.create_task(shared.get(key, work)) for key in keys]
    await turns()
    return tasks


def test_several_at_a_time_are_one_work() -> None:
    async def body(shared: Shared[str, int]) -> None:
        work = Work()
        tasks = await asking(shared, work, "a", "a", "a")
        work.opened.set()
        assert (await asyncio.gather(*tasks), work.begun) == ([1, 1, 1], 1)

    sharing(body)


def test_one_after_the_other_are_two_works() -> None:
    async def body(shared: Shared[str, int]) -> None:
        work = Work()
        work.opened.set()
        assert [await shared.get("a", work), await shared.get("a", work)] == [1, 2]

    sharing(body)


def test_keys_are_apart() -> None:
    async def body(shared: Shared[str, int]) -> None:
        work = Work()
        tasks = await asking(shared, work, "a", "b")
        work.opened.set()
        assert await asyncio.gather(*tasks) == [1, 2]

    sharing(body)


@pytest.mark.parametrize("waits_for_others", [False, True])
def test_who_leaves_takes_nothing_from_the_others(waits_for_others: bool) -> None:
    async def body(shared: Shared[str, int]) -> None:
        work = Work()
        tasks = await asking(shared, work, "a", "a", "a")
        tasks.pop(1 if waits_for_others else 0).cancel()
        await turns()
        work.opened.set()
        results = await asyncio.gather(*tasks)
        # Where the one who worked left, the others work: each for itself.
        assert (results, work.begun) == (([1, 1], 1) if waits_for_others else ([2, 3], 3))

    sharing(body)


def test_an_error_is_nobody_else_s() -> None:
    async def body(shared: Shared[str, int]) -> None:
        work = Work(ValueError("first"))
        tasks = await asking(shared, work, "a", "a")
        work.opened.set()
        failed, done = await asyncio.gather(*tasks, return_exceptions=True)
        assert (str(failed), done) == ("first", 2)

    sharing(body)


def test_what_serves_nobody_else_is_done_again() -> None:
    async def body(shared: Shared[str, int]) -> None:
        work = Work()
        tasks = await asking(shared, work, "a", "a")
        work.opened.set()
        assert await asyncio.gather(*tasks) == [1, 2]

    sharing(body, serves=lambda number: number > 1)

"""Places for calls: never more than there are, in turn, and none is lost whoever leaves."""

import asyncio
import random

import pytest

from adapters.upstream.slots import Slots
from tests.support import run

from .waiting import settle


def test_as_many_as_there_are() -> None:
    slots = Slots(2)
    assert [slots.take() for _ in range(4)] == [True, True, False, False]
    slots.give_back()
    assert [slots.take() for _ in range(2)] == [True, False]


def test_in_turn_and_nobody_is_overtaken() -> None:
    async def ask() -> list[int]:
        slots, order = Slots(1), list[int]()
        assert slots.take()

        async def wait(number: int) -> None:
            await slots.wait()
            order.append(number)

        waiting = [asyncio.ensure_future(wait(number)) for number in range(3)]
        await settle()
        for _ in waiting:
            slots.give_back()
            # The place is the first waiter's, who has not run yet.
            assert not slots.take()
            await settle()
        assert len(order) == 3
        slots.give_back()
        assert slots.take()
        return order

    assert run(ask()) == [0, 1, 2]


def test_who_leaves_the_line_takes_no_place() -> None:
    async def ask() -> None:
        slots = Slots(1)
        assert slots.take()
        first, second = (asyncio.ensure_future(slots.wait()) for _ in range(2))
        await settle()
        first.cancel()
        slots.give_back()
        await second
        assert first.cancelled()
        slots.give_back()
        assert slots.take()

    run(ask())


@pytest.mark.parametrize("others", [0, 1])
def test_who_leaves_as_the_place_comes_passes_it_on(others: int) -> None:
    async def ask() -> None:
        slots = Slots(1)
        assert slots.take()
        leaving, *waiting = [asyncio.ensure_future(slots.wait()) for _ in range(1 + others)]
        await settle()
        slots.give_back()
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        for other in waiting:
            await other
            slots.give_back()
        assert [slots.take(), slots.take()] == [True, False]

    run(ask())


@pytest.mark.parametrize("seed", range(20))
def test_none_is_lost(seed: int) -> None:
    """Whatever order calls come, end and leave in: a count beside them says the same."""
    chance = random.Random(seed)

    async def ask() -> None:
        slots, busy, most = Slots(3), 0, 0

        async def call() -> None:
            nonlocal busy, most
            if not slots.take():
                await slots.wait()
            busy += 1
            most = max(most, busy)
            try:
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                busy -= 1
                slots.give_back()

        calls: list[asyncio.Task[None]] = []
        for _ in range(300):
            calls.append(asyncio.ensure_future(call()))
            if chance.random() < 0.5:
                chance.choice(calls).cancel()
            if chance.random() < 0.4:
                await asyncio.sleep(0)
        await asyncio.wait(calls)
        assert (most, busy) == (3, 0)
        assert [slots.take() for _ in range(4)] == [True, True, True, False]

    run(ask())

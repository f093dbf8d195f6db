"""Work in progress that is shared."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from gateway.flight import Flights
from tests.support import run

Work = Callable[[], Awaitable[str]]


class Job:
    """Work that takes until it is told to end. `starts` and `cancelled` count."""

    def __init__(self) -> None:
        self.starts = 0
        self.cancelled = 0
        self.end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> str:
        self.starts += 1
        number = self.starts
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return f"result {number}"


async def fly(flights: Flights[Any, str, str], key: object, parts: str, work: Work) -> str:
    """The result for one key."""

    async def result(wants: Mapping[Any, frozenset[str]]) -> Mapping[Any, str]:
        assert wants == {key: frozenset(parts)}
        return {key: await work()}

    outcome = (await flights.fly("p", {key: frozenset(parts)}, result))[key]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class Sky:
    """Flights, and callers of them as tasks."""

    def __init__(self) -> None:
        self.flights: Flights[str, str, str] = Flights()
        self.job = Job()

    async def call(self, parts: str = "", key: str = "k") -> asyncio.Task[str]:
        """A caller that wants parts (a letter each) of a key, and is waiting by now."""
        task = asyncio.create_task(fly(self.flights, key, parts, self.job))
        await settle()
        return task

    async def leave(self, *callers: asyncio.Task[str]) -> None:
        for caller in callers:
            caller.cancel()
        await settle()


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def flying(test: Callable[[Any, Sky], Awaitable[None]]) -> Callable[[Any], None]:
    """A test as a coroutine, with an empty sky."""

    def wrapped(self: Any) -> None:
        async def body() -> None:
            sky = Sky()
            await test(self, sky)
            assert len(sky.flights) == 0, "a flight was left behind"

        run(body())

    wrapped.__name__ = test.__name__
    return wrapped


class TestSharing:
    @flying
    async def test_the_same_is_done_once(self, sky: Sky) -> None:
        callers = [await sky.call("ab") for _ in range(3)]
        assert (sky.job.starts, len(sky.flights)) == (1, 1)
        sky.job.end.set()
        assert await asyncio.gather(*callers) == ["result 1"] * 3

    @flying
    async def test_more_serves_less(self, sky: Sky) -> None:
        callers = [await sky.call(parts) for parts in ("abc", "a", "", "bc")]
        sky.job.end.set()
        assert await asyncio.gather(*callers) == ["result 1"] * 4

    @flying
    async def test_less_does_not_serve_more(self, sky: Sky) -> None:
        callers = [await sky.call(parts) for parts in ("a", "ab", "c", "abc")]
        assert (sky.job.starts, len(sky.flights)) == (4, 4)
        sky.job.end.set()
        assert await asyncio.gather(*callers) == ["result 1", "result 2", "result 3", "result 4"]

    @flying
    async def test_other_keys_are_other_work(self, sky: Sky) -> None:
        callers = [await sky.call(key=key) for key in ("k", "l")]
        sky.job.end.set()
        assert await asyncio.gather(*callers) == ["result 1", "result 2"]

    @flying
    async def test_what_has_landed_is_not_shared(self, sky: Sky) -> None:
        sky.job.end.set()
        assert [await (await sky.call()) for _ in range(2)] == ["result 1", "result 2"]

    @flying
    async def test_an_error_is_everybody_s(self, sky: Sky) -> None:
        callers = [await sky.call() for _ in range(2)]
        sky.job.error = ValueError("no")
        sky.job.end.set()
        assert await asyncio.gather(*callers, return_exceptions=True) == [sky.job.error] * 2


class TestLeaving:
    @flying
    async def test_one_that_leaves_does_not_disturb_the_others(self, sky: Sky) -> None:
        first, second = await sky.call(), await sky.call()
        await sky.leave(first)
        assert first.cancelled()
        assert (sky.job.cancelled, second.done()) == (0, False)
        sky.job.end.set()
        assert await second == "result 1"

    @flying
    async def test_the_last_one_takes_the_work_with_it(self, sky: Sky) -> None:
        callers = [await sky.call() for _ in range(3)]
        await sky.leave(*callers[:2])
        assert sky.job.cancelled == 0
        await sky.leave(callers[2])
        assert (sky.job.cancelled, len(sky.flights)) == (1, 0)

    @flying
    async def test_cancelled_work_is_not_joined(self, sky: Sky) -> None:
        first = await sky.call()
        first.cancel()
        await asyncio.sleep(0)  # The caller has left, the work does not know yet.
        second = await sky.call()
        sky.job.end.set()
        assert await second == "result 2"
        assert (first.cancelled(), sky.job.cancelled) == (True, 1)

    @flying
    async def test_work_that_takes_its_time_to_stop_is_not_joined(self, sky: Sky) -> None:
        stopping = asyncio.Event()

        async def stubborn() -> str:
            try:
                await asyncio.Event().wait()
            finally:
                await stopping.wait()
            return "never"

        first = asyncio.create_task(fly(sky.flights, "k", "", stubborn))
        await settle()
        await sky.leave(first)
        second = await sky.call()
        sky.job.end.set()
        assert await second == "result 1"
        stopping.set()
        await settle()

    @flying
    async def test_an_error_that_nobody_waits_for_is_silent(self, sky: Sky) -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

        async def failing() -> str:
            try:
                await asyncio.Event().wait()
            finally:
                raise ValueError("too late")

        await sky.leave(await asyncio.create_task(self.started(sky, failing)))
        assert reported == []

    async def started(self, sky: Sky, work: Work) -> asyncio.Task[str]:
        task = asyncio.create_task(fly(sky.flights, "k", "", work))
        await settle()
        return task


@pytest.mark.parametrize("callers", [1, 5])
def test_nothing_is_kept(callers: int) -> None:
    async def body() -> int:
        flights: Flights[Any, str, str] = Flights()

        async def work() -> str:
            return "done"

        for key in range(20):
            await asyncio.gather(*(fly(flights, key, "", work) for _ in range(callers)))
            await asyncio.sleep(0)
        return len(flights)

    assert run(body()) == 0

"""Calls that several requests share, with batches among them."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.errors import AdapterError, Unavailable
from adapters.model import Part, RunRecord
from gateway.cache import RunCache
from gateway.providers import Provider
from gateway.service import Outcome, RunService
from gateway.settings import CacheSettings
from tests.gateway.fake import NONE, BatchingAdapter, FakeAdapter, record
from tests.support import run

OUTPUT, STEPS = frozenset({Part.OUTPUT}), frozenset({Part.STEPS})


class Held:
    """Answers kept back, call by call. `calls` has the ids and parts of each call, `given_up` those that were left."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, frozenset[Part]]] = []
        self.given_up: list[str] = []
        self.opened = asyncio.Event()
        self.error: AdapterError | None = None

    async def wait(self, ids: str, parts: frozenset[Part]) -> None:
        self.calls.append((ids, parts))
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.given_up.append(ids)
            raise
        if self.error is not None:
            raise self.error


class HeldBatches(BatchingAdapter):
    """A provider whose calls, alone and in batches of up to five, wait."""

    max_batch = 5

    def __init__(self, held: Held) -> None:
        super().__init__()
        self.held = held

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        await self.held.wait(native_id, parts)
        return record(native_id, parts)

    async def fetch_many(self, native_ids: "list[str]", parts: frozenset[Part]) -> dict[str, RunRecord | AdapterError]:  # type: ignore[override]
        await self.held.wait("".join(native_ids), parts)
        return {native_id: record(native_id, parts) for native_id in native_ids}


class Desk:
    """Requests to one service, as tasks."""

    def __init__(self, concurrency: int = 16) -> None:
        self.held = Held()
        self.provider = Provider("fake", HeldBatches(self.held))
        settings = CacheSettings(terminal_ttl=600)
        self.service = RunService(RunCache.in_memory(settings), concurrency=concurrency)

    async def ask(self, ids: str, parts: frozenset[Part] = NONE) -> asyncio.Task[dict[str, Outcome]]:
        """A request that is waiting by now."""
        task = asyncio.ensure_future(self.service.load(self.provider, dict.fromkeys(ids, parts)))
        await settle()
        return task

    @property
    def ids(self) -> list[str]:
        return [ids for ids, _ in self.held.calls]

    @property
    def flights(self) -> int:
        return len(self.service._flights)  # pyright: ignore[reportPrivateUsage]


async def settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


def at_desk(test: Callable[[Desk], Awaitable[None]]) -> Callable[[], None]:
    def wrapped() -> None:
        async def body() -> None:
            desk = Desk()
            await test(desk)
            await settle()
            assert desk.flights == 0

        run(body())

    wrapped.__name__ = test.__name__
    return wrapped


def found(outcomes: dict[str, Outcome]) -> str:
    return "".join(native_id for native_id, outcome in outcomes.items() if isinstance(outcome, RunRecord))


@at_desk
async def test_a_batch_takes_only_what_is_not_on_its_way(desk: Desk) -> None:
    tasks = [await desk.ask(ids) for ids in ("abc", "bcd", "cdef", "a")]
    assert desk.ids == ["abc", "d", "ef"]
    desk.held.opened.set()
    assert [found(await task) for task in tasks] == ["abc", "bcd", "cdef", "a"]


@at_desk
async def test_a_batch_joins_runs_that_are_fetched_alone(desk: Desk) -> None:
    alone = await desk.ask("b", STEPS)
    batch = await desk.ask("abc")
    assert desk.ids == ["b", "ac"]
    desk.held.opened.set()
    assert (found(await alone), found(await batch)) == ("b", "abc")


@at_desk
async def test_the_same_batch_is_made_once(desk: Desk) -> None:
    tasks = [await desk.ask("abcde", OUTPUT) for _ in range(4)]
    tasks += [await desk.ask("abcde")]
    assert desk.held.calls == [("abcde", OUTPUT)]
    desk.held.opened.set()
    assert {found(await task) for task in tasks} == {"abcde"}


@at_desk
async def test_less_on_its_way_does_not_serve_more(desk: Desk) -> None:
    less = await desk.ask("abc")
    more = await desk.ask("abc", OUTPUT)
    assert desk.held.calls == [("abc", NONE), ("abc", OUTPUT)]
    desk.held.opened.set()
    await less
    outcome = (await more)["a"]
    assert isinstance(outcome, RunRecord)
    assert outcome.parts == OUTPUT


@at_desk
async def test_what_is_on_its_way_takes_no_place_in_a_batch(desk: Desk) -> None:
    first = await desk.ask("abc")
    second = await desk.ask("abcdefgh")
    assert desk.ids == ["abc", "defgh"]
    desk.held.opened.set()
    assert (found(await first), found(await second)) == ("abc", "abcdefgh")


@at_desk
async def test_a_batch_brings_the_same_of_all(desk: Desk) -> None:
    wants = {"a": OUTPUT, "b": NONE}
    mixed = asyncio.ensure_future(desk.service.load(desk.provider, wants))
    await settle()
    joined = await desk.ask("b", OUTPUT)
    assert desk.held.calls == [("ab", OUTPUT)]
    desk.held.opened.set()
    assert (found(await mixed), found(await joined)) == ("ab", "b")


@at_desk
async def test_who_made_the_batch_may_leave(desk: Desk) -> None:
    first = await desk.ask("abc")
    second = await desk.ask("c")
    first.cancel()
    await settle()
    assert (first.cancelled(), desk.held.given_up) == (True, [])
    desk.held.opened.set()
    assert found(await second) == "c"
    # What was fetched for the one who left is known all the same.
    assert found(await (await desk.ask("ab"))) == "ab"
    assert desk.ids == ["abc"]


@at_desk
async def test_who_joined_a_batch_may_leave(desk: Desk) -> None:
    first = await desk.ask("abc")
    second = await desk.ask("cd")
    second.cancel()
    await settle()
    # Nobody else wants d.
    assert desk.held.given_up == ["d"]
    desk.held.opened.set()
    assert found(await first) == "abc"


@at_desk
async def test_the_last_to_leave_ends_the_batch(desk: Desk) -> None:
    tasks = [await desk.ask(ids) for ids in ("abc", "b", "bc")]
    for number, task in enumerate(tasks):
        assert desk.held.given_up == [], number
        task.cancel()
        await settle()
    assert desk.held.given_up == ["abc"]
    again = await desk.ask("abc")
    assert desk.ids == ["abc", "abc"]
    desk.held.opened.set()
    assert found(await again) == "abc"


@at_desk
async def test_a_batch_that_fails_fails_for_all_that_joined(desk: Desk) -> None:
    first, second = await desk.ask("abc"), await desk.ask("cd")
    desk.held.error = Unavailable(provider="fake")
    desk.held.opened.set()
    assert [type(outcome) for outcome in (await first).values()] == [Unavailable] * 3
    assert [type(outcome) for outcome in (await second).values()] == [Unavailable] * 2


def test_what_waits_for_its_turn_is_not_fetched_twice() -> None:
    """A request with more runs than it may fetch at a time looks again before each."""

    async def body() -> None:
        desk = Desk(concurrency=1)
        first = await desk.ask("abc", STEPS)
        second = await desk.ask("cba", STEPS)
        desk.held.opened.set()
        assert (found(await first), found(await second)) == ("abc", "cba")
        assert sorted(desk.ids) == ["a", "b", "c"]

    run(body())


def test_a_provider_without_batches() -> None:
    async def body() -> None:
        adapter = FakeAdapter()
        service = RunService(RunCache.in_memory(CacheSettings()))
        provider = Provider("fake", adapter)
        loads = (service.load(provider, dict.fromkeys("abc", NONE)) for _ in range(5))
        await asyncio.gather(*loads)
        assert sorted(native_id for native_id, _ in adapter.calls) == ["a", "b", "c"]

    run(body())

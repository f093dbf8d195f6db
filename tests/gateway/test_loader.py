"""What one request asks for, joined."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from adapters.errors import NotFound, Unavailable
from adapters.model import Part, RunRecord
from gateway.cache import RunCache
from gateway.freshness import Freshness
from gateway.loader import RunLoader
from gateway.providers import Provider
from gateway.service import Outcome, RunService
from gateway.settings import CacheSettings
from tests.support import run

from .fake import NONE, FakeAdapter, Gate, record

OUTPUT, USAGE = frozenset({Part.OUTPUT}), frozenset({Part.USAGE})
Wants = Mapping[str, frozenset[Part]]


class Service(RunService):
    """Notes what it is asked for, and answers with `outcome`."""

    def __init__(self, outcome: Callable[[str], Outcome] = record) -> None:
        super().__init__(RunCache.in_memory(CacheSettings()))
        self.loads: list[Wants] = []
        self.outcome = outcome

    async def load(self, provider: Provider, wants: Wants, freshness: Freshness | None = None) -> dict[str, Outcome]:
        self.loads.append(wants)
        return {native_id: self.outcome(native_id) for native_id in wants}


def loading(test: Callable[[Service, RunLoader], Awaitable[None]], service: Service | None = None) -> None:
    async def body() -> None:
        used = service or Service()
        await test(used, RunLoader(used, Provider("fake", FakeAdapter())))

    run(body())


class TestJoining:
    def test_all_of_one_turn_is_one_load(self) -> None:
        async def body(service: Service, loader: RunLoader) -> None:
            runs = [loader.load("1", USAGE), loader.load("2", NONE), loader.load("1", OUTPUT), loader.load("1", NONE)]
            found = [run.native_id for run in await asyncio.gather(*runs) if run]
            assert found == ["1", "2", "1", "1"]
            assert service.loads == [{"1": USAGE | OUTPUT, "2": NONE}]

        loading(body)

    def test_tasks_that_start_together(self) -> None:
        async def body(service: Service, loader: RunLoader) -> None:
            async def ask(native_id: str) -> None:
                await loader.load(native_id, NONE)

            await asyncio.gather(*(ask(native_id) for native_id in "abc"))
            assert service.loads == [dict.fromkeys("abc", NONE)]

        loading(body)

    def test_a_later_turn_is_another_load(self) -> None:
        async def body(service: Service, loader: RunLoader) -> None:
            await loader.load("1", USAGE)
            await loader.load("1", NONE)
            assert service.loads == [{"1": USAGE}, {"1": NONE}]

        loading(body)

    def test_nothing_asked_is_nothing_loaded(self) -> None:
        async def body(service: Service, loader: RunLoader) -> None:
            await asyncio.sleep(0)
            assert service.loads == []

        loading(body)


class TestOutcomes:
    def test_each_for_itself(self) -> None:
        error, mistake = Unavailable(provider="fake"), ValueError("no")
        outcomes: dict[str, Outcome] = {
            "run": record("run"),
            "gone": NotFound(provider="fake"),
            "down": error,
            "broken": mistake,
        }

        async def body(_: Service, loader: RunLoader) -> None:
            loads = [loader.load(native_id, NONE) for native_id in outcomes]
            found = await asyncio.gather(*loads, return_exceptions=True)
            assert found == [outcomes["run"], None, error, mistake]

        loading(body, Service(outcomes.__getitem__))

    def test_a_failure_of_the_whole_load_is_everybody_s(self) -> None:
        def outcome(native_id: str) -> Outcome:
            raise KeyError(native_id)

        async def body(_: Service, loader: RunLoader) -> None:
            found = await asyncio.gather(loader.load("1", NONE), loader.load("2", NONE), return_exceptions=True)
            assert [type(one) for one in found] == [KeyError, KeyError]

        loading(body, Service(outcome))

    def test_a_service_that_forgets_an_id(self) -> None:
        class Forgetful(Service):
            async def load(
                self, provider: Provider, wants: Wants, freshness: Freshness | None = None
            ) -> dict[str, Outcome]:
                return {"1": record("1")}

        async def body(_: Service, loader: RunLoader) -> None:
            found = await asyncio.gather(loader.load("1", NONE), loader.load("2", NONE), return_exceptions=True)
            assert [type(one) for one in found] == [RunRecord, KeyError]

        loading(body, Forgetful())


class TestCancelling:
    @pytest.mark.parametrize("begun", [False, True])
    def test_stops_what_is_being_fetched(self, begun: bool) -> None:
        async def body() -> None:
            gate = Gate()
            service = RunService(RunCache.in_memory(CacheSettings()))
            loader = RunLoader(service, Provider("fake", FakeAdapter(gate)))
            waiting = loader.load("1", NONE)
            for _ in range(5 * begun):
                await asyncio.sleep(0)
            loader.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (gate.waiting, gate.cancelled) == ((["1"], ["1"]) if begun else ([], []))

        run(body())

    def test_one_waiter_that_leaves_leaves_alone(self) -> None:
        async def body() -> None:
            gate = Gate()
            service = RunService(RunCache.in_memory(CacheSettings()))
            loader = RunLoader(service, Provider("fake", FakeAdapter(gate)))
            first, second = (asyncio.create_task(loader.load("1", NONE).run()) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            gate.opened.set()
            assert isinstance(await second, RunRecord)
            assert first.cancelled()

        run(body())

    def test_after_the_end_there_is_nothing_to_stop(self) -> None:
        async def body(_: Service, loader: RunLoader) -> None:
            await loader.load("1", NONE)
            loader.cancel()
            assert await loader.load("2", NONE)

        loading(body)


def test_a_failure_whose_request_is_gone_is_not_reported() -> None:
    async def body(service: Service, loader: RunLoader) -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        loader.load("1", NONE)
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        assert service.loads
        assert reported == []

    loading(body, Service(lambda native_id: Unavailable(provider="fake")))

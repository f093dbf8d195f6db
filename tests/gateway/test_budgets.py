"""What one request may cost, and how much of an answer it gets when that is used up."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.budget import CURRENT, Budget
from adapters.model import Part, RunRecord
from gateway.cache import RunCache
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from gateway.flight import Flights
from gateway.providers import Provider
from gateway.service import RunService
from gateway.settings import CacheSettings
from tests.adapters.waiting import settle
from tests.support import LONG_MS, patiently, run

from .asking import NO_CACHE, Gateway
from .calls import PROVIDERS, calls, ended_run, on_nodes, on_run, run_ids
from .conftest import Open
from .fake import FakeAdapter, Gate, ended
from .told import Told, ask, told


def slow(world: DemoWorld, provider: str) -> None:
    """Let a provider answer too late for everybody."""
    world.simulators[provider].faults.add(Fault(latency_ms=LONG_MS))


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestDeadline:
    @pytest.mark.parametrize("provider", ["refactor", "bridgetown"])
    def test_what_is_not_there_is_null_and_the_rest_stays(
        self, open_gateway: Open, world: DemoWorld, provider: str
    ) -> None:
        others = [name for name in PROVIDERS if name != provider]
        ids = {name: f"{name}:{ended_run(world, name)}" for name in PROVIDERS}

        def check(limit_ms: int) -> None:
            world.reset()
            gateway = open_gateway(server={"deadline_ms": limit_ms}, cache=dict(NO_CACHE))
            ask(gateway, on_nodes("status"), ids=list(ids.values()))
            slow(world, provider)
            answer = ask(gateway, on_nodes("status"), ids=list(ids.values()))
            found = {name for name, node in zip(ids, answer["data"]["nodes"], strict=True) if node is not None}
            assert found == set(others)
            (error,) = answer["errors"]
            assert error["path"] == ["nodes", list(ids).index(provider)]
            assert told(error) == Told("TIMEOUT", retryable=True).extensions(provider)

        patiently(check, 300)
        # The gateways say good-bye to it.
        world.reset()

    def test_one_slow_run_of_many(self, open_gateway: Open, world: DemoWorld) -> None:
        native_ids = world.refactor.native_ids()[:6]
        world.refactor.faults.add(Fault(match=native_ids[1], latency_ms=LONG_MS))

        def check(limit_ms: int) -> None:
            limits = {"server": {"deadline_ms": limit_ms}, "feed": {"concurrency": 2}}
            gateway = open_gateway(**limits, cache=dict(NO_CACHE))
            answer = ask(gateway, on_nodes("status"), ids=run_ids("refactor", native_ids))
            assert [number for number, node in enumerate(answer["data"]["nodes"]) if node is None] == [1]

        patiently(check, 300)

    def test_lists_keep_to_it(self, open_gateway: Open, world: DemoWorld) -> None:
        slow(world, "middesk")
        query = """{ runs(filter: {providers: ["eigenpal", "middesk"]}) {
            nodes { id } sources { provider error { code } }
        } }"""

        def check(limit_ms: int) -> None:
            runs = ask(open_gateway(server={"deadline_ms": limit_ms}), query)["data"]["runs"]
            assert runs["sources"] == [
                {"provider": "eigenpal", "error": None},
                {"provider": "middesk", "error": {"code": "TIMEOUT"}},
            ]
            assert runs["nodes"]

        patiently(check, 300)

    def test_a_report_has_its_own(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(server={"deadline_ms": 1}, feed={"report_max_upstream_calls": 100_000})
        query = '{ usage(filter: {providers: ["eigenpal"]}) { isComplete total { runs } } }'
        assert ask(gateway, query)["data"]["usage"]["total"]["runs"] == len(world.eigenpal.native_ids())

    def test_nothing_is_started_when_it_is_over(self) -> None:
        adapter = FakeAdapter(ended)
        service = RunService(RunCache.in_memory(CacheSettings()))

        async def load() -> Mapping[str, Any]:
            CURRENT.set(Budget(seconds=-1))
            return await service.load(Provider("fake", adapter), {"1": frozenset(), "2": frozenset()})

        outcomes = run(load())
        assert {outcome.code.value for outcome in outcomes.values()} == {"TIMEOUT"}
        assert adapter.calls == []


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestCalls:
    def test_beyond_the_cap_there_is_an_error(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(server={"max_upstream_calls": 3})
        ids = run_ids("refactor", world.refactor.native_ids()[:5])
        answer = ask(gateway, on_nodes("status"), ids=ids)
        assert [node is None for node in answer["data"]["nodes"]] == [False, False, False, True, True]
        assert len(calls(world, "refactor")) == 3
        for error in answer["errors"]:
            assert told(error) == Told("QUOTA_EXCEEDED").extensions("refactor")
            assert error["message"] == "refactor: not called, since this request has used up its 3 upstream calls"
        # The next request has its own.
        assert None not in ask(gateway, on_nodes("status"), ids=ids)["data"]["nodes"]

    def test_reports_have_their_own(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(server={"max_upstream_calls": 1}, feed={"report_max_upstream_calls": 4})
        query = '{ usage(filter: {providers: ["refactor", "middesk"]}) { sources { provider error { code } } } }'
        usage = ask(gateway, query.replace('"refactor", ', ""))["data"]["usage"]
        assert usage["sources"] == [{"provider": "middesk", "error": None}]
        assert 1 < len(calls(world, "middesk")) <= 4

    def test_exports_have_their_own(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(
            server={"max_upstream_calls": 1, "deadline_ms": 1}, feed={"report_max_upstream_calls": 3}
        )
        lines = gateway.get("/export/runs.ndjson?providers=eigenpal&columns=id,debug.traceId&maxRuns=10").text
        assert len(calls(world, "eigenpal")) == 3
        summary = json.loads(lines.splitlines()[-1])
        assert (summary["_end"]["rows"], summary["_end"]["rowsFailed"]) == (10, 8)


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestRetries:
    def test_aliases_share_them(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(server={"max_retries": 3}, cache=dict(NO_CACHE))
        world.refactor.faults.add(Fault(status=503))
        native_ids = world.refactor.native_ids()[:4]
        aliases = " ".join(f'r{n}: run(id: "refactor:{native_id}") {{ id }}' for n, native_id in enumerate(native_ids))
        answer = ask(gateway, f"{{ {aliases} }}")
        assert answer["data"] == dict.fromkeys(["r0", "r1", "r2", "r3"])
        assert len(calls(world, "refactor")) == 4 + 3

    @pytest.mark.parametrize(("provider", "expected"), [(name, 2) for name in PROVIDERS])
    def test_one_failure_is_not_seen(self, uncached: Gateway, world: DemoWorld, provider: str, expected: int) -> None:
        native_id = ended_run(world, provider)
        ask(uncached, on_run("status"), id=f"{provider}:{native_id}")
        world.simulators[provider].reset()
        world.simulators[provider].faults.add(Fault(status=503, times=1))
        answer = ask(uncached, on_run("status"), id=f"{provider}:{native_id}")
        assert answer["data"]["run"]["status"] == "SUCCEEDED"
        assert len(world.simulators[provider].calls) == expected

    def test_a_report_may_repeat_a_share_of_its_calls(self, open_gateway: Open, world: DemoWorld) -> None:
        gateway = open_gateway(feed={"report_retry_percent": 0})
        world.middesk.faults.add(Fault(status=503))
        ask(gateway, '{ usage(filter: {providers: ["middesk"]}) { isComplete } }')
        assert len(calls(world, "middesk")) == 1

    def test_an_open_circuit_costs_no_call(self, open_gateway: Open, world: DemoWorld) -> None:
        keys = {"breaker_failures": 2, "breaker_pause_ms": 60_000, "max_pause_ms": 60_000, "max_retries": 0}
        gateway = open_gateway(refactor=keys, cache=dict(NO_CACHE))
        world.refactor.faults.add(Fault(status=500))
        ids = run_ids("refactor", world.refactor.native_ids()[:3])
        *_, last = [gateway.errors(on_run("status"), id=run_id) for run_id in ids]
        extensions = last[0]["extensions"]
        assert len(calls(world, "refactor")) == 2
        assert (extensions["code"], extensions["retryable"]) == ("UNAVAILABLE", True)
        assert 0 < extensions["retryAfterMs"] <= 60_000
        health = gateway.data(HEALTH)["providers"][0]["health"]
        assert 0 < health.pop("retryAfterMs") <= 60_000
        # The state is of the calls that were made.
        assert health == {
            "state": "FAILING",
            "lastErrorCode": "INTERNAL",
            "circuit": "OPEN",
            "callsInFlight": 0,
            "calls": 2,
            "callsRetried": 0,
            "callsRefused": 1,
        }


HEALTH = """{ providers { health {
    state lastErrorCode circuit retryAfterMs callsInFlight calls callsRetried callsRefused
} } }"""


class Spending:
    """An adapter's answer that makes one upstream call as soon as `go` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.gate = Gate(self.go)
        self.paid: list[bool] = []

    async def __call__(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        found = await self.gate(native_id, parts)
        self.paid.append(CURRENT.get().take_call())
        if not self.paid[-1]:
            raise RuntimeError("nobody pays")
        return found


class TestSharedWork:
    """One look-up for several requests, each with a budget of its own."""

    def test_goes_on_while_one_has_time(self) -> None:
        async def scenario() -> None:
            spending = Spending()
            service = RunService(RunCache.in_memory(CacheSettings()))
            provider = Provider("fake", FakeAdapter(spending))

            async def load(budget: Budget) -> Any:
                CURRENT.set(budget)
                return (await service.load(provider, {"1": frozenset()}))["1"]

            hasty = asyncio.create_task(load(Budget(seconds=0.02)))
            patient = asyncio.create_task(load(Budget(seconds=60)))
            assert (await hasty).code.value == "TIMEOUT"
            assert spending.gate.cancelled == []
            spending.go.set()
            assert isinstance(await patient, RunRecord)
            assert spending.gate.waiting == ["1"]

        run(scenario())

    def test_ends_when_nobody_has_time(self) -> None:
        async def scenario() -> None:
            spending = Spending()
            service = RunService(RunCache.in_memory(CacheSettings()))
            provider = Provider("fake", FakeAdapter(spending))

            async def load() -> Any:
                CURRENT.set(Budget(seconds=0.02))
                return (await service.load(provider, {"1": frozenset()}))["1"]

            outcomes = await asyncio.gather(load(), load())
            await asyncio.sleep(0)
            assert [outcome.code.value for outcome in outcomes] == ["TIMEOUT"] * 2
            assert spending.gate.cancelled == ["1"]

        run(scenario())

    @pytest.mark.parametrize(("first", "second", "paid"), [(0, 1, True), (1, 0, True), (0, 0, False)])
    def test_whoever_can_pays(self, first: int, second: int, paid: bool) -> None:
        async def scenario() -> None:
            spending = Spending()
            service = RunService(RunCache.in_memory(CacheSettings()))
            provider = Provider("fake", FakeAdapter(spending))

            async def load(calls: int) -> Any:
                CURRENT.set(Budget(calls=calls))
                return (await service.load(provider, {"1": frozenset()}))["1"]

            loading = asyncio.gather(load(first), load(second))
            await settle()
            spending.go.set()
            assert [isinstance(outcome, RunRecord) for outcome in await loading] == [paid] * 2
            assert spending.paid == [paid]

        run(scenario())

    def test_nobody_joins_work_that_lacked_budget(self) -> None:
        async def scenario() -> None:
            flights: Flights[str, str, str] = Flights()
            go = asyncio.Event()
            paid: list[bool] = []

            async def work(wants: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
                is_paid = CURRENT.get().take_call()
                paid.append(is_paid)
                await go.wait()
                return dict.fromkeys(wants, "done" if is_paid else "refused")

            async def fly(calls: int) -> Any:
                CURRENT.set(Budget(calls=calls))
                return (await flights.fly("p", {"k": frozenset()}, work))["k"]

            poor = asyncio.create_task(fly(0))
            await settle()
            rich = asyncio.create_task(fly(1))
            await settle()
            go.set()
            assert (await poor, await rich, paid) == ("refused", "done", [False, True])
            assert len(flights) == 0

        run(scenario())

"""Replicas on one Redis: each upstream call once, whatever Redis does."""

import asyncio
from collections.abc import Callable

import pytest

from adapters.model import Part, RunKind, RunRecord
from adapters.status import RunStatus, StatusSource
from gateway.cache import RunCache
from gateway.caching.keys import Keys
from gateway.caching.shared import MAX_VALUE_BYTES
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.demo.conftest import SettableClock
from tests.gateway.calls import PROVIDERS, all_calls, ended_run, forget_calls, on_nodes, on_run, run_ids
from tests.support import LONG_MS, run

from .redis_process import PASSWORD, PATIENT, RedisProcess
from .support import Clock, configured, replicas, sharing, together


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    for _ in range(3_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not happen")


class TestOneAfterTheOther:
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_what_one_looked_up_the_other_knows(
        self, world: DemoWorld, redis_server: RedisProcess, provider: str
    ) -> None:
        run_id = f"{provider}:{ended_run(world, provider)}"
        query = on_run(
            "status rawStatus createdAt output raw usage { inputTokens cost { amount } } steps { id } files { name }"
        )

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                first = await one.send(query, id=run_id)
                forget_calls(world)
                assert (await other.send(query, id=run_id)).content == first.content
                assert all_calls(world) == {}

        run(body())

    def test_what_another_knows_not_all_of(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        native_id = ended_run(world, "eigenpal")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                await one.data(on_run("usage { inputTokens }"), id=f"eigenpal:{native_id}")
                both = on_run("usage { inputTokens } input")
                await other.data(both, id=f"eigenpal:{native_id}")
                await one.data(both, id=f"eigenpal:{native_id}")
                assert all_calls(world) == {
                    "eigenpal": [f"/runs/{native_id}?expand=input", f"/runs/{native_id}?expand=usage"]
                }

        run(body())

    def test_a_run_that_is_not_there(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        async def body() -> None:
            async with replicas(*sharing(world, redis_server, not_found_ttl=60)) as gateways:
                for gateway in gateways:
                    assert await gateway.data(on_run("status"), id="refactor:nothing") == {"run": None}
                assert all_calls(world) == {"refactor": ["/run/nothing"]}

        run(body())

    def test_a_run_in_progress(self, world: DemoWorld, redis_server: RedisProcess, clock: SettableClock) -> None:
        running = world.refactor.by_status["running"][0]

        async def body() -> None:
            time = Clock()
            async with replicas(*sharing(world, redis_server, live_ttl=60), clock=time) as gateways:
                for gateway in gateways:
                    await gateway.data(on_run("status"), id=f"refactor:{running}")
                assert all_calls(world) == {"refactor": [f"/run/{running}"]}
                time.now += 61
                for gateway in gateways:
                    await gateway.data(on_run("status"), id=f"refactor:{running}")
                assert all_calls(world) == {"refactor": [f"/run/{running}"] * 2}

        run(body())


class TestAtTheSameTime:
    def test_each_call_is_made_once(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        ids = [
            run_id for provider in PROVIDERS for run_id in run_ids(provider, getattr(world, provider).native_ids()[:8])
        ]
        query = on_nodes("status isTerminal")

        async def body() -> None:
            # Runs in progress live long enough for the slowest machine.
            settings = sharing(world, redis_server, live_ttl=600, waiting_ttl=600)
            async with replicas(*settings, *settings) as gateways:
                answers = await together(*(gateway.data(query, ids=ids) for gateway in gateways for _ in range(3)))
                assert all(answer == answers[0] for answer in answers)

        run(body())
        made = all_calls(world)
        assert {provider: len(calls) for provider, calls in made.items()} == {
            "refactor": 8, "eigenpal": 1, "middesk": 8, "rightbrain": 8, "bridgetown": 8
        }  # fmt: skip
        assert all(len(set(calls)) == len(calls) for calls in made.values())

    def test_different_parts_do_not_wait_for_each_other(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        native_id = ended_run(world, "eigenpal")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                await together(
                    one.data(on_run("usage { inputTokens }"), id=f"eigenpal:{native_id}"),
                    other.data(on_run("input"), id=f"eigenpal:{native_id}"),
                )

        run(body())
        assert all_calls(world) == {"eigenpal": [f"/runs/{native_id}?expand=input", f"/runs/{native_id}?expand=usage"]}

    def test_a_replica_that_died_holds_nobody_up(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        native_id = ended_run(world, "refactor")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server, lock_ttl=0.1)) as (one, _):
                await one.data(on_run("status"), id="refactor:other")
                client = redis_server.client()
                (stored,) = [key for key in redis_server.contents() if ":run:" in key]
                # Somebody took the lock and never came back; the lease is the lock's only end.
                lock = stored.replace(":run:", ":lock:").removesuffix("other") + f"{native_id}:"
                assert client.set(lock, b"dead", px=100)
                await one.data(on_run("status"), id=f"refactor:{native_id}")
                client.close()

        run(body())
        assert all_calls(world)["refactor"] == sorted([f"/run/{native_id}", "/run/other"])

    def test_a_caller_that_leaves_holds_nobody_up(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        native_id = ended_run(world, "refactor")

        def locks() -> list[str]:
            return [key for key in redis_server.contents() if ":lock:" in key]

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                world.refactor.faults.add(Fault(latency_ms=LONG_MS, times=1))
                asking = asyncio.ensure_future(one.send(on_run("status"), id=f"refactor:{native_id}"))
                await until(lambda: bool(world.refactor.calls))
                assert len(locks()) == 1
                asking.cancel()
                await until(lambda: not locks())
                assert (await other.data(on_run("nativeId"), id=f"refactor:{native_id}"))["run"]

        run(body())

    def test_locks_are_let_go(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, _):
                await one.data(on_nodes("status"), ids=["refactor:none", f"refactor:{ended_run(world, 'refactor')}"])
                assert not [key for key in redis_server.contents() if ":lock:" in key]

        run(body())


class TestWhatIsStored:
    def test_not_what_takes_too_long_to_move(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        large, small = (
            RunRecord(
                provider="refactor",
                native_id=native_id,
                kind=RunKind.AGENT,
                status=RunStatus.SUCCEEDED,
                raw_status=None,
                status_source=StatusSource.REPORTED,
                is_terminal=True,
                metadata={"text": "x" * size},
            )
            for native_id, size in (("large", MAX_VALUE_BYTES), ("small", MAX_VALUE_BYTES // 2))
        )

        async def body() -> None:
            settings = configured(world, url=redis_server.url, **PATIENT).cache
            caches = [RunCache.open(settings, Keys.of(settings), [RunRecord]) for _ in range(2)]
            await caches[0].keep("p", {"large": large, "small": small}, {})
            wants: dict[str, frozenset[Part]] = {"large": frozenset(), "small": frozenset()}
            assert [sorted(await cache.find("p", wants)) for cache in caches] == [["large", "small"], ["small"]]
            for cache in caches:
                await cache.close()

        run(body())

    def test_no_credential_and_an_end_for_everything(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        async def body() -> None:
            async with replicas(*sharing(world, redis_server, secret="a secret of ours")) as (one, _):
                ids = [f"{provider}:{ended_run(world, provider)}" for provider in PROVIDERS]
                await one.data(on_nodes("status raw"), ids=ids)

        run(body())
        contents = redis_server.contents()
        assert len(contents) == 5
        secrets = [world.rightbrain.client_secret, PASSWORD, "a secret of ours"]
        secrets += [simulator.token for simulator in world.simulators.values()]
        for key, value in contents.items():
            assert not [secret for secret in secrets if secret in key or secret.encode() in value]
            assert 0 < redis_server.client().pttl(key) <= (600 * 1.1 + 86_400) * 1000

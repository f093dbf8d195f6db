"""Replicas on one Redis: each upstream call once, whatever Redis does."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from gateway.settings import Settings
from tests.demo.conftest import SettableClock
from tests.gateway.calls import PROVIDERS, all_calls, ended_run, forget_calls, on_nodes, on_run, run_ids
from tests.support import run

from .redis_process import PASSWORD, RedisProcess, way_to
from .support import Clock, configured, replicas, together

PATIENT: Mapping[str, Any] = {"url_timeout_ms": 10_000, "lock_ttl": 30}
"""No outcome depends on how fast the machine is."""


Damage = Callable[[bytes], bytes]
DAMAGES: dict[Damage, str] = {
    lambda value: b"": "empty",
    lambda value: b"\x80": "a byte",
    lambda value: b"x" * 10_000: "noise",
    lambda value: value[:-1]: "cut",
    lambda value: value[:40] + bytes([value[40] ^ 1]) + value[41:]: "a bit",
    lambda value: b"\x80\x04\x95" + value: "a pickle",
    lambda value: value[:16] + b"\x91" * 100_000: "deep",
}


def sharing(world: DemoWorld, redis: RedisProcess, **cache: Any) -> tuple[Settings, Settings]:
    """Two gateways with the same configuration."""
    settings = configured(world, url=redis.url, **{**PATIENT, **cache})
    return settings, settings


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
                world.refactor.faults.add(Fault(latency_ms=2_000, times=1))
                asking = asyncio.ensure_future(one.send(on_run("status"), id=f"refactor:{native_id}"))
                while not locks():
                    await asyncio.sleep(0.01)
                asking.cancel()
                while locks():
                    await asyncio.sleep(0.01)
                assert (await other.data(on_run("nativeId"), id=f"refactor:{native_id}"))["run"]

        run(body())

    def test_locks_are_let_go(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, _):
                await one.data(on_nodes("status"), ids=["refactor:none", f"refactor:{ended_run(world, 'refactor')}"])
                assert not [key for key in redis_server.contents() if ":lock:" in key]

        run(body())


class TestTrouble:
    def test_redis_dies_and_comes_back(
        self, world: DemoWorld, redis_server: RedisProcess, caplog: pytest.LogCaptureFixture
    ) -> None:
        ids = list(world.refactor.by_status["completed"][:6])

        async def ask(gateway: Any, native_id: str) -> None:
            data = await gateway.data(on_run("nativeId"), id=f"refactor:{native_id}")
            assert data["run"]["nativeId"] == native_id

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                await ask(one, ids[0])
                redis_server.stop()
                for gateway in (one, other):
                    for native_id in ids[1:4]:
                        await ask(gateway, native_id)
                assert all_calls(world)["refactor"] == sorted(
                    [f"/run/{ids[0]}", *(f"/run/{native_id}" for native_id in ids[1:4] * 2)]
                )
                # What a process knows itself it still knows.
                forget_calls(world)
                for native_id in ids[1:4]:
                    await ask(one, native_id)
                assert all_calls(world) == {}
                redis_server.start()
                await recovered(one, other)
                forget_calls(world)
                for gateway in (one, other):
                    await ask(gateway, ids[5])
                assert all_calls(world) == {"refactor": [f"/run/{ids[5]}"]}

        async def recovered(*gateways: Any) -> None:
            for gateway in gateways:
                for _ in range(200):
                    await gateway.data(on_run("status"), id="refactor:nothing")
                    if any(":run:" in key for key in redis_server.contents()):
                        break
                    await asyncio.sleep(0.1)
                redis_server.client().flushall()

        run(body())
        said = [message for message in caplog.messages if "shared cache" in message]
        assert len([message for message in said if "does not answer" in message]) == 2
        assert len([message for message in said if "answers again" in message]) == 2
        assert PASSWORD not in caplog.text

    def test_redis_is_not_there_from_the_start(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        redis_server.stop()
        native_id = ended_run(world, "refactor")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as gateways:
                for _ in range(2):
                    for gateway in gateways:
                        await gateway.data(on_run("status"), id=f"refactor:{native_id}")

        run(body())
        assert all_calls(world) == {"refactor": [f"/run/{native_id}"] * 2}

    def test_redis_hangs(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        """Two calls wait for it in vain at most, one after the other; then it is left alone."""
        ids = world.refactor.by_status["completed"][:20]

        async def body() -> int:
            async with way_to(redis_server.port) as way:
                url = redis_server.url.replace(str(redis_server.port), str(way.port))
                async with replicas(configured(world, url=url, url_timeout_ms=50)) as (gateway,):
                    way.hangs = True
                    for native_id in ids:
                        data = await gateway.data(on_run("nativeId"), id=f"refactor:{native_id}")
                        assert data["run"]["nativeId"] == native_id
                return way.connections

        connections = run(body())
        assert all_calls(world) == {"refactor": sorted(f"/run/{native_id}" for native_id in ids)}
        assert connections < len(ids)

    def test_redis_refuses_to_store(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        client = redis_server.client()
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        client.close()
        native_id = ended_run(world, "refactor")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, _):
                for _ in range(2):
                    await one.data(on_run("status"), id=f"refactor:{native_id}")

        run(body())
        assert all_calls(world) == {"refactor": [f"/run/{native_id}"]}

    @pytest.mark.parametrize("damage", DAMAGES, ids=DAMAGES.__getitem__)
    def test_a_value_that_is_none_is_looked_up(
        self, world: DemoWorld, redis_server: RedisProcess, damage: Damage
    ) -> None:
        native_id = ended_run(world, "refactor")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                first = await one.send(on_run("status raw"), id=f"refactor:{native_id}")
                client = redis_server.client()
                ((key, value),) = redis_server.contents().items()
                client.set(key, damage(value), keepttl=True)
                client.close()
                assert (await other.send(on_run("status raw"), id=f"refactor:{native_id}")).content == first.content

        run(body())
        assert all_calls(world) == {"refactor": [f"/run/{native_id}"] * 2}

    def test_a_value_of_another_type_is_looked_up(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        native_id = ended_run(world, "refactor")

        async def body() -> None:
            async with replicas(*sharing(world, redis_server)) as (one, other):
                await one.data(on_run("status"), id=f"refactor:{native_id}")
                (key,) = redis_server.contents()
                client = redis_server.client()
                client.delete(key)
                client.lpush(key, "a list")
                client.close()
                await other.data(on_run("status"), id=f"refactor:{native_id}")

        run(body())
        assert all_calls(world) == {"refactor": [f"/run/{native_id}"] * 2}


class TestWhatIsStored:
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

"""Redis that dies, hangs, is full, or holds what nobody wrote: the gateways go on without it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.demo.world import DemoWorld
from tests.gateway.calls import all_calls, ended_run, forget_calls, on_run
from tests.support import run

from .redis_process import PASSWORD, RedisProcess, way_to
from .support import configured, replicas, sharing

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


def test_redis_dies_and_comes_back(
    world: DemoWorld, redis_server: RedisProcess, caplog: pytest.LogCaptureFixture
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


def test_redis_is_not_there_from_the_start(world: DemoWorld, redis_server: RedisProcess) -> None:
    redis_server.stop()
    native_id = ended_run(world, "refactor")

    async def body() -> None:
        async with replicas(*sharing(world, redis_server)) as gateways:
            for _ in range(2):
                for gateway in gateways:
                    await gateway.data(on_run("status"), id=f"refactor:{native_id}")

    run(body())
    assert all_calls(world) == {"refactor": [f"/run/{native_id}"] * 2}


def test_redis_hangs(world: DemoWorld, redis_server: RedisProcess) -> None:
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


def test_redis_refuses_to_store(world: DemoWorld, redis_server: RedisProcess) -> None:
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
def test_a_value_that_is_none_is_looked_up(world: DemoWorld, redis_server: RedisProcess, damage: Damage) -> None:
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


def test_a_value_of_another_type_is_looked_up(world: DemoWorld, redis_server: RedisProcess) -> None:
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

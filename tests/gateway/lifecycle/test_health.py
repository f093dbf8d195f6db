"""/livez and /readyz: what counts, what does not, and that nothing secret is said."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.app import create_app
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from gateway.settings import Settings, parse
from tests.gateway.caching.redis_process import PASSWORD, RedisProcess, require_redis, way_to
from tests.support import run

OK = {"config": "ok", "cache": "ok"}
UNREACHABLE = {"config": "ok", "cache": "unreachable"}


def configured(world: DemoWorld, **cache: object) -> Settings:
    return parse({**world.configuration(), "cache": cache})


async def probe(client: httpx.AsyncClient) -> tuple[int, object]:
    response = await client.get("/readyz")
    assert response.headers["cache-control"] == "no-store"
    assert PASSWORD not in response.text
    return response.status_code, response.json()


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a gateway that runs while the block does."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client,
    ):
        yield client


def test_providers_do_not_count(world: DemoWorld) -> None:
    for simulator in world.simulators.values():
        simulator.faults.add(Fault(status=503))

    async def body() -> tuple[int, object]:
        async with client_of(configured(world)) as client:
            return await probe(client)

    assert run(body()) == (200, {"status": "ok", "checks": OK})
    assert [simulator.calls for simulator in world.simulators.values()] == [[]] * 5


def test_a_shared_cache_that_comes_and_goes(world: DemoWorld, tmp_path: Path) -> None:
    require_redis()
    redis = RedisProcess(tmp_path)
    redis.start()
    try:

        async def body() -> None:
            async with client_of(configured(world, url=redis.url, url_timeout_ms=10_000)) as client:
                assert await probe(client) == (200, {"status": "ok", "checks": OK})
                redis.stop()
                # The second is answered without asking: a pause follows a failure.
                for _ in range(2):
                    assert await probe(client) == (200, {"status": "degraded", "checks": UNREACHABLE})
                redis.start()
                while (await probe(client))[1] != {"status": "ok", "checks": OK}:
                    pass

        run(body())
    finally:
        redis.stop()


@pytest.mark.parametrize("wrong_password", [True, False])
def test_a_shared_cache_that_does_not_answer(world: DemoWorld, tmp_path: Path, wrong_password: bool) -> None:
    require_redis()
    redis = RedisProcess(tmp_path)
    redis.start()
    try:

        async def body() -> None:
            async with way_to(redis.port) as way:
                way.hangs = not wrong_password
                password = "not-this-one" if wrong_password else PASSWORD
                settings = configured(world, url=f"redis://:{password}@127.0.0.1:{way.port}/3", url_timeout_ms=20)
                async with client_of(settings) as client:
                    assert await probe(client) == (200, {"status": "degraded", "checks": UNREACHABLE})

        run(body())
    finally:
        redis.stop()

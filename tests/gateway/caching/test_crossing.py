"""Nobody gets what was looked up with another credential, or at another place, whatever is shared."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.types import Scope

from adapters.errors import Unauthenticated
from adapters.model import Part, RunRecord
from gateway.cache import RunCache
from gateway.caching.answers import Answers
from gateway.caching.counts import Counts
from gateway.context import Context
from gateway.demo.world import DemoWorld
from gateway.endpoint import Endpoint
from gateway.freshness import Freshness
from gateway.providers import Provider, Providers
from gateway.schema import build, run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings, Settings, parse
from tests.gateway.calls import all_calls, ended_run, forget_calls, on_run
from tests.gateway.fake import NONE, BatchingAdapter, FakeAdapter, Gate, record
from tests.support import run

from .redis_process import PATIENT, RedisProcess
from .support import Clock, replicas

ASK = on_run("nativeId status raw")


def answering(output: str) -> FakeAdapter:
    """A provider that gives every run this output."""

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        return record(native_id, parts | {Part.OUTPUT}, output=output)

    return FakeAdapter(answer)


class TestOneProcess:
    """Providers with the same name and runs with the same ids, and everything else shared."""

    def test_what_is_kept(self) -> None:
        async def body() -> None:
            service = RunService(RunCache.in_memory(CacheSettings()))
            mine, yours = (Provider("fake", answering(who), source=f"fake:{who}") for who in ("mine", "yours"))
            for _ in range(2):
                for provider, output in ((mine, "mine"), (yours, "yours")):
                    found = (await service.load(provider, {"1": NONE}))["1"]
                    assert isinstance(found, RunRecord)
                    assert found.output == output

        run(body())

    def test_providers_that_nobody_named_share_nothing(self) -> None:
        async def body() -> None:
            service = RunService(RunCache.in_memory(CacheSettings()))
            first, second = answering("a"), answering("b")
            await service.load(Provider("fake", first), {"1": NONE})
            await service.load(Provider("fake", second), {"1": NONE})
            assert (len(first.calls), len(second.calls)) == (1, 1)

        run(body())

    @pytest.mark.parametrize("adapter", [FakeAdapter, BatchingAdapter])
    def test_what_is_on_its_way(self, adapter: type[FakeAdapter]) -> None:
        async def body() -> None:
            service = RunService(RunCache.in_memory(CacheSettings()))
            gates = [Gate(), Gate()]
            loads = [
                asyncio.ensure_future(service.load(Provider("fake", adapter(gate)), dict.fromkeys("ab", NONE)))
                for gate in gates
            ]
            for _ in range(10):
                await asyncio.sleep(0)
            assert all(gate.waiting for gate in gates)
            for gate in gates:
                gate.opened.set()
            await asyncio.gather(*loads)

        run(body())

    def test_what_stands_in_for_a_failure(self) -> None:
        async def body() -> None:
            clock = Clock()
            service = RunService(RunCache.in_memory(CacheSettings(), clock))
            mine = Provider("fake", answering("mine"), source="fake:mine")
            await service.load(mine, {"1": NONE})
            clock.now += 700

            async def refuse(native_id: str, parts: frozenset[Part]) -> RunRecord:
                raise Unauthenticated(provider="fake")

            # Neither for somebody else, nor for the same one when the credential is not accepted any more.
            for source in ("fake:yours", "fake:mine"):
                denied = Provider("fake", FakeAdapter(refuse), source=source)
                freshness = Freshness(allows_stale=True)
                assert isinstance((await service.load(denied, {"1": NONE}, freshness))["1"], Unauthenticated)
                assert not freshness.stale

        run(body())


class TestAnswers:
    """Whole answers, for callers that see different runs."""

    def endpoint(self, counts: Counts) -> Endpoint:
        clock = Clock()
        settings = CacheSettings()
        service = RunService(RunCache(settings, clock, counts=counts))
        names = run_type_names()
        outputs = {who: Providers([Provider("fake", answering(who), source=f"fake:{who}")]) for who in ("ann", "bob")}
        asking: list[str] = []

        def identify(scope: Scope) -> str:
            asking.append(Headers(scope=scope)["authorization"])
            return asking[-1]

        def new_context(request_id: str, _scope: Scope) -> Context:
            return Context(outputs[asking[-1]], service, names, 500, request_id)

        answers = Answers(settings, clock, counts)
        return Endpoint(build(), new_context, 1 << 20, None, answers, clock, identify)

    def test_are_each_caller_s_own(self) -> None:
        async def body() -> None:
            counts = Counts()
            transport = httpx.ASGITransport(self.endpoint(counts))
            query = '{ run(id: "fake:1") { output } }'
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
                tags: dict[str, str] = {}
                for _ in range(2):
                    for who in ("ann", "bob"):
                        headers = {"authorization": who}
                        asked = await client.post("/", json={"query": query}, headers=headers)
                        assert asked.json() == {"data": {"run": {"output": who}}}
                        got = await client.get("/", params={"query": query}, headers=headers)
                        assert got.content == asked.content
                        tags[who] = got.headers["etag"]
                assert (counts.answer_misses, counts.answer_hits) == (2, 6)
                at_a_time = [
                    client.post("/", json={"query": query.replace("1", "2")}, headers={"authorization": who})
                    for who in ("ann", "bob") * 2
                ]
                outputs = [answer.json()["data"]["run"]["output"] for answer in await asyncio.gather(*at_a_time)]
                assert outputs == ["ann", "bob"] * 2
                # What one knows already says nothing about what another does.
                crossed = {"authorization": "bob", "if-none-match": tags["ann"]}
                assert (await client.get("/", params={"query": query}, headers=crossed)).status_code == 200

        run(body())


def changed(world: DemoWorld, provider: str, cache: Mapping[str, Any] | None = None, **keys: Any) -> Settings:
    section = {**world.configuration()["providers"][provider], **keys}
    return parse({"providers": {provider: section}, "cache": {**PATIENT, **(cache or {})}})


class TestOneRedis:
    def test_another_credential_finds_nothing(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        cache = {"url": redis_server.url}
        run_id = f"refactor:{ended_run(world, 'refactor')}"

        async def body() -> None:
            mine, yours = changed(world, "refactor", cache), changed(world, "refactor", cache, token="stolen-nothing")
            async with replicas(mine, yours) as (one, other):
                assert (await one.data(ASK, id=run_id))["run"]
                refused = (await other.send(ASK, id=run_id)).json()
                assert refused["data"] == {"run": None}
                assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
                assert (await one.data(ASK, id=run_id))["run"]

        run(body())
        assert len(all_calls(world)["refactor"]) == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"base_url": "{}/"},
            {"client_secret": "another"},
            {"client_id": "another"},
            {"project_id": "another"},
            {"token_url": "{}x"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_other_settings_find_nothing(
        self, world: DemoWorld, redis_server: RedisProcess, change: dict[str, str]
    ) -> None:
        """Every one of them counts. With a slash at the end the address is the same, and so is the name."""
        key, value = next(iter(change.items()))
        section = world.configuration()["providers"]["rightbrain"]
        cache = {"url": redis_server.url}
        settings = (
            changed(world, "rightbrain", cache),
            changed(world, "rightbrain", cache, **{key: value.format(section[key])}),
        )
        run_id = f"rightbrain:{ended_run(world, 'rightbrain')}"

        async def body() -> None:
            async with replicas(*settings) as (one, other):
                assert (await one.data(ASK, id=run_id))["run"]
                forget_calls(world)
                await other.send(ASK, id=run_id)

        run(body())
        simulator = world.simulators["rightbrain"]
        assert bool(simulator.calls) is (key != "base_url")
        simulator.calls.clear()

    def test_another_secret_of_ours_finds_nothing(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        run_id = f"refactor:{ended_run(world, 'refactor')}"
        caches = [{"url": redis_server.url, "secret": secret} for secret in ("one", "two")]

        async def body() -> None:
            async with replicas(*(changed(world, "refactor", cache) for cache in caches)) as gateways:
                for gateway in gateways:
                    assert (await gateway.data(ASK, id=run_id))["run"]

        run(body())
        assert len(all_calls(world)["refactor"]) == 2
        assert len(redis_server.contents()) == 2

    def test_a_value_moved_to_another_s_place_is_not_read(self, world: DemoWorld, redis_server: RedisProcess) -> None:
        """By somebody who can write to Redis, or by a client that mixes up replies."""
        cache = {"url": redis_server.url, "not_found_ttl": 60}
        first, second = world.refactor.by_status["completed"][:2]

        async def body() -> None:
            settings = changed(world, "refactor", cache)
            yours = changed(world, "refactor", cache, token="stolen-nothing")
            async with replicas(settings, settings, yours) as (one, other, stranger):
                for native_id in (first, second, "nothing"):
                    await one.data(ASK, id=f"refactor:{native_id}")
                client = redis_server.client()
                contents = redis_server.contents()
                (mine,) = [key for key in contents if key.endswith(first)]
                for key in contents:
                    client.set(key, contents[mine])
                assert (await other.data(ASK, id=f"refactor:{second}"))["run"]["nativeId"] == second
                assert (await other.data(ASK, id="refactor:nothing"))["run"] is None
                # The place where the stranger would look is known from what a look there leaves behind.
                names = {key.split(":")[3] for key in redis_server.contents()}
                assert len(names) == 1
                refused = (await stranger.send(ASK, id=f"refactor:{first}")).json()
                assert refused["data"] == {"run": None}
                client.close()

        run(body())

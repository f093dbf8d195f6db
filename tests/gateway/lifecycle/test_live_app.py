"""An application that is given other settings: what it keeps, what it closes and when, what happens where it can't."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from uvicorn.lifespan.off import LifespanOff

from gateway import reloading
from gateway.app import GRAPHQL_PATH
from gateway.auth.keys import hash_of, make_key
from gateway.demo.world import DemoWorld
from gateway.health import RELOAD_FAILED
from gateway.reloading import LiveApp, make_app, reread
from gateway.serving import Server
from gateway.settings import Settings, load, parse
from tests.gateway.calls import all_calls, ended_run
from tests.streams import stream_server
from tests.support import run

SECRET = "secret-in-an-exception-88f0"


def configured(world: DemoWorld, **changes: Any) -> Settings:
    """One provider, with other values for some keys; `cache` is a section."""
    cache = changes.pop("cache", {})
    section = world.configuration()["providers"]["refactor"] | changes
    return parse({"providers": {"refactor": section}, "cache": cache})


def nothing() -> Collection[asyncio.Task[Any]]:
    return ()


async def ask(app: ASGIApp, run_id: str) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:
        return (await client.post(GRAPHQL_PATH, json={"query": f'{{ run(id: "{run_id}") {{ id }} }}'})).json()


class Lifespan:
    """Starts an application, and ends it with the block, as a server does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._received: asyncio.Queue[Any] = asyncio.Queue()
        self._sent: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._received.get, self._sent.put))
        await self._received.put({"type": "lifespan.startup"})
        assert (await self._sent.get())["type"] == "lifespan.startup.complete"

    async def __aexit__(self, *_: object) -> None:
        await self._received.put({"type": "lifespan.shutdown"})
        await self._task
        assert (await self._sent.get())["type"] == "lifespan.shutdown.complete"


def test_runs_are_kept_for_those_who_ask_as_before(world: DemoWorld) -> None:
    run_id = f"refactor:{ended_run(world, 'refactor')}"

    async def body() -> list[int]:
        app = LiveApp(configured(world))
        calls: list[int] = []
        async with Lifespan(app):
            for change in ({}, {}, {"timeout_ms": 9_000}, {"cache": {"live_ttl": 2}}):
                await app.adopt(configured(world, **change), nothing)
                assert await ask(app, run_id) == {"data": {"run": {"id": run_id}}}
                calls.append(len(all_calls(world)["refactor"]))
        return calls

    # Another source, and another cache, know nothing yet.
    assert run(body()) == [1, 1, 2, 3]


def test_connections_close_after_the_last_request_that_may_use_them(world: DemoWorld) -> None:
    async def body() -> None:
        arrived, ended = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                arrived.set()
                await reader.read()
            finally:
                ended.set()

        async with (
            stream_server(serve) as port,
            Lifespan(app := LiveApp(configured(world, base_url=f"http://127.0.0.1:{port}"))),
        ):
            await ask(app, "refactor:x")
            request = asyncio.ensure_future(asyncio.Event().wait())
            await app.adopt(configured(world), lambda: {request})
            await ask(app, f"refactor:{ended_run(world, 'refactor')}")
            assert arrived.is_set()
            assert not ended.is_set()
            request.cancel()
            await ended.wait()

    run(body())


def test_nothing_is_left_of_an_application_that_is_closed(world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caches can be most of the process. Something, as an idle connection, has hold of it when it closes."""
    monkeypatch.setattr(reloading, "SECONDS_TO_LET_GO", 0.05)

    async def body() -> None:
        async with Lifespan(app := make_app(configured(world))):
            for timeout_ms in (8_000, 9_000):
                held, gone = [app._app.router], asyncio.Event()  # pyright: ignore[reportPrivateUsage]
                weakref.finalize(held[0], gone.set)
                answer = asyncio.Event()
                request = asyncio.ensure_future(answer.wait())
                await app.adopt(configured(world, timeout_ms=timeout_ms), partial(set[Any], {request}))
                (closing,) = app._closing  # pyright: ignore[reportPrivateUsage]
                closing.add_done_callback(lambda _, held=held: held.clear())
                answer.set()
                await asyncio.wait_for(gone.wait(), 30)

    threshold = gc.get_threshold()
    try:
        run(body())
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


def test_what_can_not_be_set_up_changes_nothing(
    world: DemoWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = f"refactor:{ended_run(world, 'refactor')}"

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    async def body() -> tuple[bool, bool, Any]:
        settings = configured(world)
        app = LiveApp(settings)
        server = Server(app, settings.server)
        server.lifespan = LifespanOff(server.config)
        async with Lifespan(app):
            monkeypatch.setattr(reloading, "create_app", fail)
            adopted = await reloading.adopt(server, app, settings)
            return adopted, server.lifespan.state[RELOAD_FAILED], await ask(app, run_id)

    with caplog.at_level(logging.WARNING):
        assert run(body()) == (False, True, {"data": {"run": {"id": run_id}}})
    assert [message.partition("\n")[0] for message in caplog.messages] == [
        "the configuration stays as it was: unexpected RuntimeError"
    ]
    assert SECRET not in caplog.text


def test_signals_during_a_reload_lead_to_one_more() -> None:
    async def body() -> int:
        count = 0
        go, done = asyncio.Event(), asyncio.Event()

        async def reload() -> None:
            nonlocal count
            count += 1
            await go.wait()
            if count == 2:
                done.set()

        reloads = reloading.Reloads(reload)
        for _ in range(5):
            reloads.want()
            await asyncio.sleep(0)
        go.set()
        await done.wait()
        await asyncio.sleep(0)
        return count

    assert run(body()) == 2


def test_a_reload_does_not_let_everybody_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "rungraph.toml"
    provider = '[providers.eigenpal]\nbase_url = "https://eigenpal.example/api/v1"\ntoken = "env:HOME"\n'
    key = f'[auth.keys.reports]\nhash = "{hash_of(make_key())}"\n'
    file.write_text(key + provider)
    guarded = load(file)
    file.write_text(provider)
    assert reread(file, guarded) is None
    assert "nobody would have to say who they are" in caplog.text
    file.write_text(key.replace("reports", "other") + provider)
    reloaded = reread(file, guarded)
    assert reloaded is not None
    assert list(reloaded.auth.keys) == ["other"]

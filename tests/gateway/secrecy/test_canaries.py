"""Canaries in the place of every secret, and nothing that anybody gets to see has one in it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.eigenpal.adapter import EigenpalAdapter
from adapters.refactor import RefactorAdapter
from gateway import crashes
from gateway.cli import app as command
from gateway.demo.faults import Fault
from tests.gateway.caching.redis_process import RedisProcess
from tests.gateway.calls import PROVIDERS

from .driving import BODIES, HEALTH, NODES, ask, everything, ids, serving, written
from .planted import KEY, OTHER_KEY, SECRETS, Listener, Planted


def test_when_all_is_well(plant: Planted, redis_url: tuple[RedisProcess, str]) -> None:
    """And what Redis holds, under which names; and what objects in memory would say of themselves."""
    server, url = redis_url
    with serving(plant, url) as client:
        for credential in (KEY, plant.token):
            headers = plant.headers(credential)
            everything(plant, client, headers)
            page = {"accept": "text/html"}
            plant.said.answer(client.get("/graphql", headers={**headers, **page}))
        answered = ask(plant, client, NODES, plant.headers(), ids=ids(plant)).json()["data"]["nodes"]
        assert [node["status"] for node in answered] == ["SUCCEEDED"] * len(PROVIDERS)
        stored = server.contents()
        assert len(stored) >= len(PROVIDERS)
        for name, value in stored.items():
            plant.said.add("a name in Redis", name)
            plant.said.add("a value in Redis", value)
        plant.look_into_memory()
        server.stop()
        everything(plant, client, plant.headers())
    assert plant.world.eigenpal.storage.calls
    assert plant.world.rightbrain.mint_count


def test_with_every_fault(plant: Planted) -> None:
    """Providers quote what they were sent, in every status."""
    with serving(plant) as client:
        for fault in (
            *(Fault(status=status) for status in (400, 401, 403, 404, 409, 418, 429, 500, 503)),
            Fault(status=302),
            *(Fault(body=body) for body in BODIES),
        ):
            for simulator in plant.world.simulators.values():
                simulator.faults.clear()
                simulator.faults.add(fault)
            plant.world.eigenpal.storage.faults.clear()
            everything(plant, client, plant.headers())
        plant.world.reset()
        plant.world.eigenpal.storage.faults.add(Fault(status=403))
        everything(plant, client, plant.headers())
        # Providers that refuse what they are asked with; a token endpoint, too.
        plant.world.rightbrain.oauth.revoke_tokens()
        plant.world.rightbrain.faults.add(Fault(status=401, match="/oauth2/token"))
        everything(plant, client, plant.headers(upstream="refused"))
        plant.look_into_memory()
    said = b"".join(text for _, text in plant.said.outputs if isinstance(text, bytes))
    # They do quote, and something is put in the place of it.
    assert b"no ***" in said


def test_requests_that_are_refused(plant: Planted) -> None:
    with serving(plant) as client:
        refused = [
            {"authorization": f"Bearer {OTHER_KEY}"},
            {"authorization": f"Bearer {plant.bad_token}"},
            {"authorization": f"Bearer {SECRETS['refused']}"},
            {"authorization": f"Basic {SECRETS['refused']}"},
            {"authorization": f"Bearer a {SECRETS['refused']}"},
            {**plant.headers(), "x-bridgetown-authorization": f"a {SECRETS['refused']} b"},
        ]
        for headers in refused:
            assert ask(plant, client, HEALTH, headers).status_code in (400, 401)
            plant.said.answer(client.get("/export/runs.csv", headers=headers))
            plant.said.answer(client.get("/files/eigenpal:x/y", headers=headers))
        headers = {**plant.headers(), "content-type": "application/json"}
        documents = (b"", b"{", b"[]", b'{"query": 1}', b'{"query": "{ nothing }"}', b'{"query": "{"}')
        for content in (*documents, b"x" * (1 << 20 | 1)):
            plant.said.answer(client.post("/graphql", content=content, headers=headers))
        for method in ("PUT", "DELETE", "OPTIONS"):
            plant.said.answer(client.request(method, "/graphql", headers=headers))


def test_mistakes_in_adapters(plant: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exceptions that nobody expected, with a secret in their text, wherever an adapter may raise one."""

    def fail(*_: object, **__: object) -> Any:
        try:
            raise ValueError(SECRETS["mistake"])
        except ValueError as error:
            raise KeyError(f"Bearer {SECRETS['mistake']}") from error

    class Breaking:
        """A file that breaks in the middle for a reason that is none of the network's."""

        status, headers = 200, {"content-length": "100", "content-type": "text/plain"}

        @property
        async def chunks(self) -> Any:
            yield b"half"
            fail()

        async def __aenter__(self) -> "Breaking":
            return self

        async def __aexit__(self, *_: object) -> None:
            return

    def breaking(*_: object) -> Breaking:
        return Breaking()

    for name in ("fetch", "check", "canonical_id"):
        monkeypatch.setattr(RefactorAdapter, name, fail)
    monkeypatch.setattr(EigenpalAdapter, "list_runs", fail)
    with serving(plant) as client:
        everything(plant, client, plant.headers())
        monkeypatch.setattr(EigenpalAdapter, "open_file", breaking)
        crashes.keep_texts_out_of_logs()
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/files/eigenpal:x/y", headers=plant.headers())
        monkeypatch.setattr(EigenpalAdapter, "open_file", fail)
        everything(plant, client, plant.headers())
    assert any("Exception in ASGI application" in str(text) for where, text in plant.said.outputs if "uvicorn" in where)
    file = written(plant, tmp_path)
    result = CliRunner().invoke(command, ["check", "-c", file])
    plant.said.add("check", result.output)
    assert "refactor: unexpected KeyError in its adapter (UNKNOWN)" in result.output


def test_a_crash_report(plant: Planted, capfd: pytest.CaptureFixture[str]) -> None:
    """Of the interpreter, and of a task whose failure nobody waited for."""

    async def fail() -> None:
        raise RuntimeError(SECRETS["mistake"])

    async def forget() -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    crashes.keep_texts_out_of_logs()
    with Listener(plant.said).listening():
        asyncio.run(forget())
    with pytest.raises(RuntimeError) as raised:
        asyncio.run(fail())
    crashes.show(RuntimeError, raised.value, None)
    printed = capfd.readouterr().err
    plant.said.add("standard error", printed)
    assert printed.startswith("rungraph: unexpected RuntimeError\n")
    assert "in fail" in printed
    assert any("Task exception was never retrieved" in str(text) for _, text in plant.said.outputs)

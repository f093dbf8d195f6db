"""Canaries in the place of every secret, and nothing that anybody gets to see has one in it."""

import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.eigenpal.adapter import EigenpalAdapter
from adapters.refactor import RefactorAdapter
from gateway import crashes
from gateway.app import create_app
from gateway.cli import app as command
from gateway.demo.faults import Fault, FaultBody
from gateway.demo.server import LoopbackServers
from gateway.settings import ConfigError, parse
from tests.gateway.caching import redis_process
from tests.gateway.caching.redis_process import RedisProcess, require_redis
from tests.gateway.calls import PROVIDERS, ended_run
from tests.gateway.processes import rungraph
from tests.gateway.toml import write_toml

from .leaks import core
from .planted import KEY, OTHER_KEY, SECRETS, Listener, Planted, planted

RUN = "id status error { message } usage { totalTokens } steps { id } output files { path downloadUrl }"
NODES = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Run {{ {RUN} }} }} }}"
LIST = "{ runs(first: 5) { nodes { id status } sources { provider state error { code message } } } }"
HEALTH = "{ providers { name health { state lastErrorCode } } }"
BODIES: tuple[FaultBody, ...] = ("html", "empty", "truncated", "invalid", "null", "array")


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    with planted(tmp_path_factory.mktemp("secrets")) as plants:
        yield plants


@pytest.fixture
def plant(plants: Planted) -> Iterator[Planted]:
    """The world without faults, of which nothing was said yet; nothing of what is said may be a secret."""
    plants.world.reset()
    plants.said.outputs.clear()
    yield plants
    assert plants.leaks() == []


@pytest.fixture
def redis_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RedisProcess, str]]:
    require_redis()
    monkeypatch.setattr(redis_process, "PASSWORD", core(SECRETS["redis"]))
    server = RedisProcess(tmp_path)
    server.start()
    yield server, server.url
    server.stop()


@contextmanager
def serving(plant: Planted, redis_url: str | None = None) -> Generator[httpx.Client]:
    app = create_app(parse(plant.configuration(redis_url)))
    with (
        LoopbackServers({"gateway": app}) as servers,
        # Now, since uvicorn sets up loggers when it starts.
        Listener(plant.said).listening(),
        httpx.Client(base_url=servers.urls["gateway"], trust_env=False, timeout=20) as client,
    ):
        yield client


def ids(plant: Planted) -> list[str]:
    return [f"{name}:{ended_run(plant.world, name)}" for name in PROVIDERS]


def ask(plant: Planted, client: httpx.Client, query: str, headers: dict[str, str], **variables: Any) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return plant.said.answer(client.post("/graphql", json=body, headers=headers))


def everything(plant: Planted, client: httpx.Client, headers: dict[str, str]) -> None:
    """Whatever can be asked for, by these headers."""
    run_ids = ids(plant)
    ask(plant, client, NODES, headers, ids=[*run_ids, *(f"{name}:unknown" for name in PROVIDERS)])
    ask(plant, client, LIST, headers)
    ask(plant, client, HEALTH, headers)
    run = {"query": f'{{ run(id: "{run_ids[0]}") {{ {RUN} }} }}'}
    plant.said.answer(client.get("/graphql", params=run, headers=headers))
    for suffix in ("csv", "ndjson", "parquet"):
        plant.said.answer(client.get(f"/export/runs.{suffix}?columns=id,status,output&maxRuns=3", headers=headers))
    eigenpal = plant.world.eigenpal
    run_id = next(each for each in eigenpal.by_status["completed"] if len(eigenpal.artifacts(each)) >= 2)
    for path in (*eigenpal.artifacts(run_id), "unknown"):
        plant.said.answer(client.get(f"/files/eigenpal:{run_id}/{path}", headers=headers))
    for path in ("/livez", "/readyz", "/nowhere"):
        plant.said.answer(client.get(path, headers=headers))


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
    import asyncio

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


def written(plant: Planted, folder: Path, **changes: dict[str, Any]) -> str:
    """The configuration as a file; `changes` are of sections, "__" for a dot."""
    document = plant.configuration()
    sections: dict[str, dict[str, Any]] = {
        **{f"providers.{name}": section for name, section in document["providers"].items()},
        "cache": document["cache"],
        "auth.jwt": document["auth"]["jwt"],
        "auth.keys.reports": document["auth"]["keys"]["reports"],
    }
    for name, change in changes.items():
        sections[name.replace("__", ".")] = {**sections.get(name.replace("__", "."), {}), **change}
    return str(write_toml(folder / "rungraph.toml", sections))


def test_commands(plant: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(plant, tmp_path)
    monkeypatch.setenv("RUNGRAPH_API_KEY", KEY)
    header = f"x-bridgetown-authorization: Bearer {SECRETS['caller']}"
    run_id = ids(plant)[0]
    commands = (
        ["get", run_id],
        ["get", "refactor:unknown"],
        ["runs"],
        ["usage"],
        ["query", LIST],
        ["query", "{ nothing }"],
        ["export", "-o", "-", "--max-runs", "3"],
    )
    with serving(plant) as client:
        for fault in (None, Fault(status=401)):
            for simulator in plant.world.simulators.values():
                simulator.faults.clear()
                if fault is not None:
                    simulator.faults.add(fault)
            # A gateway in the command's own process takes a moment to make.
            in_process = commands[: 1 if fault is None else 2]
            for where, asked in (
                (["--config", file], in_process),
                (["--url", str(client.base_url), "-H", header], commands),
            ):
                for arguments in asked:
                    as_json = ["--json"] if fault is None and arguments[0] in ("get", "usage") else []
                    result = CliRunner().invoke(command, [*arguments, *where, *as_json])
                    plant.said.add(arguments[0], result.output)
                    assert result.exception is None or isinstance(result.exception, SystemExit)
            plant.said.add("check", CliRunner().invoke(command, ["check", "-c", file]).output)
    secret = core(SECRETS["refused"])
    for url in (
        f"http://u:{secret}@h.test",
        f"ftp://u:{secret}@h.test",
        f"u:{secret}@h.test:80",
        f"http://h.test?k={secret}",
    ):
        result = CliRunner().invoke(command, ["runs", "--url", url])
        assert result.exit_code == 2
        plant.said.add("--url", result.output)


BROKEN: tuple[dict[str, dict[str, Any]], ...] = (
    {"providers__eigenpal": {"base_url": f"http://user:{core(SECRETS['refused'])}@h.test"}},
    {"providers__eigenpal": {"base_url": f"http://h.test/?key={core(SECRETS['refused'])}"}},
    {"providers__eigenpal": {"token": SECRETS["refused"] + "\n"}},
    {"providers__eigenpal": {"token": [SECRETS["refused"]]}},
    {"providers__eigenpal": {"tokken": SECRETS["refused"]}},
    {"providers__eigenpal": {"timeout_ms": SECRETS["refused"]}},
    {"providers__eigenpal": {"caller_header": SECRETS["refused"]}},
    {"providers__bridgetown": {"token": SECRETS["refused"]}},
    {"cache": {"url": f"http://:{core(SECRETS['refused'])}@h.test"}},
    {"cache": {"url": f"redis://:{core(SECRETS['refused'])}@h.test:port"}},
    {"cache": {"secret": SECRETS["refused"] + "é"}},
    {"auth__jwt": {"issuer": f"https://user:{core(SECRETS['refused'])}@h.test"}},
    {"auth__keys__reports": {"hash": OTHER_KEY}},
    {"auth__keys__reports": {"key": OTHER_KEY}},
)


@pytest.mark.parametrize("change", BROKEN, ids=str)
def test_mistakes_in_configurations(plant: Planted, tmp_path: Path, change: dict[str, dict[str, Any]]) -> None:
    result = CliRunner().invoke(command, ["check", "-c", written(plant, tmp_path, **change)])
    assert result.exit_code == 2
    assert result.output.startswith("rungraph: ")
    plant.said.add("check", result.output)


def test_settings(plant: Planted) -> None:
    settings = parse(plant.configuration(f"redis://:{core(SECRETS['redis'])}@127.0.0.1:1/0"))
    shown = (settings.model_dump(), settings.model_dump_json(), settings.providers, settings.cache, settings.auth)
    for each in (settings, *shown):
        plant.said.add("settings", f"{each!r}{each}")
    with pytest.raises(ConfigError) as raised:
        parse({**plant.configuration(), "cache": {"secret": "", "url": SECRETS["redis"]}})
    plant.said.add("error", repr(raised.value))


def test_a_process(plant: Planted, tmp_path: Path) -> None:
    """Start, requests, a good reload and bad ones, and the end."""
    file = Path(written(plant, tmp_path))
    with rungraph("serve", "--config", str(file), "--port", "0") as process:
        started = process.read_until("RunGraph serves")
        with httpx.Client(base_url=started.split()[-1].removesuffix("/graphql"), trust_env=False, timeout=20) as client:
            for change in BROKEN[:1]:
                written(plant, tmp_path, **change)
                process.process.send_signal(signal.SIGHUP)
                process.read_until("the configuration stays as it was")
            file.write_text(f"[providers]\ntoken = {SECRETS['refused']}", encoding="utf-8")
            process.process.send_signal(signal.SIGHUP)
            process.read_until("the configuration stays as it was")
            written(plant, tmp_path)
            process.process.send_signal(signal.SIGHUP)
            process.read_until("the configuration was read again")
            for simulator in plant.world.simulators.values():
                simulator.faults.add(Fault(status=401))
            everything(plant, client, plant.headers())
        code, output = process.stop(signal.SIGTERM)
    assert code == 0
    plant.said.add("process", output)

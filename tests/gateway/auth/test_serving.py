"""What the commands make of who may call: where a gateway listens, how keys are made and sent."""

import re
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway import serving
from gateway.app import create_app
from gateway.auth.keys import hash_of
from gateway.cli import app
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import ConfigError, parse
from tests.gateway.toml import write_toml

from .asking import ALL, ONE, keys
from .tenants import TOKENS, World

runner = CliRunner()
PROVIDER = {"base_url": "http://provider.test/v1", "token": "t0ken"}
HASH = hash_of(ALL)


def configuration(path: Path, **sections: Any) -> str:
    named = {name.replace("__", "."): section for name, section in sections.items()}
    return str(write_toml(path / "rungraph.toml", {"providers.refactor": PROVIDER, **named}))


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a command wanted to listen on; it never does."""
    asked: list[str] = []

    def listen(host: str, port: int) -> socket.socket:
        asked.append(host)
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(serving, "listen", listen)
    return asked


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "8.8.8.8"])
def test_nobody_listens_to_other_machines_without_saying_who_may_call(
    tmp_path: Path, bound: list[str], host: str
) -> None:
    cases: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["--host", host]),
        ({"host": host}, []),
        ({"host": "127.0.0.1"}, ["--host", host, "--workers", "2"]),
    ]
    for server, arguments in cases:
        refused = runner.invoke(app, ["serve", "--config", configuration(tmp_path, server=server), *arguments])
        assert refused.exit_code == 2
        assert refused.stderr.count("\n") == 1
        assert refused.stderr.startswith(f"rungraph: {host} can be reached from other machines, and nobody has to say")
    assert bound == []


@pytest.mark.parametrize(
    ("host", "arguments", "sections"),
    [
        ("127.0.0.1", [], {}),
        ("localhost", [], {}),
        ("127.8.8.8", [], {}),
        ("::1", [], {}),
        ("::ffff:127.0.0.1", [], {}),
        ("0.0.0.0", ["--allow-unauthenticated"], {}),
        ("0.0.0.0", [], {"server": {"allow_unauthenticated": True}}),
        ("0.0.0.0", [], {"auth__keys__one": {"hash": HASH}}),
        ("0.0.0.0", [], {"auth__jwt": {"issuer": "https://issuer.example/", "audience": "rungraph"}}),
    ],
)
def test_where_it_may_listen(
    tmp_path: Path, bound: list[str], host: str, arguments: list[str], sections: dict[str, Any]
) -> None:
    result = runner.invoke(app, ["serve", "--config", configuration(tmp_path, **sections), "--host", host, *arguments])
    assert result.exit_code == 1
    assert "can't listen on" in result.stderr
    assert bound == [host]


def test_a_key_is_made_and_can_be_used() -> None:
    made = runner.invoke(app, ["key", "reports.v2"])
    assert made.exit_code == 0
    key = made.stdout.strip()
    lines = made.stderr.partition("configuration:\n")[2]
    assert key not in made.stderr
    settings = parse({"providers": {"refactor": PROVIDER}, **tomllib.loads(lines)})
    assert settings.auth.keys["reports.v2"].hash == hash_of(key)
    assert runner.invoke(app, ["key", "a b"]).exit_code == 2


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [
        ({"keys": {"a": {"hash": "rgk_abc"}}}, r'auth\.keys\.a\.hash: expected "sha256:" and 64 hex'),
        ({"keys": {"a": {"hash": HASH.upper()}}}, r"auth\.keys\.a\.hash: expected"),
        ({"keys": {"a": {}}}, r"auth\.keys\.a\.hash: this key is needed"),
        ({"keys": {"a": {"hash": HASH, "scope": "all"}}}, r"auth\.keys\.a\.scope: "),
        ({"keys": {"a": {"hash": HASH, "rate": 0}}}, r"auth\.keys\.a\.rate: "),
        ({"keys": {"a": {"hash": HASH, "burst": 0}}}, r"auth\.keys\.a\.burst: "),
        ({"keys": {"a": {"hash": HASH, "key": "x"}}}, r"auth\.keys\.a\.key: there is no such key"),
        ({"keys": {"a": {"hash": HASH}, "b": {"hash": HASH}}}, r"auth\.keys: a and b are the same key"),
        ({"keys": {"a b": {"hash": HASH}}}, r"auth\.keys: a key's name may"),
        ({"keys": {"a": {"hash": HASH, "providers": ["x"]}}}, r'auth\.keys\.a\.providers: there is no provider "x"'),
        ({"jwt": {"audience": "a"}}, r"auth\.jwt\.issuer: this key is needed"),
        ({"jwt": {"issuer": "https://i.example"}}, r"auth\.jwt\.audience: this key is needed"),
        ({"jwt": {"issuer": "i.example", "audience": "a"}}, r"auth\.jwt\.issuer: expected an http"),
        (
            {"jwt": {"issuer": "https://i.example", "audience": []}},
            r"auth\.jwt\.audience: expected a list that is not empty",
        ),
        ({"jwt": {"issuer": "https://i.example", "audience": "a", "algorithms": ["HS256"]}}, r"auth\.jwt\.algorithms"),
        ({"jwt": {"issuer": "https://i.example", "audience": "a", "leeway_s": -1}}, r"auth\.jwt\.leeway_s: "),
        (
            {"jwt": {"issuer": "https://i.example", "audience": "a", "jwks_url": "https://a:b@i"}},
            r"auth\.jwt\.jwks_url: ",
        ),
        ({"mode": "x"}, r"auth\.mode: there is no such key"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(auth: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"providers": {"refactor": PROVIDER}, "auth": auth})
    assert re.match(sentence, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_tokens_need_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        assert name == "jwt"

    monkeypatch.setattr("gateway.auth.settings.find_spec", nothing)
    with pytest.raises(ConfigError, match=r'^auth\.jwt: needs the extra "jwt": pip install "rungraph\[jwt\]"$'):
        parse({"providers": {"refactor": PROVIDER}, "auth": {"jwt": {"issuer": "https://i.example", "audience": "a"}}})


def test_commands_send_the_key_of_the_environment(
    world: DemoWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("RUNGRAPH_CONFIG", "RUNGRAPH_URL", "RUNGRAPH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with LoopbackServers({"gateway": create_app(parse({**world.configuration(), "auth": keys()}))}) as servers:
        at = ["--url", servers.urls["gateway"]]
        query = tmp_path / "query.graphql"
        query.write_text("{ providers { name } }")
        refused = runner.invoke(app, ["query", str(query), *at])
        assert refused.exit_code == 1
        assert "UNAUTHENTICATED" in refused.stdout
        monkeypatch.setenv("RUNGRAPH_API_KEY", ONE)
        answered = runner.invoke(app, ["query", str(query), *at])
        assert answered.exit_code == 0
        assert "refactor" in answered.stdout
        assert "eigenpal" not in answered.stdout
        monkeypatch.setenv("ANOTHER", ALL)
        given = runner.invoke(app, ["query", str(query), *at, "--header", "authorization: Bearer env:ANOTHER"])
        assert "eigenpal" in given.stdout
        exported = runner.invoke(app, ["export", "--format", "ndjson", "--output", "-", *at, "--max-runs", "3"])
        assert '"state"' in exported.stdout
        assert "eigenpal" not in exported.stdout


def test_a_gateway_in_this_process_asks_nobody(world: DemoWorld, tmp_path: Path) -> None:
    providers = {f"providers.{name}": section for name, section in world.configuration()["providers"].items()}
    path = write_toml(tmp_path / "rungraph.toml", {**providers, "auth.keys.one": {"hash": HASH}})
    query = tmp_path / "query.graphql"
    query.write_text("{ providers { name } }")
    answered = runner.invoke(app, ["query", str(query), "--config", str(path)])
    assert answered.exit_code == 0
    assert "eigenpal" in answered.stdout


def test_commands_send_callers_own_credentials(tenants: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To providers asked from this process; `check` has none to send, and wants to be asked for one."""
    sections = {f"providers.{name}": section for name, section in tenants.configuration()["providers"].items()}
    path = str(write_toml(tmp_path / "rungraph.toml", sections))
    checked = runner.invoke(app, ["check", "--config", path])
    assert checked.exit_code == 0, checked.output
    assert [line.split()[2:4] for line in checked.stdout.splitlines() if " ms" in line] == [["yes", "?"]] * 3
    monkeypatch.setenv("MINE", TOKENS["ann"])
    query = tmp_path / "query.graphql"
    query.write_text(f'{{ run(id: "{tenants.run_ids["refactor"]}") {{ raw }} }}')
    header = ["--header", "x-refactor-authorization: env:MINE"]
    answered = runner.invoke(app, ["query", str(query), "--config", path, *header])
    assert answered.exit_code == 0
    assert '"tenant": "ann"' in answered.stdout
    refused = runner.invoke(app, ["query", str(query), "--config", path])
    assert refused.exit_code == 1
    assert "x-refactor-authorization" in refused.output

"""The `rungraph` command: what it prints, and the codes it ends with."""

import re
import socket
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.errors import AdapterError, RateLimited, TimedOut, Unauthenticated, Unavailable
from gateway.checks import CheckResult
from gateway.cli import app
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.support import LONG_MS

from .toml import write_toml

ROOT = Path(__file__).parents[2]
SECRET = "s3cret-value"
runner = CliRunner()


@pytest.fixture(scope="module")
def shared_world() -> Iterator[DemoWorld]:
    with DemoWorld() as world:
        yield world


@pytest.fixture
def world(shared_world: DemoWorld) -> DemoWorld:
    shared_world.reset()
    return shared_world


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rungraph.toml"


def configuration(world: DemoWorld, file: Path, **changes: Mapping[str, object]) -> str:
    """Writes a configuration of all providers, with other values for some keys of some."""
    providers = world.configuration()["providers"]
    sections = {f"providers.{name}": {**section, **changes.get(name, {})} for name, section in providers.items()}
    return str(write_toml(file, sections))


def rows(output: str) -> dict[str, list[str]]:
    """The cells of the table that `check` prints, by provider."""
    cells = [re.split(r"  +", line.strip()) for line in output.splitlines()]
    return {row[0]: row[2:4] for row in cells if len(row) == 5 and row[0] != "provider"}


def test_check_is_content_with_providers_that_answer(world: DemoWorld, file: Path) -> None:
    result = runner.invoke(app, ["check", "--config", configuration(world, file)])

    assert result.exit_code == 0, result.output
    assert rows(result.stdout) == {name: ["yes", "yes"] for name in world.simulators}
    assert len(re.findall(r" \d+ ms", result.stdout)) == 5


@pytest.mark.parametrize("columns", ["40", "200"])
def test_check_says_what_is_wrong_with_each_provider(
    world: DemoWorld, file: Path, closed_port: int, columns: str
) -> None:
    world.middesk.faults.add(Fault(status=403))
    world.rightbrain.faults.add(Fault(status=503, match="/org/"))
    world.bridgetown.faults.add(Fault(latency_ms=LONG_MS))
    path = configuration(
        world,
        file,
        refactor={"base_url": f"http://127.0.0.1:{closed_port}/v1"},
        eigenpal={"token": SECRET},
        bridgetown={"timeout_ms": 100},
    )

    result = runner.invoke(app, ["check", "-c", path], env={"COLUMNS": columns})

    assert result.exit_code == 1
    assert rows(result.stdout) == {
        "refactor": ["no", "?"],
        "eigenpal": ["yes", "no"],
        "middesk": ["yes", "yes"],
        "rightbrain": ["yes", "?"],
        "bridgetown": ["no", "?"],
    }
    failed = result.stdout.splitlines()[-5:]
    assert [(line.partition(":")[0], re.findall(r"\([^()]*\)$", line)) for line in failed] == [
        ("refactor", ["(UNAVAILABLE)"]),
        ("eigenpal", ["(UNAUTHENTICATED, HTTP 401)"]),
        ("middesk", ["(PERMISSION_DENIED, HTTP 403)"]),
        ("rightbrain", ["(UNAVAILABLE, HTTP 503)"]),
        ("bridgetown", ["(TIMEOUT)"]),
    ]


def test_check_helps_with_an_address_that_is_wrong(world: DemoWorld, file: Path, closed_port: int) -> None:
    nowhere = {name: {"base_url": "http://nothing.invalid/v1"} for name in ("refactor", "bridgetown")}
    refused = {"base_url": f"http://127.0.0.1:{closed_port}/v1"}
    prefix = {"base_url": f"{world.urls['middesk']}/v2"}

    result = runner.invoke(
        app, ["check", "-c", configuration(world, file, **nowhere, eigenpal=refused, middesk=prefix)]
    )

    told = dict(line.split(": ", 1) for line in result.stdout.splitlines()[-4:])
    assert told["eigenpal"].startswith("the provider can't be reached: Connection refused")
    assert told["refactor"].startswith("the provider can't be reached: failed to lookup address")
    assert told["bridgetown"] == told["refactor"]
    assert told["middesk"].endswith("; is base_url right, with its prefix? (NOT_FOUND, HTTP 404)")


def test_check_prints_no_secret(world: DemoWorld, file: Path) -> None:
    for simulator in world.simulators.values():
        simulator.faults.add(Fault(status=401))

    result = runner.invoke(app, ["check", "--config", configuration(world, file)])

    assert result.exit_code == 1
    secrets = (*(simulator.token for simulator in world.simulators.values()), world.rightbrain.client_secret)
    assert [secret for secret in secrets if secret in result.output] == []


@pytest.mark.parametrize(
    ("error", "reachable", "authenticated"),
    [
        (None, True, True),
        (Unavailable(provider="p"), False, None),
        (Unavailable(provider="p", upstream_status=503), True, None),
        (TimedOut(provider="p"), False, None),
        (TimedOut(provider="p", upstream_status=504), True, None),
        (Unauthenticated(provider="p", upstream_status=401), True, False),
        (RateLimited(provider="p", upstream_status=429), True, True),
    ],
)
def test_what_an_error_says_about_a_provider(
    error: AdapterError | None, reachable: bool, authenticated: bool | None
) -> None:
    result = CheckResult("p", "a", 1.0, error)

    assert (result.ok, result.reachable, result.authenticated) == (error is None, reachable, authenticated)


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_configuration_that_can_not_be_used_ends_with_2(file: Path, command: str) -> None:
    write_toml(file, {"providers.eigenpal": {"base_url": "https://e.example", "tokn": SECRET}})
    cases = {
        str(file): "rungraph: providers.eigenpal.tokn: there is no such key\n",
        "/nowhere/rungraph.toml": "rungraph: can't read /nowhere/rungraph.toml: No such file or directory\n",
    }

    for path, sentence in cases.items():
        result = runner.invoke(app, [command, "--config", path], env={"COLUMNS": "30"})
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", sentence)


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_configuration_has_to_be_named(command: str) -> None:
    result = runner.invoke(app, [command])

    assert result.exit_code == 2
    assert "--config" in result.stderr


def test_a_port_that_is_busy_is_one_sentence(world: DemoWorld, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        for arguments in (["demo", "--no-browser"], ["serve", "--config", configuration(world, file)]):
            result = runner.invoke(app, [*arguments, "--port", str(port)])

            assert (result.exit_code, result.stdout) == (1, "")
            sentence = f"rungraph: can't listen on 127.0.0.1 port {port}: Address already in use; another one: --port N"
            assert result.stderr.splitlines()[-1] == sentence


def test_a_host_that_is_not_there_is_one_sentence(world: DemoWorld, file: Path) -> None:
    result = runner.invoke(
        app, ["serve", "--config", configuration(world, file), "--host", "192.0.2.1", "--allow-unauthenticated"]
    )

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("rungraph: can't listen on 192.0.2.1 port 8000: ")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert runner.invoke(app, ["demo", "--port", port]).exit_code == 2


def test_schema_prints_the_schema_and_nothing_else() -> None:
    result = runner.invoke(app, ["schema"])

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (ROOT / "schema.graphql").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", ["40", "100"])
def test_help_explains_every_command(columns: str) -> None:
    commands = ("demo", "serve", "check", "schema")
    overview = runner.invoke(app, ["--help"], env={"COLUMNS": columns})
    assert overview.exit_code == 0
    assert all(re.search(rf"^  {command} ", overview.stdout, re.MULTILINE) for command in commands)

    options = {"demo": ("--port", "--no-browser"), "serve": ("--config", "--host", "--port"), "check": ("--config",)}
    for command in commands:
        shown = runner.invoke(app, [command, "--help"], env={"COLUMNS": columns})
        assert shown.exit_code == 0
        assert all(option in shown.stdout for option in options.get(command, ()))


def test_version() -> None:
    result = runner.invoke(app, ["--version"])

    assert result.exit_code == 0
    assert result.stdout == f"rungraph {metadata.version('rungraph')}\n"


def test_without_a_command_there_is_help() -> None:
    assert "Commands" in runner.invoke(app, []).output


def test_the_demo_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith(("gateway.demo.", "mcp.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)

    result = runner.invoke(app, ["demo"])

    sentence = "rungraph: the demo needs the package mcp: pip install 'rungraph[demo]'\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", sentence)


def test_messages_are_not_read_as_markup() -> None:
    result = runner.invoke(app, ["check", "--config", "/nowhere/[bold]x.toml"])

    assert "/nowhere/[bold]x.toml" in result.stderr

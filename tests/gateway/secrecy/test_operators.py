"""What those see who run a gateway: commands, mistakes in configurations, a process and its reloads."""

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from gateway.cli import app as command
from gateway.demo.faults import Fault
from gateway.settings import ConfigError, parse
from tests.gateway.processes import rungraph

from .driving import LIST, everything, ids, serving, written
from .leaks import core
from .planted import KEY, OTHER_KEY, SECRETS, Planted


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
        with httpx.Client(base_url=started.split()[-1].removesuffix("/graphql"), trust_env=False, timeout=60) as client:
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

"""`rungraph demo` and `rungraph serve` as processes: what they print, what they answer, how they stop."""

import re
import shlex
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli import DEFAULT_PORT
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld

from .processes import PATIENCE, rungraph
from .toml import write_toml

PROVIDERS = ["refactor", "eigenpal", "middesk", "rightbrain", "bridgetown"]


def answer_of_curl(line: str) -> Any:
    """The answer to the request that a printed curl command makes, sent as curl would."""
    curl, silent, url, header, content_type, data, body = shlex.split(line)
    assert (curl, silent, header, data) == ("curl", "-s", "-H", "-d")
    name, _, value = content_type.partition(": ")
    return httpx.post(url, headers={name: value}, content=body, timeout=60, trust_env=False).json()


def providers_of(answer: Any) -> Sequence[str]:
    """The providers whose runs an answer without errors holds."""
    assert list(answer) == ["data"]
    return [node["id"].partition(":")[0] for node in answer["data"]["nodes"]]


@pytest.fixture(scope="module")
def world() -> Iterator[DemoWorld]:
    with DemoWorld() as world:
        yield world


def test_the_demo_prints_what_to_do_and_does_it() -> None:
    with rungraph("demo", "--no-browser", "--port", "0") as demo:
        url = demo.read_until("RunGraph demo is ready: ").rpartition(" ")[2]
        curl = demo.read_until("  curl ").strip()
        stop = demo.read_until("Stop with ")
        assert stop == "Stop with Ctrl+C."
        assert [line.split()[0] for line in demo.lines if re.match(r"  \w+ +http:", line)] == PROVIDERS
        assert curl.split()[2] == url
        assert providers_of(answer_of_curl(curl)) == PROVIDERS
        page = httpx.get(url, headers={"accept": "text/html"}, timeout=60, trust_env=False)
        assert "graphiql" in page.text

        code, output = demo.stop(signal.SIGINT)

    assert code == 0
    assert output.endswith("Stop with Ctrl+C.\nStopped.")
    assert "Traceback" not in output


def test_the_demo_takes_another_port_where_its_own_is_busy_and_stops_on_sigterm() -> None:
    with socket.socket() as busy:
        # Taken already, by whatever: as good.
        with suppress(OSError):
            busy.bind(("127.0.0.1", DEFAULT_PORT))
            busy.listen()
        with rungraph("demo", "--no-browser", columns=30) as demo:
            url = demo.read_until("RunGraph demo is ready: ").rpartition(" ")[2]
            curl = demo.read_until("  curl ").strip()
            assert f":{DEFAULT_PORT}/" not in url
            assert providers_of(answer_of_curl(curl)) == PROVIDERS

            code, output = demo.stop(signal.SIGTERM)

    assert code == 0
    assert output.endswith("Stopped.")
    assert "Traceback" not in output


def test_a_served_gateway_finishes_what_it_has_begun(world: DemoWorld, tmp_path: Path) -> None:
    providers = {f"providers.{name}": section for name, section in world.configuration()["providers"].items()}
    path = write_toml(tmp_path / "rungraph.toml", {"server": {"port": 1}, **providers})
    run = f"refactor:{world.refactor.native_ids()[0]}"
    answers: list[httpx.Response] = []

    with rungraph("serve", "--config", str(path), "--port", "0", columns=30) as served:
        line = served.read_until("RunGraph serves ")
        words, _, url = line.rpartition(" ")
        assert words == f"RunGraph serves {', '.join(PROVIDERS)} at"
        world.refactor.faults.add(Fault(latency_ms=500))

        def ask() -> None:
            body = {"query": f'{{ run(id: "{run}") {{ id }} }}'}
            answers.append(httpx.post(url, json=body, trust_env=False, timeout=PATIENCE))

        asking = threading.Thread(target=ask)
        asking.start()
        deadline = time.monotonic() + PATIENCE
        while not world.refactor.calls and time.monotonic() < deadline:
            time.sleep(0.01)
        code, output = served.stop(signal.SIGTERM)
        asking.join(PATIENCE)

    assert [answer.json() for answer in answers] == [{"data": {"run": {"id": run}}}]
    assert code == 0
    assert "Traceback" not in output
    assert [line for line in served.lines if "holds the secret itself" in line] == [
        f'{path}: providers.{name}.{key} holds the secret itself; better "env:NAME" or "file:PATH"'
        for name, key in [(name, "client_secret" if name == "rightbrain" else "token") for name in PROVIDERS]
    ]
    assert world.rightbrain.client_secret not in output

"""SIGTERM and SIGINT, with requests in flight: what is finished, what is cut, when the process ends."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.gateway.processes import PATIENCE, rungraph

from .clients import served
from .upstream import TOKENS, Upstream


def test_what_has_begun_is_finished(upstream: Upstream) -> None:
    upstream.configure(TOKENS[0])
    with rungraph("serve", "--config", str(upstream.file), "--port", "0") as process:
        client = served(process, upstream)
        whole = client.exported().result(PATIENCE).text
        with upstream.held.holding("/runs"):
            exported = client.exported()
            upstream.held.wait_for_one()
            process.process.send_signal(signal.SIGTERM)
            client.wait_until_nobody_listens()
        answer = exported.result(PATIENCE)
        code, output = process.end()

    assert whole.splitlines()[-1].startswith("#end complete=true rows=")
    assert answer.text == whole
    assert (code, "Traceback" in output) == (0, False)


def test_what_takes_too_long_is_cut(upstream: Upstream) -> None:
    upstream.configure(TOKENS[0], drain_ms=50)
    with rungraph("serve", "--config", str(upstream.file), "--port", "0") as process:
        client = served(process, upstream)
        with upstream.held.holding(client.native_id):
            asked = client.asked()
            upstream.held.wait_for_one()
            code, output = process.stop(signal.SIGINT)

    # Whether the connection closes first, or says so, is a matter of chance.
    assert asked.exception(PATIENCE) is not None or asked.result().status_code == 500
    assert code == 0
    assert [line for line in output.splitlines() if "Cancel 1 running task" in line] != []
    assert "Traceback" not in output


def test_it_says_that_it_will_stop_while_it_goes_on(upstream: Upstream) -> None:
    upstream.configure(TOKENS[0], drain_delay_ms=PATIENCE * 1000)
    with rungraph("serve", "--config", str(upstream.file), "--port", "0") as process:
        client = served(process, upstream)
        ready = client.get("/readyz")
        process.process.send_signal(signal.SIGTERM)
        while (draining := client.get("/readyz")).status_code == 200:
            pass
        alive = client.get("/livez")
        answer = client.ask()
        code, output = process.stop(signal.SIGTERM)

    checks = {"config": "ok", "cache": "ok"}
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": checks})
    assert (draining.status_code, draining.json()) == (503, {"status": "draining", "checks": checks})
    assert alive.status_code == 200
    assert answer.json() == client.said
    assert [response.headers["connection"] for response in (draining, alive, answer)] == ["close"] * 3
    assert (code, "Traceback" in output) == (128 + signal.SIGTERM, False)


def test_a_second_signal_ends_all_workers_at_once(upstream: Upstream) -> None:
    upstream.configure(TOKENS[0], drain_ms=PATIENCE * 1000)
    with rungraph("serve", "--config", str(upstream.file), "--port", "0", "--workers", "2") as process:
        client = served(process, upstream)
        with upstream.held.holding(client.native_id):
            asked = client.asked()
            upstream.held.wait_for_one()
            # As a terminal sends it: to every process.
            process.signal_all(signal.SIGINT)
            client.wait_until_nobody_listens()
            process.signal_all(signal.SIGINT)
            code, output = process.end()

    assert isinstance(asked.exception(PATIENCE), httpx.TransportError)
    assert (code, "Traceback" in output) == (128 + signal.SIGINT, False)


def test_workers_that_can_not_start_end_it(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    customized = "import os, sys\nif any('spawn_main' in word for word in sys.orig_argv):\n    os._exit(7)\n"
    (tmp_path / "sitecustomize.py").write_text(customized, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    upstream.configure(TOKENS[0])
    with rungraph("serve", "--config", str(upstream.file), "--port", "0", "--workers", "2") as process:
        code, output = process.end()

    assert (code, output) == (1, "a worker could not start: stopping")

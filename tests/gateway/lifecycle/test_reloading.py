"""SIGHUP: another configuration, while clients ask all the time."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.processes import PATIENCE, Process, rungraph

from .clients import Client, served
from .upstream import TOKENS, Upstream

READ_AGAIN = "the configuration was read again; providers: "
AS_IT_WAS = "the configuration stays as it was: "


def reload(process: Process, start: str = READ_AGAIN) -> str:
    """What a gateway says when it is told to read its configuration again; a line that starts so."""
    process.process.send_signal(signal.SIGHUP)
    return process.read_until(start)


def tokens_now(client: Client, upstream: Upstream, count: int = 1) -> set[str]:
    """The tokens by which the next requests are answered, each on a connection of its own."""
    before = len(upstream.held.seen)
    assert [client.ask().json() for _ in range(count)] == [client.said] * count
    return {token for token, path in upstream.held.seen[before:] if path.endswith(client.native_id)}


@pytest.fixture
def process(upstream: Upstream) -> Iterator[Process]:
    upstream.configure(TOKENS[0])
    with rungraph("serve", "--config", str(upstream.file), "--port", "0") as process:
        yield process


def test_requests_go_on_while_tokens_change(upstream: Upstream, process: Process) -> None:
    client = served(process, upstream)
    other = Client(client.url, upstream.simulator.by_status["completed"][1])
    whole = client.exported().result(PATIENCE).text
    with upstream.held.holding("/runs"):
        exported = client.exported()
        upstream.held.wait_for_one()
        with client.asking_all_the_time() as asked:
            for token in TOKENS[1:]:
                upstream.configure(token)
                reload(process)
                asked.wait_for_more()
                assert tokens_now(other, upstream) == {token}
    # What was under way has finished, by the configuration that it began with.
    assert exported.result(PATIENCE).text == whole
    assert {token for token, path in upstream.held.seen if path.endswith("/runs")} == {TOKENS[0]}
    code, output = process.stop(signal.SIGTERM)

    assert asked.wrong == []
    assert asked.right >= len(TOKENS)
    assert (code, [token for token in TOKENS if token in output]) == (0, [])


def test_a_broken_file_is_survived(upstream: Upstream, process: Process) -> None:
    client = served(process, upstream)
    good = upstream.file.read_text(encoding="utf-8")
    breakages = {
        "[providers": f"{AS_IT_WAS}{upstream.file} is not valid TOML: ",
        good.replace("timeout_ms", "timeout"): f"{AS_IT_WAS}providers.eigenpal.timeout: there is no such key",
        good.replace("/token", "/gone"): f"{AS_IT_WAS}providers.eigenpal.token: can't read the file ",
    }
    for text, sentence in breakages.items():
        upstream.file.write_text(text, encoding="utf-8")
        reload(process, sentence)
        assert tokens_now(client, upstream) == {TOKENS[0]}
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json() == {"status": "degraded", "checks": {"config": "reload failed", "cache": "ok"}}
    upstream.configure(TOKENS[1], names=("eigenpal", "other"), port=1)
    process.process.send_signal(signal.SIGHUP)
    process.read_until("server.port changed, which takes a restart to have an effect")
    assert process.read_until(READ_AGAIN) == f"{READ_AGAIN}eigenpal, other"

    assert tokens_now(client, upstream) == {TOKENS[1]}
    assert client.get("/readyz").json()["status"] == "ok"
    code, output = process.stop(signal.SIGTERM)
    assert (code, "Traceback" in output) == (0, False)


def test_workers_reload_together_are_replaced_and_finish(upstream: Upstream) -> None:
    upstream.configure(TOKENS[0])
    with rungraph("serve", "--config", str(upstream.file), "--port", "0", "--workers", "2") as process:
        client = served(process, upstream)
        other = Client(client.url, upstream.simulator.by_status["completed"][1])
        whole = client.exported().result(PATIENCE).text
        with client.asking_all_the_time() as asked:
            for token in TOKENS[1:]:
                upstream.configure(token)
                reload(process)
                asked.wait_for_more()
                assert tokens_now(other, upstream, 4) == {token}

        upstream.file.write_text("[providers", encoding="utf-8")
        reload(process, AS_IT_WAS)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        process.read_until("a worker ended with code -9: another one takes its place")
        # By the configuration that was good, whatever the file says by now.
        assert tokens_now(other, upstream, 4) == {TOKENS[-1]}
        assert len(workers_of(process)) == 2

        with upstream.held.holding("/runs"):
            exported = client.exported()
            upstream.held.wait_for_one()
            process.process.send_signal(signal.SIGTERM)
            client.wait_until_nobody_listens()
        code, output = process.end()

    assert asked.wrong == []
    assert exported.result(PATIENCE).text == whole
    assert (code, "Traceback" in output) == (0, False)
    # The parent says it, not each of them.
    assert output.count(AS_IT_WAS) == 1
    assert output.count(READ_AGAIN) == len(TOKENS) - 1


def workers_of(process: Process) -> list[int]:
    """The process ids of workers: what a gateway started, but for what keeps track of shared memory."""
    children = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"spawn_main" in command]

"""The provider side of a benchmark: prepared documents from memory, as fast as Python can send them.

Run as a process of its own, `python -m benchmarks.upstream [MILLISECONDS]`: it prints its port, serves until killed,
and answers `GET /calls` with the number of requests it had (that one not counted). The other answers take as long as
it is told.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import httptools
import orjson
import uvloop

from benchmarks.servers import ORG, PROJECT
from gateway.demo.bridgetown import BridgeTownSimulator
from gateway.demo.eigenpal import EigenpalSimulator
from gateway.demo.middesk import MiddeskSimulator
from gateway.demo.refactor import RefactorSimulator
from gateway.demo.rightbrain import RightbrainSimulator

ANCHOR = datetime(2026, 6, 1, 12, tzinfo=UTC)
EIGENPAL_RUNS = 200
MIXED_RUNS_EACH = 10
SLIM_EXECUTION = frozenset({"status", "schemaValid", "batchId", "retry", "review", "humanReview"})
EIGENPAL_SECTIONS = ("input", "usage", "debug")

Answer = Callable[[bytes], bytes]
"""Makes the body of a reply from the body of a request."""


class Documents:
    """Paths (with queries) -> bodies, made from the simulated providers' data; and the ids they are about."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.ids: dict[str, list[str]] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._eigenpal()
        self._plain("refactor", RefactorSimulator(anchor=ANCHOR), "completed", "/refactor/run/{}")
        self._plain("middesk", MiddeskSimulator(anchor=ANCHOR), "completed", "/middesk/runs/{}")
        rightbrain = RightbrainSimulator(anchor=ANCHOR)
        self._plain("rightbrain", rightbrain, "success", f"/rightbrain/org/{ORG}/project/{PROJECT}/task/{{}}")
        self._bridgetown()

    def _plain(self, name: str, simulator: Any, status: str, path: str) -> None:
        ids = [run for run in simulator.by_status[status] if run not in simulator.special.values()][:MIXED_RUNS_EACH]
        self.ids[name] = ids
        for native_id in ids:
            body = orjson.dumps(simulator.truth(native_id))
            self.answers[path.format(native_id.replace("/", "/run/"))] = _constant(body)

    def _eigenpal(self) -> None:
        simulator = EigenpalSimulator(anchor=ANCHOR)
        completed = simulator.by_status["completed"]
        documents = [simulator.truth(run) for run in completed if run not in simulator.special.values()]
        self.ids["eigenpal"] = [f"exec_{number:04d}" for number in range(EIGENPAL_RUNS)]
        for number, native_id in enumerate(self.ids["eigenpal"]):
            document: dict[str, Any] = {**documents[number % len(documents)], "id": native_id}
            # As it comes where nobody asks to expand it.
            execution = {key: value for key, value in document["execution"].items() if key in SLIM_EXECUTION}
            document["execution"] = execution
            for chosen in range(2 ** len(EIGENPAL_SECTIONS)):
                expand = [section for bit, section in enumerate(EIGENPAL_SECTIONS) if chosen >> bit & 1]
                kept = {key: value for key, value in document.items() if key not in EIGENPAL_SECTIONS or key in expand}
                query = f"?expand={','.join(expand)}" if expand else ""
                self.answers[f"/eigenpal/runs/{native_id}{query}"] = _constant(orjson.dumps(kept))
            slim = ("output", "files", *EIGENPAL_SECTIONS)
            row = {key: value for key, value in document.items() if key not in slim}
            self._rows[native_id] = row

    def rows(self, ids: list[str]) -> bytes:
        """Eigenpal's list, for exactly these ids."""
        return orjson.dumps({"runs": [self._rows[run] for run in ids], "nextCursor": None})

    def _bridgetown(self) -> None:
        simulator = BridgeTownSimulator(anchor=ANCHOR)
        odd = set(simulator.special.values())
        ids = [run for run in simulator.by_status["success"] if run not in odd][:MIXED_RUNS_EACH]
        self.ids["bridgetown"] = ids
        runs = {native_id: simulator.truth(native_id) for native_id in ids}
        self.answers["/bridgetown"] = lambda body: _mcp(orjson.loads(body), runs)


def _constant(body: bytes) -> Answer:
    return lambda _: body


def _mcp(message: dict[str, Any], runs: Mapping[str, Any]) -> bytes:
    if "id" not in message:
        return b""
    result: dict[str, Any]
    if message["method"] == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "bench", "version": "1"}}
    else:
        result = {"content": [], "structuredContent": runs[message["params"]["arguments"]["run_id"]]}
    return orjson.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})


class Connection(asyncio.Protocol):
    """One keep-alive connection. Requests arrive one after another."""

    calls = 0

    def __init__(self, documents: Documents, latency: float) -> None:
        self._documents = documents
        self._latency = latency
        self._parser = httptools.HttpRequestParser(self)
        self._target = ""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target, self._body = "", b""

    def on_url(self, url: bytes) -> None:
        self._target += url.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._target == "/calls":
            self._send(200, str(Connection.calls).encode())
            return
        Connection.calls += 1
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        answer = self._documents.answers.get(self._target)
        if answer is not None:
            self._send(200, answer(self._body))
            return
        url = urlsplit(self._target)
        ids = parse_qs(unquote(url.query)).get("ids") if url.path == "/eigenpal/runs" else None
        if ids is not None:
            self._send(200, self._documents.rows(ids[0].split(",")))
        else:
            self._send(404, json.dumps({"error": self._target}).encode())

    def _send(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def serve(latency: float) -> None:
    """Serve on a free loopback port, which is printed. `latency` in seconds."""
    documents = Documents()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(documents, latency), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the parent reads it
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) / 1000 if sys.argv[1:] else 0))

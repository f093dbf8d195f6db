"""What the tests of the Eigenpal adapter share: documents, and an adapter on a transport that records."""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any, cast
from urllib.parse import unquote

import httpx
from pydantic import SecretStr

from adapters import codec
from adapters.eigenpal import EigenpalAdapter, EigenpalRecord
from adapters.eigenpal.parse import parse_run
from adapters.model import Part
from adapters.settings import TokenSettings
from adapters.testing.fixtures import to_bytes
from tests.support import run

BASE = "https://studio.eigenpal.com/api/v1"
TOKEN = "tenant-key"
REMOVED = object()
"""Stands for a field that is taken out."""

WORKFLOW: dict[str, Any] = {
    "id": "exec_1",
    "type": "workflow",
    "finished": True,
    "sampleRank": 0.5,
    "tags": ["eu"],
    "timing": {
        "createdAt": "2026-04-11T08:00:00.120Z",
        "startedAt": "2026-04-11T08:00:01Z",
        "completedAt": "2026-04-11T08:00:09Z",
        "durationMs": 8000,
        "cancelRequestedAt": None,
    },
    "source": {"id": "wf_po", "name": "Purchase orders", "version": "12", "versionId": "wfh_12"},
    "trigger": {"type": "api", "by": None},
    "execution": {
        "status": "completed",
        "schemaValid": True,
        "batchId": None,
        "retry": {"number": 0, "previousRunId": None, "nextRun": None},
    },
    "output": {"total": 1},
    "files": [{"name": "order.json", "role": "output", "path": "output/order.json", "size": 812}],
    "error": None,
}
STEPS: list[dict[str, Any]] = [
    {"id": "s1", "name": "fetch", "type": "http", "status": "completed", "order": 1},
    {"id": "s2", "name": "parse", "type": "ocr", "status": "failed", "order": 2, "error": "no document"},
]


def but(document: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with other values at paths, such as `execution__status="failed"`; REMOVED takes a field out."""
    copy: dict[str, Any] = deepcopy(dict(document))
    for path, value in changes.items():
        *sections, key = path.split("__")
        target = copy
        for section in sections:
            target = target[section]
        if value is REMOVED:
            del target[key]
        else:
            target[key] = value
    return copy


RUNNING = but(
    WORKFLOW,
    finished=False,
    timing__completedAt=None,
    timing__durationMs=None,
    execution__status="running",
    output=REMOVED,
    files=REMOVED,
)
AGENT = but(WORKFLOW, type="agent")


def as_received(document: object) -> Any:
    """A document as it is once it was sent as JSON and read."""
    return codec.loads(to_bytes(document))


def parsed(document: object = WORKFLOW, /, *asked: Part, row: bool = False, **changes: Any) -> EigenpalRecord:
    """The record of a document with changes, as it is after a journey as JSON."""
    body = but(cast("dict[str, Any]", document), **changes) if changes else document
    return parse_run(as_received(body), provider="eigenpal", asked=frozenset(asked), row=row)


Answer = Callable[[httpx.Request], httpx.Response]


class Provider:
    """An adapter whose provider answers from `answers`, by path below the prefix; anything else is a 404.

    An answer is a body, a status, a response, or a function of the request. `calls` holds each request's path and
    query, decoded.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self.calls: list[str] = []
        self.requests: list[httpx.Request] = []
        settings = TokenSettings(adapter="eigenpal", base_url=BASE, token=SecretStr(TOKEN))
        self.adapter = EigenpalAdapter.open("eigenpal", settings, httpx.MockTransport(self._answer))

    def fetch(self, native_id: str = "exec_1", *parts: Part) -> EigenpalRecord:
        return self.run(self.adapter.fetch(native_id, frozenset(parts)))

    def run(self, call: Awaitable[Any]) -> Any:
        """The outcome of a call, after which the adapter is closed."""

        async def closing() -> Any:
            try:
                return await call
            finally:
                await self.adapter.aclose()

        return run(closing())

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        raw = request.url.raw_path.decode().removeprefix("/api/v1")
        self.calls.append(f"{request.method} {unquote(raw)}")
        answer = self._answers.get(unquote(raw.partition("?")[0]), 404)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, int):
            return httpx.Response(answer, json={})
        return httpx.Response(200, content=to_bytes(answer), headers={"content-type": "application/json"})

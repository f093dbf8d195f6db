"""Runs commands in this process, and gateways that say what a test wants."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from gateway.cli import app
from gateway.demo.server import LoopbackServers

runner = CliRunner()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def rungraph(*arguments: object, stdin: str | None = None) -> Ended:
    """Runs a command. What it fails to catch is raised."""
    result = runner.invoke(app, [str(argument) for argument in arguments], input=stdin, catch_exceptions=False)
    return Ended(result.exit_code, result.stdout, result.stderr)


@dataclass
class Scripted:
    """A gateway that gives one answer. `body` may be a document or bytes; `asked` holds what it was asked."""

    body: Any
    status: int = 200
    is_cut: bool = False
    url: str = ""
    asked: list[tuple[Request, bytes]] = field(default_factory=list[tuple[Request, bytes]])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        self.asked.append((request, await request.body()))
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()
        length = len(body) + 10 * self.is_cut
        headers = [(b"content-length", str(length).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": self.is_cut})


@contextmanager
def scripted(body: Any, status: int = 200, *, is_cut: bool = False) -> Generator[Scripted]:
    """Serves an answer on loopback."""
    gateway = Scripted(body, status, is_cut)
    with LoopbackServers({"gateway": gateway}) as servers:
        gateway.url = servers.urls["gateway"]
        yield gateway

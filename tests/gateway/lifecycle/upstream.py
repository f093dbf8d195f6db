"""A simulated provider that makes requests wait, and accepts several tokens."""

import asyncio
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.demo.eigenpal import EigenpalSimulator
from gateway.demo.server import LoopbackServers
from tests.demo.conftest import SettableClock
from tests.gateway.processes import PATIENCE
from tests.gateway.toml import write_toml

TOKENS = ("first-token-5ea1", "second-token-90d3", "third-token-77c2", "fourth-token-1b06")
"""What this provider accepts."""


class Held:
    """Requests for one path, which wait as an ASGI application until they are let go."""

    def __init__(self, app: ASGIApp, real_token: str) -> None:
        self._app = app
        self._real = f"Bearer {real_token}".encode()
        self._path: str | None = None
        self._go = threading.Event()
        self._arrived = threading.Semaphore(0)
        self.seen: list[tuple[str, str]] = []
        """The token and path of each request, as they came."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers: dict[bytes, bytes] = dict(scope["headers"])
            token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
            self.seen.append((token, scope["path"]))
            if token in TOKENS:
                scope = {**scope, "headers": list({**headers, b"authorization": self._real}.items())}
            if self._path is not None and scope["path"].endswith(self._path):
                self._arrived.release()
                await asyncio.to_thread(self._go.wait, PATIENCE)
        await self._app(scope, receive, send)

    @contextmanager
    def holding(self, path: str) -> Generator[None]:
        """Makes requests whose path ends so wait until the block ends."""
        self._go.clear()
        self._path = path
        try:
            yield
        finally:
            self._path = None
            self._go.set()

    def wait_for_one(self) -> None:
        """Returns once a request waits."""
        assert self._arrived.acquire(timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class Upstream:
    """The provider, and the files of a gateway over it."""

    simulator: EigenpalSimulator
    held: Held
    url: str
    file: Path

    @property
    def token_file(self) -> Path:
        return self.file.with_name("token")

    def configure(self, token: str, *, names: Sequence[str] = ("eigenpal",), **server: int) -> None:
        """Write the configuration, whose cache keeps nothing, and the file that holds the token."""
        self.token_file.write_text(token, encoding="utf-8")
        section: Mapping[str, Any] = {
            "adapter": "eigenpal",
            "base_url": self.url + self.simulator.prefix,
            "token": f"file:{self.token_file}",
            "timeout_ms": PATIENCE * 1000,
        }
        cache: Mapping[str, Any] = {"terminal_ttl": 0, "live_ttl": 0, "waiting_ttl": 0, "reuse_answers": False}
        feed = {"deadline_ms": PATIENCE * 1000}
        providers = {f"providers.{name}": section for name in names}
        write_toml(self.file, {"server": server, "cache": cache, "feed": feed, **providers})


@contextmanager
def running(folder: Path) -> Generator[Upstream]:
    clock = SettableClock()  # which stands still, so that runs stay as they are
    simulator = EigenpalSimulator(anchor=clock(), clock=clock)
    held = Held(simulator.app(), simulator.token)
    with LoopbackServers({"upstream": held}) as servers:
        yield Upstream(simulator, held, servers.urls["upstream"], folder / "rungraph.toml")

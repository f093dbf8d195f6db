"""A Redis server for a test, and a way to it that can hang."""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.streams import stream_server

PASSWORD = "redis-pass-9d1c"
PATIENT: Mapping[str, Any] = {"url_timeout_ms": 10_000, "lock_ttl": 30}
"""No outcome depends on how fast the machine is."""


def require_redis() -> None:
    """Skip where there is no Redis server to start; not in CI."""
    if shutil.which("redis-server") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is not installed")
        pytest.skip("needs redis-server")


class RedisProcess:
    """Redis on a loopback port of its own, which it has again after a restart. Keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = _free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/3"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "requirepass": PASSWORD, "save": "", "appendonly": "no"}
        command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        for _ in range(6000):
            try:
                self.client().ping()
            except redis.ConnectionError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("Redis does not start")

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        return redis.Redis.from_url(self.url)  # pyright: ignore[reportUnknownMemberType]

    def contents(self) -> dict[str, bytes]:
        """Everything that is stored."""
        client = self.client()
        try:
            return {key.decode(): client.get(key) for key in client.scan_iter()}
        finally:
            client.close()


class Way:
    """A TCP way to a server. While `hangs` is set nothing that arrives goes on."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.hangs = False
        self.connections = 0
        self._target = port

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        finally:
            back.close()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if self.hangs:
                    continue
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()


@asynccontextmanager
async def way_to(port: int) -> AsyncGenerator[Way]:
    way = Way(port)
    async with stream_server(way.carry) as way.port:
        yield way


def _free_port() -> int:
    """A port that the system does not give to those who ask for any, so that it is still free after a restart."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port

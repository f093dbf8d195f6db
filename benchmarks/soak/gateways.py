"""The processes under test: gateways, and the Redis that they share."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from .checks import TERMINAL_TTL

PATIENCE = 60
KEYS: Mapping[str, str] = {name: f"rgk_soak_{name}" for name in ("all", "narrow")}
NARROW = ("eigenpal", "middesk")
"""The providers that the key `narrow` may see."""
OWN = "eigenpal-own"
OWN_HEADER = f"x-{OWN}-authorization"
_BAD = re.compile(r"Traceback|[Uu]nexpected|Unclosed|never retrieved|never awaited|Exception|Error:|a worker ended")


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory in MB and open files of one process, at a moment (monotonic)."""

    at: float
    megabytes: float
    files: int


class Gateway:
    """`rungraph serve` with some workers. What it prints goes to a file."""

    def __init__(self, folder: Path, configuration: Path, workers: int) -> None:
        self.name = f"{workers} worker{'s' * (workers > 1)}"
        self._log = folder / f"gateway-{workers}.log"
        arguments = ["serve", "--config", str(configuration), "--port", "0", "--workers", str(workers)]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "gateway", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "300"},
            )
        self.samples: dict[int, list[Sample]] = {}
        self.url = ""

    async def ready(self) -> None:
        """Returns when it serves."""
        for _ in range(PATIENCE * 50):
            if found := re.search(r"RunGraph serves .* at (\S+)/graphql", self.log()):
                self.url = found[1]
                return
            if self._process.poll() is not None:
                break
            await asyncio.sleep(0.02)
        raise RuntimeError(f"the gateway does not start: {self.log()[-2000:]}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def troubles(self) -> list[str]:
        """Lines of its log that no fault of a provider explains."""
        return [line for line in self.log().splitlines() if _BAD.search(line)]

    def reload(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    def sample(self) -> None:
        for pid in self._serving():
            # It may just have ended.
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                kilobytes = int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
                files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone, of what comes and goes
                self.samples.setdefault(pid, []).append(Sample(time.monotonic(), kilobytes / 1024, files))

    def _serving(self) -> list[int]:
        """The processes that answer: the workers, or the only one."""
        pid = self._process.pid
        children: list[int] = []
        with suppress(OSError):
            children = list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
        workers = [child for child in children if "spawn_main" in _command(child)]
        return workers or [pid]

    def stop(self) -> int:
        """Ends it as an orchestrator would; its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


class Redis:
    """A Redis server on a loopback port, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        options = {"port": str(self._port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "maxmemory": "64mb"}
        options["maxmemory-policy"] = "allkeys-lru"
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command = [shutil.which("redis-server") or "", *words]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)  # noqa: S603

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.kills += 1


def configuration(providers: Mapping[str, Mapping[str, Any]], redis: str | None) -> str:
    """The configuration of the gateways, as TOML: short lives and pauses, so that all that is kept is also lost."""
    sections: dict[str, dict[str, Any]] = {
        "cache": {
            "terminal_ttl": int(TERMINAL_TTL),
            "live_ttl": 1,
            "waiting_ttl": 1,
            "not_found_ttl": 1,
            "stale_if_error_ttl": 600,
            "max_runs": 600,
            "max_answers": 200,
            **({"url": redis, "lock_ttl": 1, "url_timeout_ms": 100} if redis else {}),
        },
    }
    for name, key in KEYS.items():
        seen = {} if name == "all" else {"providers": list(NARROW)}
        sections[f"auth.keys.{name}"] = {"hash": f"sha256:{sha256(key.encode()).hexdigest()}", **seen}
    bounds = {"timeout_ms": 3000, "breaker_pause_ms": 400, "max_pause_ms": 1500, "max_retry_wait_ms": 1500}
    for name, section in providers.items():
        sections[f"providers.{name}"] = {**section, **bounds}
    own = {key: value for key, value in providers["eigenpal"].items() if key != "token"}
    sections[f"providers.{OWN}"] = {**own, **bounds, "adapter": "eigenpal", "credentials": "caller"}
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in section.items())
        for name, section in sections.items()
    )


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"  # pyright: ignore[reportUnknownArgumentType]
    return f'"{value}"' if isinstance(value, str) else str(value).lower()

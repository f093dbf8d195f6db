"""The commands over the simulated providers, in this process and as processes on a terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import create_app
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import parse
from tests.gateway.asking import NO_CACHE, eager
from tests.gateway.toml import write_toml


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What of the environment a command heeds."""
    for name in ("RUNGRAPH_CONFIG", "RUNGRAPH_URL", "RUNGRAPH_API_KEY", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("TZ", "UTC")


def write_config(world: DemoWorld, path: Path) -> Path:
    """A configuration file for the simulated providers."""
    providers = world.configuration()["providers"]
    return write_toml(path, {f"providers.{name}": section for name, section in providers.items()})


@pytest.fixture
def config(world: DemoWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file for the simulated providers, which the environment names."""
    path = write_config(world, tmp_path / "rungraph.toml")
    monkeypatch.setenv("RUNGRAPH_CONFIG", str(path))
    return path


@pytest.fixture
def url(world: DemoWorld, served: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The root URL of a gateway that runs elsewhere and keeps no runs, which the environment names."""
    monkeypatch.setenv("RUNGRAPH_URL", served)
    return served


@pytest.fixture(scope="session")
def served(running_world: DemoWorld) -> Iterator[str]:
    """The same without the environment."""
    app = create_app(parse({**eager(running_world), "cache": dict(NO_CACHE)}))
    with LoopbackServers({"gateway": app}) as servers:
        yield servers.urls["gateway"]

"""The world of canaries, and Redis with one as its password."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.caching import redis_process
from tests.gateway.caching.redis_process import RedisProcess, require_redis

from .leaks import core
from .planted import SECRETS, Planted, planted


@pytest.fixture(scope="package")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    with planted(tmp_path_factory.mktemp("secrets")) as plants:
        yield plants


@pytest.fixture
def plant(plants: Planted) -> Iterator[Planted]:
    """The world without faults, of which nothing was said yet; nothing of what is said may be a secret."""
    plants.world.reset()
    plants.said.outputs.clear()
    yield plants
    assert plants.leaks() == []


@pytest.fixture
def redis_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RedisProcess, str]]:
    require_redis()
    monkeypatch.setattr(redis_process, "PASSWORD", core(SECRETS["redis"]))
    server = RedisProcess(tmp_path)
    server.start()
    yield server, server.url
    server.stop()

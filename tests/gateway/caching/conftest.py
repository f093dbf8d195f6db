"""Redis servers for the tests of this folder."""

from collections.abc import Iterator

import pytest

from .redis_process import RedisProcess, require_redis


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """An empty Redis server."""
    require_redis()
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()

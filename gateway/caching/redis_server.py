"""The server that replicas share: Redis, or anything that speaks its protocol, through aiocache's backend.

A single server, or what stands for one. Nothing here raises because of the server: without it each process has only
what it knows itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.breaker import Breaker

from .counts import Counts
from .shared import Lock

PREFIX = "rungraph:"
MAX_CONNECTIONS = 32
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 5.0
"""Seconds for which the server is left alone once it failed."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Backend(RedisCache):
    """aiocache's backend, as the server's client wants it today."""

    client: Any
    RELEASE_SCRIPT: str

    async def _close(self, *args: Any, _conn: Any = None, **kwargs: Any) -> None:
        await self.client.aclose()


class SharedServer:
    """Values in bytes by key, and short locks."""

    def __init__(self, url: str, *, timeout: float, lease: float, counts: Counts) -> None:
        """`timeout` bounds each call, and `lease` each lock; both in seconds. `lease` 0: no locks."""
        self._backend: Any = _connect(url)
        self._timeout = timeout
        self._lease = lease
        self._breaker = Breaker(monotonic, failures=1, first_pause=FIRST_PAUSE, longest_pause=LONGEST_PAUSE)
        self._counts = counts
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None] | None:
        """The values; None where the server can't be asked."""
        return await self._call(lambda: self._backend.multi_get([_value(key) for key in keys]))

    async def lock(self, names: Sequence[str], keys: Sequence[str]) -> tuple[Lock, Sequence[bytes | None]]:
        """Take those locks that are free, and read values, in this order.

        Where the server can't be asked all locks are taken.
        """
        lock = Lock()

        async def call() -> tuple[Lock, Sequence[bytes | None]]:
            async with self._backend.client.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.set(_lock(name), lock.token, nx=True, px=max(1, int(self._lease * 1000)))
                pipe.mget([_value(key) for key in keys])
                *taken, values = await pipe.execute()
            return Lock([name for name, was_set in zip(names, taken, strict=True) if was_set], lock.token), values

        if self._lease and (answer := await self._call(call)) is not None:
            return answer
        return Lock(names), [None] * len(keys)

    async def watch(self, names: Sequence[str], keys: Sequence[str]) -> Sequence[tuple[bool, bytes | None]] | None:
        """Whether locks are held, and the values they are about; None where the server can't be asked."""
        both = [*map(_lock, names), *map(_value, keys)]
        answer = await self._call(lambda: self._backend.multi_get(both))
        if answer is None:
            return None
        return [
            (held is not None, value) for held, value in zip(answer[: len(names)], answer[len(names) :], strict=True)
        ]

    async def write(self, values: Sequence[tuple[str, bytes, float]], lock: Lock) -> None:
        """Store values, each for some seconds, and then let go of a lock."""

        async def call() -> bool:
            async with self._backend.client.pipeline(transaction=False) as pipe:
                for key, value, ttl in values:
                    pipe.set(_value(key), value, px=max(1, int(ttl * 1000)))
                for name in lock.won:
                    pipe.eval(self._backend.RELEASE_SCRIPT, 1, _lock(name), lock.token)
                await pipe.execute()
            return True

        if values or lock.won:
            await self._call(call)

    def let_go(self, lock: Lock) -> None:
        """Give up a lock in the background: of work that was cancelled."""
        task = asyncio.ensure_future(self.write((), lock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def is_reachable(self) -> bool:
        """Whether it answers; during a pause after a failure, whether it did."""
        return await self._call(lambda: self._backend.client.ping()) is not None

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)
        await self._backend.close()

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T | None:
        if not self._breaker.allows():
            return None
        try:
            async with asyncio.timeout(self._timeout):
                result = await call()
        except Exception as error:
            # Whatever it is (a connection, a server that loads or is full, an answer that is none): do without.
            self._counts.shared_errors += 1
            if self._breaker.failed():
                self._counts.shared_outages += 1
                # The exception's text may quote the server's URL.
                log.warning("the shared cache does not answer (%s): going on without it", type(error).__name__)
            return None
        if self._breaker.succeeded():
            log.warning("the shared cache answers again")
        return result


def _value(key: str) -> str:
    return f"{PREFIX}run:{key}"


def _lock(key: str) -> str:
    return f"{PREFIX}lock:{key}"


def _connect(url: str) -> _Backend:
    """The backend for a URL; nothing is sent yet."""
    parts = urlsplit(url)
    return _Backend(
        serializer=NullSerializer(encoding=None),
        timeout=None,
        endpoint=parts.hostname,
        port=parts.port or 6379,
        db=int(parts.path.strip("/") or 0),
        password=unquote(parts.password) if parts.password else None,
        pool_max_size=MAX_CONNECTIONS,
        ssl=parts.scheme in ("rediss", "valkeys"),
        connection_pool_class=BlockingConnectionPool,
        connection_pool_kwargs={
            "username": unquote(parts.username) if parts.username else None,
            "protocol": 2,
            # Whoever asks goes on without the server sooner than a second try would answer.
            "retry": Retry(NoBackoff(), 0),
        },
    )

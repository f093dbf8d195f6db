"""Load on one server: so many requests in flight for so long."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from time import perf_counter

from wreq import Client

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Requests per second, and latency percentiles in milliseconds."""

    rate: float
    p50: float
    p99: float


def client() -> Client:
    return Client(timeout=timedelta(seconds=30))


async def post(http: Client, url: str, body: bytes) -> bytes:
    """The answer to one operation; RuntimeError where it is an error."""
    response = await http.post(url, headers=JSON, body=body)
    answer = bytes(await response.bytes())
    status = response.status.as_int()
    if status != 200 or b'"errors"' in answer:
        raise RuntimeError(f"{url} answered {status}: {answer[:300]!r}")
    return answer


async def get(http: Client, url: str) -> bytes:
    response = await http.get(url)
    answer = bytes(await response.bytes())
    status = response.status.as_int()
    if status != 200:
        raise RuntimeError(f"{url} answered {status}: {answer[:300]!r}")
    return answer


async def load(http: Client, url: str, bodies: Sequence[bytes], *, in_flight: int, seconds: float) -> Sample:
    """Operations posted in turn, or, without bodies, the url fetched."""
    latencies: list[float] = []
    end = perf_counter() + seconds
    turns = cycle(bodies or [b""])

    async def worker() -> None:
        # Once at least, however long it took to get here.
        while True:
            start = perf_counter()
            await (post(http, url, next(turns)) if bodies else get(http, url))
            now = perf_counter()
            latencies.append(now - start)
            if now >= end:
                return

    begin = perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    elapsed = perf_counter() - begin
    latencies.sort()
    return Sample(len(latencies) / elapsed, _percentile(latencies, 0.5), _percentile(latencies, 0.99))


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000

"""`python -m benchmarks.latency`: a provider that takes 20 ms, so that only what is in flight side by side counts.

Prints the rates of the HTTP client alone, of plain httpx, and of the gateway, next to the rate that the latency allows;
and what the load gets of the provider itself, which is all that this machine lets anybody have.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from time import perf_counter

import httpx
import uvloop
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from adapters.auth import Bearer
from adapters.errors import ErrorReading
from adapters.settings import ProviderSettings
from adapters.upstream import UpstreamClient
from benchmarks import TABLE_WIDTH
from benchmarks.load import client, load
from benchmarks.processes import process
from benchmarks.upstream import Documents
from benchmarks.workloads import workloads

LATENCY_MS = 20


async def rate(call: Callable[[], Awaitable[object]], in_flight: int, seconds: float) -> float:
    """Calls per second with so many in flight. Those that are under way at the end are waited for and counted."""
    calls = 0
    start = perf_counter()

    async def worker() -> None:
        nonlocal calls
        while perf_counter() - start < seconds:
            await call()
            calls += 1

    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return calls / (perf_counter() - start)


async def of_client(url: str, path: str, in_flight: int, seconds: float) -> float:
    """The gateway's HTTP client alone."""
    settings = ProviderSettings(adapter="none", base_url=url, max_connections=in_flight)
    upstream = UpstreamClient("client", settings, auth=Bearer(None), read_error=lambda _: ErrorReading())
    try:
        return await rate(lambda: upstream.send("GET", path.split("/")), in_flight, seconds)
    finally:
        await upstream.aclose()


async def of_httpx(url: str, path: str, in_flight: int, seconds: float) -> float:
    """httpx with its own connection pool, without a limit to its connections."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as http:
        return await rate(lambda: http.get(f"{url}/{path}"), in_flight, seconds)


async def of_server(url: str, bodies: Sequence[bytes], in_flight: int, seconds: float) -> float:
    async with client() as http:
        return (await load(http, url, bodies, in_flight=in_flight, seconds=seconds)).rate


async def run(rounds: int, seconds: float, console: Console) -> None:
    """Print the table: medians, interleaved."""
    documents = Documents()
    path = f"eigenpal/runs/{documents.ids['eigenpal'][0]}"
    bodies = next(one.bodies for one in workloads(documents) if one.server == "cold")
    with (
        process("benchmarks.upstream", str(LATENCY_MS)) as (upstream, _),
        process("benchmarks.servers", "cold", upstream) as (gateway, _),
    ):
        cells: dict[tuple[str, int], Callable[[], Awaitable[float]]] = {
            ("httpx", 256): lambda: of_httpx(upstream, path, 256, seconds),
            ("the gateway's client", 256): lambda: of_client(upstream, path, 256, seconds),
            ("the provider, asked directly", 64): lambda: of_server(f"{upstream}/{path}", (), 64, seconds),
            ("the gateway, one run", 64): lambda: of_server(f"{gateway}/graphql", bodies, 64, seconds),
        }
        samples: dict[tuple[str, int], list[float]] = {cell: [] for cell in cells}
        for _ in range(rounds):
            for cell, measure in cells.items():
                samples[cell].append(await measure())
    table = Table(title=f"upstream that takes {LATENCY_MS} ms, medians (lowest - highest)", box=SIMPLE)
    for column in ("", "in flight", "requests/s", "/ ideal"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for (name, in_flight), rates in samples.items():
        ideal = in_flight * 1000 / LATENCY_MS
        figures = f"{median(rates):,.0f} ({min(rates):,.0f} - {max(rates):,.0f})"
        table.add_row(name, str(in_flight), figures, f"{median(rates) / ideal:.2f}")
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a cell")
    options = parser.parse_args(arguments)
    uvloop.run(run(options.rounds, options.seconds, Console(width=TABLE_WIDTH)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks`: every workload, interleaved over rounds, as ratios to a bare proxy in the same run."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import uvloop
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import TABLE_WIDTH
from benchmarks.load import Sample, client, get, load, post
from benchmarks.processes import process
from benchmarks.upstream import Documents
from benchmarks.workloads import Workload, workloads

PROXY = "bare proxy"


class Benchmark:
    """All servers, and the workloads to put on them."""

    def __init__(self, stack: ExitStack) -> None:
        self.upstream, _ = stack.enter_context(process("benchmarks.upstream"))
        self.servers = {
            kind: stack.enter_context(process("benchmarks.servers", kind, self.upstream))
            for kind in ("proxy", "cold", "warm")
        }
        documents = Documents()
        self.workloads = workloads(documents)
        self.proxied = f"{self.servers['proxy'][0]}/run/{documents.ids['eigenpal'][0]}"

    def url(self, workload: Workload) -> str:
        return f"{self.servers[workload.server][0]}/graphql"

    async def upstream_calls(self, workload: Workload) -> int:
        """What the second of two equal operations asks upstream: the first one opens connections and fills caches."""
        async with client() as http:
            await post(http, self.url(workload), workload.bodies[0])
            before = int(await get(http, f"{self.upstream}/calls"))
            await post(http, self.url(workload), workload.bodies[0])
            return int(await get(http, f"{self.upstream}/calls")) - before

    async def sample(self, workload: Workload | None, in_flight: int, seconds: float) -> Sample:
        """One cell; None is the bare proxy."""
        async with client() as http:
            url = self.proxied if workload is None else self.url(workload)
            bodies: Sequence[bytes] = () if workload is None else workload.bodies
            await load(http, url, bodies, in_flight=in_flight, seconds=seconds / 4)
            return await load(http, url, bodies, in_flight=in_flight, seconds=seconds)

    def memory_mb(self, server: str) -> float:
        """Resident memory of a server's process; 0 where the system does not tell."""
        status = Path(f"/proc/{self.servers[server][1]}/status")
        if not status.exists():
            return 0
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


async def run(rounds: int, seconds: float, in_flight: int, console: Console) -> bool:
    """Print the table; whether every workload made exactly the upstream calls it should."""
    with ExitStack() as stack:
        benchmark = Benchmark(stack)
        calls = {workload.name: await benchmark.upstream_calls(workload) for workload in benchmark.workloads}
        samples: dict[str, list[Sample]] = defaultdict(list)
        for _ in range(rounds):
            samples[PROXY].append(await benchmark.sample(None, in_flight, seconds))
            for workload in benchmark.workloads:
                samples[workload.name].append(await benchmark.sample(workload, in_flight, seconds))
        console.print(_table(benchmark, samples, calls, in_flight))
        wrong = [workload for workload in benchmark.workloads if calls[workload.name] != workload.calls]
        for workload in wrong:
            console.print(f"{workload.name}: {calls[workload.name]} upstream calls, expected {workload.calls}")
        return not wrong


def _table(benchmark: Benchmark, samples: dict[str, list[Sample]], calls: dict[str, int], in_flight: int) -> Table:
    table = Table(title=f"{in_flight} in flight, medians (lowest - highest)", box=SIMPLE)
    for name in ("workload", "requests/s", "/ proxy", "p50 ms", "p99 ms", "MB", "calls"):
        table.add_column(name, justify="left" if name == "workload" else "right", no_wrap=True)
    proxy = median(sample.rate for sample in samples[PROXY])
    servers = {PROXY: "proxy"} | {workload.name: workload.server for workload in benchmark.workloads}
    for name, server in servers.items():
        rates = [sample.rate for sample in samples[name]]
        table.add_row(
            name,
            f"{median(rates):,.0f} ({min(rates):,.0f} - {max(rates):,.0f})",
            f"{median(rates) / proxy:.2f}",
            f"{median(sample.p50 for sample in samples[name]):.1f}",
            f"{median(sample.p99 for sample in samples[name]):.1f}",
            f"{benchmark.memory_mb(server):.0f}",
            str(calls.get(name, 1)),
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a cell")
    parser.add_argument("--in-flight", type=int, default=16)
    options = parser.parse_args(arguments)
    return 0 if uvloop.run(run(options.rounds, options.seconds, options.in_flight, Console(width=TABLE_WIDTH))) else 1


if __name__ == "__main__":
    sys.exit(main())

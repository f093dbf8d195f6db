"""The benchmarks run, and every workload asks upstream exactly what it should. No time is asserted."""

import asyncio
import io

from rich.console import Console

from benchmarks.__main__ import run


def test_every_workload_makes_its_calls() -> None:
    output = io.StringIO()
    exact = asyncio.run(run(rounds=1, seconds=0.05, in_flight=2, console=Console(file=output, width=120)))
    assert exact, output.getvalue()
    assert "50 runs, mixed providers" in output.getvalue()

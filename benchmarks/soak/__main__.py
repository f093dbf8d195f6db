"""`python -m benchmarks.soak --seconds 600`: exit code 0 only if no answer was wrong and nothing grew."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from random import SystemRandom

from rich.console import Console

from benchmarks import TABLE_WIDTH

from .report import is_clean, show
from .soak import soak
from .weather import GRACE


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of all that is random")
    parser.add_argument("--rate", type=float, default=50, help="requests per second")
    parser.add_argument("--runs", type=int, default=60, help="of each provider, asked for by id")
    options = parser.parse_args(arguments)
    settle = min(options.seconds / 4, 2 * GRACE)
    tally = asyncio.run(soak(options.seconds, seed=options.seed, rate=options.rate, runs=options.runs, settle=settle))
    show(tally, options.seed, Console(width=TABLE_WIDTH))
    return 0 if is_clean(tally) else 1


if __name__ == "__main__":
    sys.exit(main())

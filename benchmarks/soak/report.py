"""What a soak found, as tables, and whether it is clean."""

from collections.abc import Sequence
from statistics import median

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from .gateways import Sample
from .soak import Tally

JUDGED_AFTER = 120.0
"""Seconds of a soak before its memory says anything: caches fill first."""
MORE_MEGABYTES, MORE_FILES = 6.0, 20
"""By how much a process may grow from the second third to the last: caches are bounded in entries, not in pages."""


def thirds(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Median megabytes and open files in each third of the time."""
    size = max(1, len(samples) // 3)
    parts = (samples[:size], samples[size : 2 * size] or samples, samples[2 * size :] or samples)
    return [(median(one.megabytes for one in part), median(one.files for one in part)) for part in parts]


def growth(tally: Tally) -> list[str]:
    """Processes whose memory or open files are not flat."""
    if tally.seconds < JUDGED_AFTER:
        return []
    grown: list[str] = []
    for name, samples in tally.samples.items():
        _, middle, last = thirds(samples)
        if last[0] > middle[0] * 1.03 + MORE_MEGABYTES:
            grown.append(f"{name}: {middle[0]:.1f} MB became {last[0]:.1f} MB")
        if last[1] > middle[1] + MORE_FILES:
            grown.append(f"{name}: {middle[1]:.0f} open files became {last[1]:.0f}")
    return grown


def is_clean(tally: Tally) -> bool:
    return not (tally.wrong_count or tally.troubles or growth(tally))


def show(tally: Tally, seed: int, console: Console) -> None:
    requests = Table(title=f"{tally.outcomes.total():,} requests in {tally.seconds:.0f} s", box=SIMPLE)
    for column in ("request", "outcome", "count"):
        requests.add_column(column, justify="right" if column == "count" else "left")
    for (kind, outcome), count in sorted(tally.outcomes.items()):
        requests.add_row(kind, outcome, f"{count:,}")
    console.print(requests)
    memory = Table(title="medians of the first, second and last third", box=SIMPLE)
    for column in ("process", "MB", "open files"):
        memory.add_column(column)
    for name, samples in tally.samples.items():
        parts = thirds(samples)
        megabytes = " → ".join(f"{megabytes:.1f}" for megabytes, _ in parts)
        memory.add_row(name, megabytes, " → ".join(f"{files:.0f}" for _, files in parts))
    console.print(memory)
    kills = "no Redis: not installed" if tally.kills is None else f"Redis killed {tally.kills} times"
    console.print(f"{tally.faults} faults switched on and off, {kills}, {tally.reloads} reloads, seed {seed}")
    console.print(f"wrong answers: {tally.wrong_count}, unhandled exceptions: {len(tally.troubles)}")
    if tally.skipped:
        console.print(f"{tally.skipped} requests were not sent, since too many were under way")
    for wrong in tally.wrong:
        before = [f"{wrong.at - at:.1f} s before: {what}" for at, what in tally.events if 0 < wrong.at - at < 10]
        console.print(
            f"\nWRONG {wrong.kind}", *before, *wrong.what, wrong.request, wrong.answer, sep="\n  ", markup=False
        )
    for line in (*tally.troubles[:40], *growth(tally)):
        console.print(f"TROUBLE {line}", markup=False)

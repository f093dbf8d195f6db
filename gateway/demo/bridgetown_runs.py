"""All runs of the simulated Bridge Town: those of the past, odd ones, and those under way."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from .bridgetown_data import NAME, SimulatedRun, live, live_by_number, past_runs
from .bridgetown_edges import edge_runs
from .history import live_number
from .simulator import Clock


class RunStore:
    """The runs as they stand whenever somebody looks. `special`: the odd ones' ids by what is odd about them."""

    def __init__(self, anchor: datetime, clock: Clock) -> None:
        self._anchor, self._clock = anchor, clock
        odd = edge_runs(anchor)
        self.special: Mapping[str, str] = {name: run.id for name, run in odd.items()}
        past = sorted((*past_runs(anchor), *odd.values()), key=lambda run: run.created, reverse=True)
        self._past = {run.id: run for run in past}

    def all(self) -> Sequence[SimulatedRun]:
        """Every run that a list shows, newest first."""
        return self._at(self._clock())

    def at_anchor(self) -> Sequence[SimulatedRun]:
        """The same as of the anchor, whatever the clock says."""
        return self._at(self._anchor)

    def exact(self, run_id: str) -> SimulatedRun | None:
        """The run with this full id; also one that is too old for the list."""
        if (number := live_number(NAME, run_id)) is not None:
            return live_by_number(self._anchor, self._clock(), number)
        return self._past.get(run_id)

    def _at(self, now: datetime) -> list[SimulatedRun]:
        return [*live(self._anchor, now), *self._past.values()]

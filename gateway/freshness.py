"""How fresh the runs are that one answer is made of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import ErrorCode
from adapters.model import Part

from .caching.entry import Entry


@dataclass(frozen=True, slots=True)
class StaleRun:
    """A run that was given as it was known `age_ms` ago, because looking it up failed with `code`."""

    id: str
    age_ms: int
    code: ErrorCode


@dataclass(slots=True)
class Freshness:
    """Collects what one request uses. `until` is when the first of it is over; None where no run was used.

    Only who shows `extensions` may set `allows_stale`: nobody gets a stale run without being told.
    """

    until: float | None = None
    allows_stale: bool = False
    is_settled: bool = True
    """Whether every run used has ended, and nothing of it failed. One that is not there may still come."""
    stale: dict[str, StaleRun] = field(default_factory=dict[str, StaleRun])

    def use(self, entry: Entry, parts: Iterable[Part]) -> None:
        """Note an entry, and which of its parts are wanted."""
        until = entry.fresh_until(parts)
        if self.until is None or until < self.until:
            self.until = until
        if self.is_settled:
            self.is_settled = entry.is_settled

    def use_stale(self, run: StaleRun) -> None:
        self.stale[run.id] = run

    def extensions(self) -> dict[str, Any]:
        """What an answer says about it."""
        if not self.stale:
            return {}
        return {"stale": [{"id": run.id, "ageMs": run.age_ms, "code": run.code.value} for run in self.stale.values()]}

"""Who calls: a name, what it may see and do, and how often."""

from collections.abc import Callable
from dataclasses import dataclass


class RateLimit:
    """So many requests per second, and `burst` of them at once after a pause. `clock` is monotonic, in seconds.

    It is the generic cell rate algorithm: one number, the time at which the burst would be whole again.
    """

    __slots__ = ("_clock", "_full_at", "_interval", "_tolerance")

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = 1 / rate
        self._tolerance = (burst - 1) / rate
        self._clock = clock
        self._full_at = float("-inf")

    def take(self) -> float:
        """0 where one more is allowed now, and it counts; else how many seconds to wait, and it does not count."""
        now = self._clock()
        full_at = max(self._full_at, now)
        wait = full_at - self._tolerance - now
        if wait > 0:
            return wait
        self._full_at = full_at + self._interval
        return 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may call. `providers` are the names it may see, None for all; no `limit` is no limit."""

    name: str
    providers: frozenset[str] | None = None
    can_write: bool = True
    limit: RateLimit | None = None


ANYBODY = Caller("")
"""Everybody, where nobody has to say who they are."""

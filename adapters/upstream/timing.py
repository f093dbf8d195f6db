"""The time that calls go by."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from adapters.budget import CURRENT


@dataclass(frozen=True, slots=True)
class Timing:
    """`now` is monotonic, in seconds."""

    now: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def seconds_left(self, ends_at: float) -> float:
        """How long a call may still wait: until its own end, and that of the request that it is for."""
        return min(ends_at - self.now(), CURRENT.get().seconds_left)

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


def seconds_left(limit: asyncio.Timeout) -> float:
    """How long a call may still take: within its own limit, and within the request that it is for."""
    when = limit.when()
    left = CURRENT.get().seconds_left
    return left if when is None else min(left, when - asyncio.get_running_loop().time())

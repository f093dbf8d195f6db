"""What a request may still cost: time, upstream calls and retries. Tasks inherit it from where they are started."""

from collections.abc import Callable
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Protocol


class Allowance(Protocol):
    """What limits calls: the budget of one request, or of several that wait for the same call."""

    @property
    def seconds_left(self) -> float: ...

    @property
    def max_calls(self) -> float: ...

    def take_call(self) -> bool:
        """Count one more upstream call; whether it may be made."""
        ...

    def take_retry(self) -> bool:
        """Count one more retry; whether it may be made."""
        ...


class Budget:
    """The budget of one request. `timer` is monotonic, in seconds.

    `seconds` from now it is over. It has `calls` upstream calls, and of them `retries` may be repeated ones, with
    `retries_per_call` more for each call made: a long report may repeat a part of its calls. `calls_made` counts them.
    """

    __slots__ = ("_retries", "_retries_per_call", "_timer", "calls_made", "ends_at", "max_calls")

    def __init__(
        self,
        *,
        seconds: float = inf,
        calls: float = inf,
        retries: float = inf,
        retries_per_call: float = 0,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._timer = timer
        self.ends_at = timer() + seconds
        self.max_calls = calls
        self.calls_made = 0
        self._retries = retries
        self._retries_per_call = retries_per_call

    @property
    def seconds_left(self) -> float:
        """Below 0 where its time is over."""
        return self.ends_at - self._timer()

    def take_call(self) -> bool:
        if self.calls_made >= self.max_calls:
            return False
        self.calls_made += 1
        self._retries += self._retries_per_call
        return True

    def take_retry(self) -> bool:
        if self._retries < 1:
            return False
        self._retries -= 1
        return True


class JointBudget:
    """The budget of work that several requests wait for: it goes on while one of them can pay for it.

    `is_spent`: something was refused by now, which a request that joins later might have paid for.
    """

    __slots__ = ("is_spent", "members")

    def __init__(self, *members: Allowance) -> None:
        self.members = list(members)
        self.is_spent = False

    @property
    def seconds_left(self) -> float:
        return max((member.seconds_left for member in self.members), default=0)

    @property
    def max_calls(self) -> float:
        return max((member.max_calls for member in self.members), default=0)

    def take_call(self) -> bool:
        for member in self.members:
            if member.take_call():
                return True
        self.is_spent = True
        return False

    def take_retry(self) -> bool:
        for member in self.members:
            if member.take_retry():
                return True
        self.is_spent = True
        return False


UNLIMITED = Budget()
CURRENT: ContextVar[Allowance] = ContextVar("budget", default=UNLIMITED)
"""The budget that upstream calls made here are on."""

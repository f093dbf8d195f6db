"""When to leave a server alone that does not answer."""

from collections.abc import Callable
from enum import Enum


class Circuit(Enum):
    """Whether a server is called. HALF_OPEN: one call tries whether it works again."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Breaker:
    """Opens after `failures` failed calls in a row (0: never). After a pause one call tries the server again.

    The pause doubles with each try that fails, up to `longest_pause`. All in seconds; `timer` is monotonic.
    """

    __slots__ = (
        "_failures",
        "_first_pause",
        "_is_trying",
        "_longest_pause",
        "_pause",
        "_row",
        "_timer",
        "_until",
        "is_open",
    )

    def __init__(self, timer: Callable[[], float], *, failures: int, first_pause: float, longest_pause: float) -> None:
        self._timer = timer
        self._failures = failures
        self._first_pause, self._longest_pause = min(first_pause, longest_pause), longest_pause
        self._row = 0
        self._pause = self._until = 0.0
        self._is_trying = False
        self.is_open = False
        """Whether the latest that is known is that the server fails."""

    @property
    def circuit(self) -> Circuit:
        if not self.is_open:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._is_trying or self.wait == 0 else Circuit.OPEN

    @property
    def wait(self) -> float:
        """Seconds until the server may be called; 0 where it may be now."""
        return max(self._until - self._timer(), 0) if self.is_open else 0

    def allows(self) -> bool:
        """Whether to call now. While it is open, whoever is told so makes the one call that tries the server."""
        if not self.is_open:
            return True
        if self.wait > 0:
            return False
        # Until this call has an outcome the others go on without the server; and if it never has one, for a pause.
        self._is_trying = True
        self._until = self._timer() + self._pause
        return True

    def succeeded(self) -> bool:
        """Note a call that worked; whether that closed it."""
        self._row = 0
        was_open, self.is_open, self._is_trying = self.is_open, False, False
        return was_open

    def failed(self) -> bool:
        """Note a call that failed; whether that opened it."""
        opens = False
        if not self.is_open:
            self._row += 1
            if not 0 < self._failures <= self._row:
                return False
            opens = self.is_open = True
            self._pause = self._first_pause
        elif self._is_trying:
            self._is_trying = False
            self._pause = min(2 * self._pause, self._longest_pause)
        else:
            # A call that began before the outage was known.
            return False
        self._until = self._timer() + self._pause
        return opens

    def abandoned(self) -> None:
        """Note a call that ended without an outcome: the next one may try the server in its place."""
        if self._is_trying:
            self._is_trying = False
            self._until = self._timer()

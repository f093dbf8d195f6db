"""How soon a provider may be called again."""

from collections import deque
from collections.abc import Callable


class Limiter:
    """At most `rate` calls in any second (0: no limit), and none during a pause.

    A rate below 1 is one call in 1/rate seconds. `timer` is monotonic, in seconds.
    """

    __slots__ = ("_paused_until", "_period", "_places", "_timer", "is_busy")

    def __init__(self, rate: float, timer: Callable[[], float]) -> None:
        count = max(1, int(rate)) if rate else 0
        self._period = count / rate if rate else 0.0
        # When the latest calls started, or will: the one behind them all starts a period after the first.
        self._places: deque[float] = deque(maxlen=count)
        self._paused_until = 0.0
        self._timer = timer
        self.is_busy = bool(rate)
        """Whether it has anything to say. Where not, nobody needs to ask."""

    @property
    def pause_left(self) -> float:
        """Seconds; 0 where there is no pause."""
        left = max(self._paused_until - self._timer(), 0)
        if not left:
            self.is_busy = bool(self._places.maxlen)
        return left

    def pause(self, seconds: float) -> None:
        """Let no call start for some time. A longer pause that is under way stays."""
        self._paused_until = max(self._paused_until, self._timer() + seconds)
        self.is_busy = True

    def reserve(self, patience: float) -> float:
        """Seconds until a call may start. Its place is kept where they are fewer than `patience`."""
        now = self._timer()
        start = now + self.pause_left
        places = self._places
        if places.maxlen and len(places) == places.maxlen:
            start = max(start, places[0] + self._period)
        if start - now < patience:
            places.append(start)
        return start - now

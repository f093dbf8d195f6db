"""Repeats calls that failed for a moment."""

from collections.abc import Awaitable, Callable, Set
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from adapters.budget import CURRENT
from adapters.errors import AdapterError, Unavailable
from adapters.settings import ProviderSettings

from .gate import Traffic
from .timing import Timing

T = TypeVar("T")

PASSING_STATUSES: Set[int] = frozenset({408, 429, 502, 503, 504})


def _is_passing(error: BaseException) -> bool:
    """Whether the same call may work in a moment: there was no connection, or the provider says so.

    Not where no answer came in time: that call may still be at work, and took all the time there was.
    """
    if not isinstance(error, AdapterError) or not error.retryable or error.unsent:
        return False
    return error.upstream_status in PASSING_STATUSES or (
        error.upstream_status is None and isinstance(error, Unavailable)
    )


class Retry:
    """Exponential waits with full jitter, and never before the provider's Retry-After.

    A wait that does not fit into the time left, or is longer than the settings allow, is not begun.
    Nothing here costs a call that works at once anything.
    """

    def __init__(self, settings: ProviderSettings, timing: Timing, traffic: Traffic) -> None:
        self._most = settings.max_retries
        self._longest = settings.max_retry_wait_ms / 1000
        self._backoff = wait_random_exponential(multiplier=settings.retry_wait_ms / 1000, max=self._longest)
        self._timing = timing
        self._traffic = traffic

    async def after(self, first: AdapterError, attempt: Callable[[], Awaitable[T]], ends_at: float) -> T:
        """What comes of another attempt after `first`; raises the last error where there is none, or it can't help.

        `ends_at` is when the call is given up, on the clock of its `Timing`.
        """
        if not _is_passing(first):
            raise first
        known: AdapterError | None = first

        async def attempted() -> T:
            nonlocal known
            if known is not None:
                error, known = known, None
                raise error
            return await attempt()

        def stop(state: RetryCallState) -> bool:
            wait = state.upcoming_sleep
            if state.attempt_number > self._most or wait > self._longest or wait >= self._timing.seconds_left(ends_at):
                return True
            return not CURRENT.get().take_retry()

        retrying = AsyncRetrying(
            sleep=self._timing.sleep,
            wait=self._wait,
            stop=stop,
            retry=retry_if_exception(_is_passing),
            before_sleep=self._count,
            reraise=True,
        )
        return await retrying(attempted)

    def _count(self, _: RetryCallState) -> None:
        self._traffic.retries += 1

    def _wait(self, state: RetryCallState) -> float:
        error = None if state.outcome is None else state.outcome.exception()
        asked = error.retry_after_ms if isinstance(error, AdapterError) else None
        return max(self._backoff(state), (asked or 0) / 1000)

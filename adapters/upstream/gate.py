"""What every call passes: the circuit breaker, the rate limit, and a free connection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import NoReturn, TypeVar

from adapters.breaker import Breaker, Circuit
from adapters.budget import CURRENT
from adapters.errors import AdapterError, QuotaExceeded, RateLimited, TimedOut, Unavailable, UpstreamInternal
from adapters.settings import ProviderSettings

from .limiter import Limiter
from .timing import Timing, seconds_left

log = logging.getLogger(__name__)

T = TypeVar("T")

_FAILURES = (Unavailable, TimedOut, UpstreamInternal)


@dataclass(slots=True)
class Traffic:
    """Calls to a provider since the process started: made, repeated, and refused before they were made."""

    in_flight: int = 0
    calls: int = 0
    retries: int = 0
    refused: int = 0


class Gate:
    """Lets calls of one provider and credential pass, or refuses them with an `unsent` error."""

    def __init__(
        self, provider: str, settings: ProviderSettings, timing: Timing, slots: asyncio.Semaphore | None = None
    ) -> None:
        """`slots`: those of a gate that shares its connections."""
        self._provider = provider
        self._settings = settings
        self._rate = settings.max_requests_per_second
        self._most = settings.max_connections
        self._queue_s = settings.max_queue_ms / 1000
        self._longest_wait = settings.max_retry_wait_ms / 1000
        self._longest_pause = settings.max_pause_ms / 1000
        self._timing = timing
        self._slots = slots or asyncio.Semaphore(settings.max_connections)
        self._limiter = Limiter(settings.max_requests_per_second, timing.now)
        self._breaker = Breaker(
            timing.now,
            failures=settings.breaker_failures,
            first_pause=settings.breaker_pause_ms / 1000,
            longest_pause=self._longest_pause,
        )
        self.traffic = Traffic()

    def for_another_credential(self) -> "Gate":
        """The gate of another credential of the same provider: only the connections are the same."""
        return Gate(self._provider, self._settings, self._timing, self._slots)

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit

    @property
    def wait(self) -> float:
        """Seconds for which calls are refused or held back: the breaker's, or those the provider asked for."""
        return max(self._breaker.wait, self._limiter.pause_left)

    async def passed(self, limit: asyncio.Timeout, call: Callable[[], Awaitable[T]]) -> T:
        """What comes of a call that is made as soon as it may be. How it ended is noted."""
        await self._enter(limit)
        try:
            result = await call()
        except AdapterError as error:
            self._ended(error)
            raise
        except BaseException:
            # The call's own time limit cancels it, too; that is known only from the limit.
            if limit.expired():
                self._ended_late()
            else:
                self._ended_unknown()
            raise
        self._ended()
        return result

    async def _enter(self, limit: asyncio.Timeout) -> None:
        """Wait until a call may be made, as long as its time limit and its request allow, and count it."""
        if self._breaker.is_open:
            self._refuse_while_open()
        if self._limiter.is_busy:
            await self._wait_for_turn(limit)
        if self._slots.locked():
            await self._wait_for_slot(limit)
        else:
            await self._slots.acquire()
        try:
            self._admit()
        except AdapterError:
            self._slots.release()
            raise
        self.traffic.in_flight += 1
        self.traffic.calls += 1

    def _ended(self, error: AdapterError | None = None) -> None:
        """Note how a call ended that had an answer, or could not have one."""
        self._leave()
        if isinstance(error, _FAILURES) and (error.upstream_status is None or error.upstream_status >= 500):
            self._failed()
        elif self._breaker.succeeded():
            log.warning("%s answers again", self._provider)
        if error is not None and error.upstream_status == 429 and error.retry_after_ms:
            self._limiter.pause(min(error.retry_after_ms / 1000, self._longest_pause))

    def _ended_late(self) -> None:
        """Note a call that was given up because no answer came in time."""
        self._leave()
        self._failed()

    def _ended_unknown(self) -> None:
        """Note a call that was given up for another reason."""
        self._leave()
        self._breaker.abandoned()

    def _leave(self) -> None:
        self.traffic.in_flight -= 1
        self._slots.release()

    def _failed(self) -> None:
        if self._breaker.failed():
            log.warning("%s fails again and again: it is left alone for a while", self._provider)

    def _admit(self) -> None:
        breaker = self._breaker
        if breaker.is_open:
            self._refuse_while_open()
        allowance = CURRENT.get()
        if not allowance.take_call():
            limit = int(allowance.max_calls)
            self._refuse(QuotaExceeded, f"not called, since this request has used up its {limit} upstream calls")
        if breaker.is_open:
            # This call is the one that tries the provider.
            breaker.allows()

    def _refuse_while_open(self) -> None:
        if wait := self._breaker.wait:
            self._refuse(Unavailable, "not called, since it failed again and again just now", wait)

    async def _wait_for_turn(self, limit: asyncio.Timeout) -> None:
        self._refuse_a_long_pause(limit)
        patience = seconds_left(limit)
        wait = self._limiter.reserve(patience)
        if wait >= patience:
            self._refuse(RateLimited, f"not called in time: {self._rate:g} calls a second", wait)
        while wait > 0:
            await self._timing.sleep(wait)
            # A pause may have begun meanwhile.
            self._refuse_a_long_pause(limit)
            wait = self._limiter.pause_left

    def _refuse_a_long_pause(self, limit: asyncio.Timeout) -> None:
        pause = self._limiter.pause_left
        if pause and (pause > self._longest_wait or pause >= seconds_left(limit)):
            self._refuse(RateLimited, "not called, since the provider asked for a pause", pause)

    async def _wait_for_slot(self, limit: asyncio.Timeout) -> None:
        try:
            async with asyncio.timeout(min(self._queue_s, max(seconds_left(limit), 0))):
                await self._slots.acquire()
        except TimeoutError:
            self._refuse(Unavailable, f"not called, since all its {self._most} connections stayed in use")

    def _refuse(self, kind: type[AdapterError], message: str, wait: float | None = None) -> NoReturn:
        self.traffic.refused += 1
        retry_after_ms = None if wait is None else ceil(wait * 1000)
        raise kind(message, provider=self._provider, retry_after_ms=retry_after_ms, unsent=True)

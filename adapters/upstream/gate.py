"""What every call passes: the circuit breaker, the rate limit, and a free connection."""

import asyncio
import logging
from dataclasses import dataclass
from math import ceil
from typing import NoReturn

from adapters.breaker import Breaker, Circuit
from adapters.budget import CURRENT
from adapters.errors import AdapterError, QuotaExceeded, RateLimited, TimedOut, Unavailable, UpstreamInternal
from adapters.settings import ProviderSettings

from .limiter import Limiter
from .slots import Slots
from .timing import Timing

log = logging.getLogger(__name__)

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

    def __init__(self, provider: str, settings: ProviderSettings, timing: Timing, slots: Slots | None = None) -> None:
        """`slots`: those of a gate that shares its connections."""
        self._provider = provider
        self._settings = settings
        self._rate = settings.max_requests_per_second
        self._most = settings.max_connections
        self._queue_s = settings.max_queue_ms / 1000
        self._longest_wait = settings.max_retry_wait_ms / 1000
        self._longest_pause = settings.max_pause_ms / 1000
        self._timing = timing
        self._slots = slots or Slots(settings.max_connections)
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

    async def enter(self, ends_at: float) -> None:
        """Wait until a call may be made, and count it; whoever made it then says by `leave` how it ended.

        It waits no longer than its request allows, or until `ends_at` on the clock of the gate's `Timing`.
        """
        if self._breaker.is_open:
            self._refuse_while_open()
        if self._limiter.is_busy:
            await self._wait_for_turn(ends_at)
        if not self._slots.take():
            await self._wait_for_slot(ends_at)
        try:
            self._admit()
        except AdapterError:
            self._slots.give_back()
            raise
        self.traffic.in_flight += 1
        self.traffic.calls += 1

    def leave(self, error: BaseException | None = None) -> None:
        """Note how a call ended: with an answer, or with an error, of which any but an AdapterError says nothing."""
        self.traffic.in_flight -= 1
        self._slots.give_back()
        if error is not None and not isinstance(error, AdapterError):
            self._breaker.abandoned()
        elif isinstance(error, _FAILURES) and (error.upstream_status is None or error.upstream_status >= 500):
            if self._breaker.failed():
                log.warning("%s fails again and again: it is left alone for a while", self._provider)
        elif self._breaker.succeeded():
            log.warning("%s answers again", self._provider)
        if isinstance(error, AdapterError) and error.upstream_status == 429 and error.retry_after_ms:
            self._limiter.pause(min(error.retry_after_ms / 1000, self._longest_pause))

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

    async def _wait_for_turn(self, ends_at: float) -> None:
        self._refuse_a_long_pause(ends_at)
        patience = self._timing.seconds_left(ends_at)
        wait = self._limiter.reserve(patience)
        if wait >= patience:
            self._refuse(RateLimited, f"not called in time: {self._rate:g} calls a second", wait)
        while wait > 0:
            await self._timing.sleep(wait)
            # A pause may have begun meanwhile.
            self._refuse_a_long_pause(ends_at)
            wait = self._limiter.pause_left

    def _refuse_a_long_pause(self, ends_at: float) -> None:
        pause = self._limiter.pause_left
        if pause and (pause > self._longest_wait or pause >= self._timing.seconds_left(ends_at)):
            self._refuse(RateLimited, "not called, since the provider asked for a pause", pause)

    async def _wait_for_slot(self, ends_at: float) -> None:
        try:
            async with asyncio.timeout(min(self._queue_s, max(self._timing.seconds_left(ends_at), 0))):
                await self._slots.wait()
        except TimeoutError:
            self._refuse(Unavailable, f"not called, since all its {self._most} connections stayed in use")

    def _refuse(self, kind: type[AdapterError], message: str, wait: float | None = None) -> NoReturn:
        self.traffic.refused += 1
        retry_after_ms = None if wait is None else ceil(wait * 1000)
        raise kind(message, provider=self._provider, retry_after_ms=retry_after_ms, unsent=True)

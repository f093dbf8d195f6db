"""When to leave a server alone that does not answer."""

import logging
from collections.abc import Callable

from .counts import Counts

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 5.0
"""Seconds."""


class Breaker:
    """Says whether to call the shared cache's server. After a failure there is a pause; then one call tries it again.

    `timer` gives seconds.
    """

    def __init__(self, timer: Callable[[], float], counts: Counts) -> None:
        self._timer = timer
        self._counts = counts
        self._pause = 0.0
        self._until = 0.0
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """Whether the latest that is known is that the server fails."""
        return self._pause > 0

    def allows(self) -> bool:
        """Whether to call now."""
        if not self.is_open:
            return True
        now = self._timer()
        if now < self._until:
            return False
        # Until this call has an outcome the others go on without the server; and if it never has one, for a pause.
        self._is_trying = True
        self._until = now + self._pause
        return True

    def succeeded(self) -> None:
        if self.is_open:
            self._pause = 0.0
            self._is_trying = False
            log.warning("the shared cache answers again")

    def failed(self, error: BaseException) -> None:
        self._counts.shared_errors += 1
        if not self.is_open:
            # The exception's text may quote the server's URL.
            log.warning("the shared cache does not answer (%s): going on without it", type(error).__name__)
            self._counts.shared_outages += 1
            self._pause = FIRST_PAUSE
        elif self._is_trying:
            self._is_trying = False
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        else:
            # A call that began before the outage was known.
            return
        self._until = self._timer() + self._pause

"""Simulators on real loopback ports, for the tests that talk HTTP to them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.demo.server import LoopbackServers
from gateway.demo.simulator import Simulator

ANCHOR = datetime(2026, 6, 1, 12, tzinfo=UTC)

Serve = Callable[[Simulator], httpx.Client]
"""Starts a simulator and gives a client for it, with the simulator's token and its root URL as base URL."""


@dataclass(slots=True)
class SettableClock:
    """A clock that stands still until told otherwise."""

    now: datetime = field(default=ANCHOR)

    def __call__(self) -> datetime:
        return self.now

    def set(self, seconds: float) -> None:
        """Set it to this many seconds after the anchor."""
        self.now = ANCHOR + timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Starts simulators; all of them stop at the end of the session."""
    with ExitStack() as stack:

        def start(simulator: Simulator) -> httpx.Client:
            servers = stack.enter_context(LoopbackServers({simulator.name: simulator.app()}))
            return stack.enter_context(
                httpx.Client(
                    base_url=servers.urls[simulator.name],
                    headers={"authorization": f"Bearer {simulator.token}"},
                    trust_env=False,
                    timeout=60,
                )
            )

        yield start

"""When a server that fails is left alone."""

import pytest

from gateway.caching.breaker import FIRST_PAUSE, LONGEST_PAUSE, Breaker
from gateway.caching.counts import Counts

from .support import Clock


class Server:
    """What callers see of a server: `call` says whether it was called."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.counts = Counts()
        self.breaker = Breaker(self.clock, self.counts)
        self.works = True

    def call(self) -> bool:
        if not self.breaker.allows():
            return False
        if self.works:
            self.breaker.succeeded()
        else:
            self.breaker.failed(OSError("secret place"))
        return True


def test_one_that_works_is_called() -> None:
    server = Server()
    assert all(server.call() for _ in range(10))
    assert (server.breaker.is_open, server.counts.shared_outages) == (False, 0)


def test_one_that_fails_is_left_alone_for_longer_and_longer() -> None:
    server = Server()
    server.works = False
    pauses: list[float] = []
    for _ in range(5):
        assert server.call()
        start = server.clock.now
        while not server.breaker.allows():
            server.clock.now += 0.25
        pauses.append(server.clock.now - start)
        server.breaker.failed(OSError())
        server.clock.now += LONGEST_PAUSE
    assert (pauses[0], max(pauses)) == (FIRST_PAUSE, LONGEST_PAUSE)
    assert pauses == sorted(pauses)
    assert server.counts.shared_outages == 1


def test_one_call_tries_again_and_the_others_wait_for_it() -> None:
    server = Server()
    server.works = False
    server.call()
    server.clock.now += FIRST_PAUSE
    assert [server.breaker.allows() for _ in range(3)] == [True, False, False]
    server.breaker.succeeded()
    assert [server.breaker.allows() for _ in range(3)] == [True] * 3


def test_a_try_that_never_ends_is_tried_again() -> None:
    server = Server()
    server.works = False
    server.call()
    server.clock.now += FIRST_PAUSE
    assert server.breaker.allows()
    # Its caller left.
    server.clock.now += FIRST_PAUSE
    assert server.breaker.allows()


def test_failures_that_come_late_lengthen_nothing() -> None:
    server = Server()
    for _ in range(50):
        server.breaker.failed(TimeoutError())
    server.clock.now += FIRST_PAUSE
    assert server.breaker.allows()
    assert (server.counts.shared_errors, server.counts.shared_outages) == (50, 1)


def test_it_is_logged_once_each_way(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    for _ in range(2):
        server.works = False
        for _ in range(20):
            server.call()
            server.clock.now += 1
        server.works = True
        for _ in range(20):
            server.call()
            server.clock.now += 1
    assert len(caplog.messages) == 4
    assert "secret place" not in caplog.text

"""When a server that fails is left alone."""

from dataclasses import dataclass

import pytest

from adapters.breaker import Breaker, Circuit

FIRST, LONGEST = 1.0, 5.0


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """What callers see of a server: `call` says whether it was called. `changes` has each opening and closing."""

    def __init__(self, failures: int = 1) -> None:
        self.clock = Clock()
        self.breaker = Breaker(self.clock, failures=failures, first_pause=FIRST, longest_pause=LONGEST)
        self.works = True
        self.changes: list[str] = []

    def call(self) -> bool:
        if not self.breaker.allows():
            return False
        if self.works and self.breaker.succeeded():
            self.changes.append("closed")
        if not self.works and self.breaker.failed():
            self.changes.append("opened")
        return True


def test_one_that_works_is_called() -> None:
    server = Server()
    assert all(server.call() for _ in range(10))
    assert (server.breaker.circuit, server.changes) == (Circuit.CLOSED, [])


@pytest.mark.parametrize("failures", [1, 3])
def test_it_takes_some_failures_in_a_row(failures: int) -> None:
    server = Server(failures)
    for works in (*[False] * (failures - 1), True, *[False] * failures):
        assert server.breaker.circuit is Circuit.CLOSED
        server.works = works
        assert server.call()
    assert (server.breaker.circuit, server.call(), server.changes) == (Circuit.OPEN, False, ["opened"])


def test_it_can_be_switched_off() -> None:
    server = Server(0)
    server.works = False
    assert all(server.call() for _ in range(100))
    assert server.breaker.circuit is Circuit.CLOSED


def test_one_that_fails_is_left_alone_for_longer_and_longer() -> None:
    server = Server()
    server.works = False
    pauses: list[float] = []
    for _ in range(5):
        assert server.call()
        pauses.append(server.breaker.wait)
        assert not server.call()
        server.clock.now += server.breaker.wait
    assert pauses == [1, 2, 4, 5, 5]
    assert server.changes == ["opened"]


def test_one_call_tries_again_and_the_others_wait_for_it() -> None:
    server = Server()
    server.works = False
    server.call()
    server.clock.now += FIRST
    assert server.breaker.circuit is Circuit.HALF_OPEN
    assert [server.breaker.allows() for _ in range(3)] == [True, False, False]
    assert (server.breaker.circuit, server.breaker.wait) == (Circuit.HALF_OPEN, FIRST)
    server.breaker.succeeded()
    assert [server.breaker.allows() for _ in range(3)] == [True] * 3


def test_a_try_that_never_ends_is_tried_again() -> None:
    server = Server()
    server.works = False
    server.call()
    server.clock.now += FIRST
    assert server.breaker.allows()
    server.clock.now += FIRST
    assert server.breaker.allows()


def test_a_try_whose_caller_left_is_tried_again_at_once() -> None:
    server = Server()
    server.works = False
    server.call()
    server.clock.now += FIRST
    assert [server.breaker.allows(), server.breaker.allows()] == [True, False]
    server.breaker.abandoned()
    assert server.breaker.allows()


def test_failures_that_come_late_lengthen_nothing() -> None:
    server = Server()
    opened = [server.breaker.failed() for _ in range(50)]
    assert opened == [True, *[False] * 49]
    server.clock.now += FIRST
    assert server.breaker.allows()


def test_changes_are_told_once_each_way() -> None:
    server = Server()
    for works in (False, True, False, True):
        server.works = works
        for _ in range(20):
            server.call()
            server.clock.now += 1
    assert server.changes == ["opened", "closed"] * 2

"""Single flight: identical work in progress is done once and shared."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, TypeVar

from adapters.budget import CURRENT, Allowance, JointBudget

K = TypeVar("K", bound=Hashable)
P = TypeVar("P", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True, eq=False)
class _Flight(Generic[K, P, V]):
    """Work for one key or several. `brings` has the parts of each. All who wait for it pay for its calls."""

    brings: Mapping[K, frozenset[P]]
    task: asyncio.Task[Mapping[K, V]]
    budget: JointBudget

    @property
    def waiting(self) -> int:
        return len(self.budget.members)

    def serves(self, key: K, parts: frozenset[P]) -> bool:
        # One that nobody waits for any more is being cancelled; one that lacked budget has failed, or lacks parts.
        is_sound = self.waiting > 0 and not self.budget.is_spent
        return is_sound and self.brings[key] >= parts and not self.task.done()

    def results(self, keys: Iterable[K]) -> dict[K, V | Exception]:
        """What came of some of its keys: an error of the whole is that of each; TimeoutError where it goes on."""
        if not self.task.done():
            return {key: TimeoutError() for key in keys}
        try:
            found = self.task.result()
            return {key: found[key] for key in keys}
        except Exception as error:
            return dict.fromkeys(keys, error)


class Flights(Generic[K, P, V]):
    """Work in progress by key. A call that wants no more of a key than is in progress waits for that.

    A caller that leaves does not disturb the others; when the last one leaves the work is cancelled. A caller leaves
    when the time of its budget is over, with what it has by then.
    """

    def __init__(self) -> None:
        self._flights: dict[str, dict[K, list[_Flight[K, P, V]]]] = {}

    def __len__(self) -> int:
        return len(
            {id(flight) for source in self._flights.values() for flights in source.values() for flight in flights}
        )

    def carries(self, source: str, key: K, parts: frozenset[P]) -> bool:
        """Whether there is work in progress that brings at least these parts of a key."""
        return self._find(source, key, parts) is not None

    async def fly(
        self,
        source: str,
        wants: Mapping[K, frozenset[P]],
        work: Callable[[Mapping[K, frozenset[P]]], Coroutine[Any, Any, Mapping[K, V]]],
    ) -> dict[K, V | Exception]:
        """The result for each key of a source: of work in progress, or of `work`, given the keys that nobody works on.

        Where the work as a whole fails its error is the result of each of its keys; TimeoutError of those that the
        caller had no time left for.
        """
        allowance = CURRENT.get()
        if allowance.seconds_left <= 0:
            return {key: TimeoutError() for key in wants}
        boarded: dict[_Flight[K, P, V], list[K]] = {}
        left: dict[K, frozenset[P]] = {}
        for key, parts in wants.items():
            flight = self._find(source, key, parts)
            if flight is None:
                left[key] = parts
            else:
                boarded.setdefault(flight, []).append(key)
        if left:
            boarded[self._start(source, left, work)] = list(left)
        for flight in boarded:
            flight.budget.members.append(allowance)
        try:
            for flight in boarded:
                await _landed(flight.task, allowance)
        finally:
            for flight in boarded:
                flight.budget.members.remove(allowance)
                if flight.waiting == 0 and not flight.task.done():
                    flight.task.cancel()
        results: dict[K, V | Exception] = {}
        for flight, keys in boarded.items():
            results |= flight.results(keys)
        return results

    def _find(self, source: str, key: K, parts: frozenset[P]) -> _Flight[K, P, V] | None:
        for flight in self._flights.get(source, {}).get(key, ()):
            if flight.serves(key, parts):
                return flight
        return None

    def _start(
        self,
        source: str,
        wants: Mapping[K, frozenset[P]],
        work: Callable[[Mapping[K, frozenset[P]]], Coroutine[Any, Any, Mapping[K, V]]],
    ) -> _Flight[K, P, V]:
        budget = JointBudget()
        # The task inherits it.
        token = CURRENT.set(budget)
        flight: _Flight[K, P, V] = _Flight(wants, asyncio.get_running_loop().create_task(work(wants)), budget)
        CURRENT.reset(token)
        places = self._flights.setdefault(source, {})
        for key in wants:
            places.setdefault(key, []).append(flight)
        flight.task.add_done_callback(lambda _: self._land(source, flight))
        return flight

    def _land(self, source: str, flight: _Flight[K, P, V]) -> None:
        places = self._flights[source]
        for key in flight.brings:
            flights = places[key]
            flights.remove(flight)
            if not flights:
                del places[key]
        if not places:
            del self._flights[source]
        if not flight.task.cancelled():
            # Mark as retrieved: every waiter may have left.
            flight.task.exception()


async def _landed(task: "asyncio.Task[Any]", allowance: Allowance) -> None:
    """Wait for the end of a task, as long as the caller has time. It goes on where the caller is cancelled.

    A tenth of what `asyncio.wait` costs.
    """
    if task.done():
        return
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_task: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    left_s = allowance.seconds_left
    timer = None if left_s == inf else loop.call_later(max(left_s, 0), wake)
    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()

"""Joins what one request wants of a run, so that it is fetched once."""

import asyncio
import itertools

from adapters.errors import NotFound
from adapters.model import Part, RunRecord

from .freshness import Freshness
from .providers import Provider
from .service import Outcome, RunService


class RunLoader:
    """Runs of one provider for one request.

    All that is asked for in one turn of the event loop is one load: the same run under several aliases with
    different parts is fetched once, with the union of the parts. `freshness` is told what was used.
    """

    def __init__(self, service: RunService, provider: Provider, freshness: Freshness | None = None) -> None:
        self._service = service
        self._provider = provider
        self._freshness = freshness or Freshness()
        self._wanted: dict[str, frozenset[Part]] = {}
        self._waiting: dict[str, list[asyncio.Future[RunRecord | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looked_up: dict[tuple[str, frozenset[Part]], asyncio.Future[RunRecord | None]] = {}

    def look_up(self, native_id: str, parts: frozenset[Part]) -> asyncio.Future[RunRecord | None]:
        """The same as `load`. What came of it, an error too, holds for the whole request."""
        future = self._looked_up.get((native_id, parts))
        if future is None:
            future = self._looked_up[native_id, parts] = self.load(native_id, parts)
        return future

    async def look_up_alone(self, native_id: str, parts: frozenset[Part]) -> RunRecord | None:
        """The same at once: nothing else is asked for that could be joined with it."""
        if (known := self._looked_up.get((native_id, parts))) is not None:
            return await known
        future: asyncio.Future[RunRecord | None] = asyncio.get_running_loop().create_future()
        self._looked_up[native_id, parts] = future
        try:
            _settle(future, (await self._service.load(self._provider, {native_id: parts}, self._freshness))[native_id])
        except Exception as error:
            _settle(future, error)
        return await future

    def load(self, native_id: str, parts: frozenset[Part]) -> asyncio.Future[RunRecord | None]:
        """The run, None where there is no such run; AdapterError where it could not be looked up."""
        loop = asyncio.get_running_loop()
        if not self._wanted:
            loop.call_soon(self._dispatch)
        self._wanted[native_id] = self._wanted.get(native_id, frozenset()) | parts
        future: asyncio.Future[RunRecord | None] = loop.create_future()
        self._waiting.setdefault(native_id, []).append(future)
        return future

    def _dispatch(self) -> None:
        if not self._wanted:
            return
        wanted, self._wanted = self._wanted, {}
        waiting, self._waiting = self._waiting, {}
        task = asyncio.ensure_future(self._load(wanted, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(
        self, wanted: dict[str, frozenset[Part]], waiting: dict[str, list[asyncio.Future[RunRecord | None]]]
    ) -> None:
        try:
            outcomes = await self._service.load(self._provider, wanted, self._freshness)
            for native_id, futures in waiting.items():
                for future in futures:
                    _settle(future, outcomes[native_id])
        except Exception as error:
            for future in itertools.chain.from_iterable(waiting.values()):
                _settle(future, error)
        finally:
            # Whatever happened, nobody may wait for ever.
            for future in itertools.chain.from_iterable(waiting.values()):
                future.cancel()

    def cancel(self) -> None:
        """Stop what is still being fetched for this request, and what was about to be."""
        for future in itertools.chain.from_iterable(self._waiting.values()):
            future.cancel()
        self._wanted, self._waiting = {}, {}
        for task in self._tasks:
            task.cancel()


def _settle(future: asyncio.Future[RunRecord | None], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, RunRecord):
        future.set_result(outcome)
    elif isinstance(outcome, NotFound):
        future.set_result(None)
    else:
        future.set_exception(outcome)
        # Marks it as retrieved: who asked may have met another error first.
        future.exception()

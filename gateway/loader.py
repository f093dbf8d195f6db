"""Joins what one request wants of a run, so that it is fetched once."""

import asyncio
from collections.abc import Generator, Mapping
from typing import Any

from adapters.errors import NotFound
from adapters.model import Part, RunRecord

from .freshness import Freshness
from .providers import Provider
from .service import Outcome, RunService, light


class Batch:
    """Runs of one provider that are looked up together for one request."""

    __slots__ = ("_failure", "_outcomes", "landed", "wants")

    def __init__(self) -> None:
        self.wants: dict[str, frozenset[Part]] = {}
        self.landed = asyncio.Event()
        self._outcomes: Mapping[str, Outcome] = {}
        self._failure: BaseException = asyncio.CancelledError()

    def land(self, outcomes: Mapping[str, Outcome], failure: BaseException) -> None:
        """Tell what came of it: outcomes, and `failure` of each run that has none."""
        self._outcomes, self._failure = outcomes, failure
        self.landed.set()

    def outcome(self, native_id: str) -> RunRecord | Exception | None:
        """What came of a run, None where there is no such run; CancelledError where it was given up.

        Only once the batch has landed.
        """
        outcome = self._outcomes.get(native_id, self._failure)
        if isinstance(outcome, RunRecord):
            return outcome
        if isinstance(outcome, NotFound):
            return None
        if isinstance(outcome, Exception):
            return outcome
        raise outcome


class Asked:
    """A run that was asked for. Nothing is left behind where nobody awaits it."""

    __slots__ = ("batch", "native_id")

    def __init__(self, batch: Batch, native_id: str) -> None:
        self.batch = batch
        self.native_id = native_id

    def __await__(self) -> Generator[Any, None, RunRecord | None]:
        return self.run().__await__()

    async def run(self) -> RunRecord | None:
        """The run, None where there is no such run; AdapterError where it could not be looked up."""
        await self.batch.landed.wait()
        outcome = self.batch.outcome(self.native_id)
        try:
            if isinstance(outcome, Exception):
                raise light(outcome)
            return outcome
        finally:
            # The trace of an error holds this frame, which must not hold the error in turn.
            del outcome


class RunLoader:
    """Runs of one provider for one request.

    All that is asked for in one turn of the event loop is one load: the same run under several aliases with
    different parts is fetched once, with the union of the parts. `freshness` is told what was used.
    """

    def __init__(self, service: RunService, provider: Provider, freshness: Freshness | None = None) -> None:
        self._service = service
        self._provider = provider
        self._freshness = freshness or Freshness()
        self._open: Batch | None = None
        self._batches: list[Batch] = []
        self._loading: set[asyncio.Task[None]] = set()
        self._looked_up: dict[tuple[str, frozenset[Part]], Asked] = {}

    def look_up(self, native_id: str, parts: frozenset[Part]) -> Asked:
        """The same as `load`. What came of it, an error too, holds for the whole request."""
        asked = self._looked_up.get((native_id, parts))
        if asked is None:
            asked = self._looked_up[native_id, parts] = self.load(native_id, parts)
        return asked

    async def look_up_alone(self, native_id: str, parts: frozenset[Part]) -> RunRecord | None:
        """The same at once: nothing else is asked for that could be joined with it."""
        asked = self._looked_up.get((native_id, parts))
        if asked is None:
            batch = self._begun()
            batch.wants[native_id] = parts
            asked = self._looked_up[native_id, parts] = Asked(batch, native_id)
            await self._load(batch)
        return await asked

    def load(self, native_id: str, parts: frozenset[Part]) -> Asked:
        """A run to come, None where there is no such run; AdapterError where it could not be looked up."""
        batch = self._open
        if batch is None:
            batch = self._open = self._begun()
            asyncio.get_running_loop().call_soon(self._dispatch, batch)
        others = batch.wants.get(native_id)
        batch.wants[native_id] = parts if others is None else others | parts
        return Asked(batch, native_id)

    def _dispatch(self, batch: Batch) -> None:
        if batch is not self._open:
            # It was given up.
            return
        self._open = None
        task = asyncio.ensure_future(self._load(batch))
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    def _begun(self) -> Batch:
        batch = Batch()
        self._batches.append(batch)
        return batch

    async def _load(self, batch: Batch) -> None:
        try:
            outcomes = await self._service.load(self._provider, batch.wants, self._freshness)
        except Exception as error:
            batch.land({}, error)
        else:
            batch.land(outcomes, KeyError("nothing came of it"))

    def cancel(self) -> None:
        """Stop what is still being fetched for this request, and what was about to be: nobody waits for it any more.

        What came is forgotten, too: the trace of an error holds who asked for it, and so this loader.
        """
        for task in self._loading:
            task.cancel()
        for batch in self._batches:
            batch.land({}, asyncio.CancelledError())
        self._open = None

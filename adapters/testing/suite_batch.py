"""Batches, for adapters that can, and the contract of those that can't."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import httpx
import pytest

from adapters import codec
from adapters.contract import BatchesRuns, Capability, capabilities_of
from adapters.errors import AdapterError, BadResponse, NotFound, RateLimited, Unavailable
from adapters.model import PART_FIELDS, Json, Part, RunRecord

from .case import Batch, Outcome, fetch, fetch_many
from .fixtures import Fixture, ReplayTransport
from .mutations import at, changed
from .suite_base import Suite
from .suite_errors import BROKEN_BODIES, Fault, FaultyTransport, raising, replying
from .validity import faults

_PARTS = {name for part in Part if part is not Part.ERROR for name in PART_FIELDS[part]}
_NOT_CORE = _PARTS | {"parts", "part_errors", "warnings"}

_NO_RUNS: Sequence[Json] = [codec.loads(rows) for rows in (b"[]", b"[null]", b"[7]", b'["x"]', b"[[]]", b"[{}]")]


class BatchSuite(Suite):
    """An adapter with the ability to fetch several runs in one call."""

    def test_batches(self) -> None:
        assert Capability.BATCH in capabilities_of(self.case.adapter)
        adapter = self.case.open(ReplayTransport(()))
        assert isinstance(adapter, BatchesRuns)
        assert adapter.max_batch > 1
        assert adapter.batch_parts <= frozenset(self.case.adapter.parts)

    def test_one_call_for_all(self) -> None:
        transport = ReplayTransport(self._batch_fixture.exchanges)
        self._many(self._batch_fixture, transport)
        transport.finish()
        assert len(transport.requests) == 1

    def test_an_outcome_for_each_id(self) -> None:
        outcomes = self._many(self._batch_fixture)
        assert set(outcomes) == set(self._batch_ids)
        assert any(isinstance(outcome, NotFound) for outcome in outcomes.values())
        records = [outcome for outcome in outcomes.values() if isinstance(outcome, RunRecord)]
        assert len(records) > 1
        for record in records:
            assert faults(record, self.case.adapter, self.case.name) == []

    def test_batch_equals_single(self) -> None:
        """The same document read as a row and as a reply of its own gives the same core fields."""
        for scenario in self.case.runs():
            single = self._alone(scenario)
            if single is None:
                continue
            position = self._batch_fixture.main
            rows: Json = [scenario.exchanges[scenario.main].body]
            body = changed(self._batch_fixture.exchanges[position].body, self._batch.rows, rows)
            outcome = self._many(self._batch_fixture.with_body(position, body), ids=(single.native_id,))[
                single.native_id
            ]
            assert isinstance(outcome, RunRecord), outcome
            assert _core(outcome) == _core(single)

    def test_rows_in_any_order_and_rows_nobody_asked_for(self) -> None:
        position = self._batch_fixture.main
        body = self._batch_fixture.exchanges[position].body
        rows = cast("list[Json]", at(body, self._batch.rows))
        whole = self._many(self._batch_fixture)
        backwards = self._batch_fixture.with_body(position, changed(body, self._batch.rows, rows[::-1]))
        again = self._many(backwards)
        assert {key: _text(outcome) for key, outcome in again.items()} == {
            key: _text(outcome) for key, outcome in whole.items()
        }
        first = self._batch_ids[0]
        assert set(self._many(self._batch_fixture, ids=(first,))) == {first}

    def test_broken_rows_are_not_found_or_errors(self) -> None:
        position = self._batch_fixture.main
        body = self._batch_fixture.exchanges[position].body
        for rows in _NO_RUNS:
            outcomes = self._many(self._batch_fixture.with_body(position, changed(body, self._batch.rows, rows)))
            assert all(isinstance(outcome, AdapterError) for outcome in outcomes.values())
            assert set(outcomes) == set(self._batch_ids)

    def test_errors_of_the_whole_call(self) -> None:
        for fault, kind in (
            (replying(401, b"{}"), self.case.error_for(401)),
            (replying(429, b"{}", retry_after="3"), RateLimited),
            (replying(500, b"{}"), self.case.error_for(500)),
            (raising(httpx.ConnectError("x")), Unavailable),
        ):
            assert type(self._batch_error(fault)) is kind

    @pytest.mark.parametrize("what", [what for what in BROKEN_BODIES if what != "empty object"])
    def test_broken_batch_body(self, what: str) -> None:
        status, content, content_type = BROKEN_BODIES[what]
        assert type(self._batch_error(replying(status, content, content_type=content_type))) is BadResponse

    @property
    def _batch(self) -> Batch:
        assert self.case.batch is not None, "an adapter that batches has a Batch"
        return self.case.batch

    @property
    def _batch_fixture(self) -> Fixture:
        return self.case.fixture(self._batch.scenario)

    @property
    def _batch_ids(self) -> tuple[str, ...]:
        assert self._batch_fixture.ask.ids
        return self._batch_fixture.ask.ids

    def _alone(self, scenario: Fixture) -> RunRecord | None:
        assert scenario.ask.id is not None
        transport = ReplayTransport(scenario.exchanges)
        outcome = asyncio.run(fetch(self.case, transport, scenario.ask.id, scenario.ask.parts))
        return outcome if isinstance(outcome, RunRecord) else None

    def _many(
        self, fixture: Fixture, transport: ReplayTransport | None = None, ids: tuple[str, ...] | None = None
    ) -> Mapping[str, Outcome]:
        """The outcomes; without a transport, the reply is given whatever ids are asked for."""
        asked = ids or self._batch_ids
        if transport is not None:
            return asyncio.run(fetch_many(self.case, transport, asked, fixture.ask.parts))

        async def reply(request: httpx.Request) -> httpx.Response:
            return fixture.exchanges[fixture.main].reply(request)

        return asyncio.run(fetch_many(self.case, FaultyTransport(reply), asked, fixture.ask.parts))

    def _batch_error(self, fault: Fault) -> AdapterError:
        with pytest.raises(AdapterError) as caught:
            asyncio.run(fetch_many(self.case, FaultyTransport(fault), self._batch_ids, frozenset()))
        return caught.value


class NoBatchSuite(Suite):
    """An adapter that can't fetch several runs in one call does not look as if it could."""

    def test_does_not_batch(self) -> None:
        assert Capability.BATCH not in capabilities_of(self.case.adapter)
        assert not hasattr(self.case.adapter, "fetch_many")
        assert self.case.batch is None
        assert not [fixture for fixture in self.case.all_fixtures() if fixture.ask.ids is not None]


def _core(record: RunRecord) -> dict[str, Json]:
    """The fields that every record has, whatever parts it holds; a subclass's own are the provider's."""
    return {name: getattr(record, name) for name in RunRecord.__struct_fields__ if name not in _NOT_CORE}


def _text(outcome: Outcome) -> str:
    return str(outcome) if isinstance(outcome, AdapterError) else repr(outcome)

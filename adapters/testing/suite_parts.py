"""Parts: what each costs, and what a record says about them."""

import asyncio

import httpx

from adapters.contract import How
from adapters.errors import AdapterError, NotFound
from adapters.model import Part, RunRecord

from .case import fetch
from .fixtures import Exchange, describe, handshake_reply
from .suite_base import Suite

_ALL = frozenset(Part)


class MainTransport(httpx.AsyncBaseTransport):
    """Answers the main call of a scenario, whatever its query, with its reply, and any other call with a status."""

    def __init__(self, main: Exchange, otherwise: int) -> None:
        self._main, self._otherwise = main, otherwise
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        handshake = handshake_reply(request)
        if handshake is not None:
            return handshake
        self.requests.append(request)
        query = dict(request.url.params)
        if Exchange(method=self._main.method, path=self._main.path, query=query, json=self._main.json).fits(request):
            return self._main.reply(request)
        return httpx.Response(self._otherwise, json={})

    @property
    def calls(self) -> list[str]:
        """The calls without the ids that JSON-RPC numbers them with, sorted: side by side has no order."""
        return sorted(describe(request).replace('"id":2,', "") for request in self.requests)


class PartsSuite(Suite):
    """The cost that `RunAdapter.parts` promises is the cost there is."""

    def test_core_is_one_call(self) -> None:
        record, calls = self._with_parts(frozenset())
        assert len(calls) == 1
        assert not record.part_errors

    def test_unsupported_parts_cost_nothing_and_are_not_held(self) -> None:
        core, core_calls = self._with_parts(frozenset())
        for part in _ALL - frozenset(self.case.adapter.parts):
            record, calls = self._with_parts(frozenset({part}))
            assert calls == core_calls
            assert record == core

    def test_inline_parts_cost_nothing(self) -> None:
        _, core_calls = self._with_parts(frozenset())
        for part in self._had(How.INLINE):
            record, calls = self._with_parts(frozenset({part}))
            assert calls == core_calls
            assert part in record.parts

    def test_expanded_parts_come_with_the_same_call(self) -> None:
        expanded = self._had(How.EXPAND)
        for parts in (*(frozenset({part}) for part in expanded), expanded):
            record, calls = self._with_parts(parts, scenario=self.case.expanded)
            assert len(calls) == 1
            assert parts <= record.parts | frozenset(record.part_errors)

    def test_called_parts_cost_at_most_one_call_more(self) -> None:
        for part in self._had(How.CALL):
            _, calls = self._with_parts(frozenset({part}))
            assert len(calls) <= 2

    def test_no_run_costs_more_than_the_adapter_says(self) -> None:
        """One call, and one for each part that is called for, or is now and then."""
        adapter = self.case.adapter
        called = self._had(How.CALL) | adapter.sometimes_called
        assert adapter.sometimes_called <= frozenset(adapter.parts)
        for fixture in self.case.runs():
            for parts in (frozenset[Part](), *(frozenset({part}) for part in adapter.parts), _ALL):
                transport = MainTransport(fixture.exchanges[fixture.main], 500)
                assert fixture.ask.id is not None
                asyncio.run(fetch(self.case, transport, fixture.ask.id, parts))
                assert len(transport.calls) <= 1 + len(called & parts)

    def test_every_supported_part_is_held_or_failed(self) -> None:
        """A part whose call fails does not fail the run."""
        supported = frozenset(self.case.adapter.parts)
        for otherwise in (404, 429, 500, 204):
            record, _ = self._with_parts(_ALL, otherwise)
            assert supported == record.parts | frozenset(record.part_errors)
            for error in record.part_errors.values():
                assert isinstance(error, AdapterError)
                assert error.provider == self.case.name

    def test_a_run_that_is_not_there_has_no_parts(self) -> None:
        """Nothing but NotFound, however many calls were under way."""
        for fixture in self.case.runs():
            if any(exchange.status == 404 for exchange in fixture.exchanges[fixture.main : fixture.main + 1]):
                transport = MainTransport(fixture.exchanges[fixture.main], 404)
                assert fixture.ask.id is not None
                assert isinstance(asyncio.run(fetch(self.case, transport, fixture.ask.id, _ALL)), NotFound)

    def _had(self, how: How) -> frozenset[Part]:
        return frozenset(part for part, is_had in self.case.adapter.parts.items() if is_had is how)

    def _with_parts(
        self, parts: frozenset[Part], otherwise: int = 500, *, scenario: str | None = None
    ) -> tuple[RunRecord, list[str]]:
        """A run (a succeeded one, left to itself) with parts, where every call but the main one fails; the calls."""
        fixture = self.case.fixture(scenario or self.case.succeeded)
        transport = MainTransport(fixture.exchanges[fixture.main], otherwise)
        assert fixture.ask.id is not None
        outcome = asyncio.run(fetch(self.case, transport, fixture.ask.id, parts))
        assert isinstance(outcome, RunRecord), outcome
        return outcome, transport.calls

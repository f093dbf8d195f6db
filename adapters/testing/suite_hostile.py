"""Hostile fields: whatever a provider changes in its reply, a valid record or an AdapterError."""

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Page
from adapters.errors import AdapterError
from adapters.model import RunRecord

from .case import Case, Outcome, fetch, fetch_many, walk
from .fixtures import Fixture, ReplayTransport
from .golden import error_to_json, to_json
from .mutations import STABLE, mutated, sweep, with_unknown_fields
from .suite_base import Suite
from .validity import faults


class HostileSuite(Suite):
    """Fields removed, nulled and retyped: all of them, one at a time, and several at once as Hypothesis picks them."""

    def test_every_field_removed_and_retyped(self) -> None:
        asyncio.run(self._sweep())

    def test_deeper_changes(self) -> None:
        subjects = [
            (fixture, position)
            for fixture in self.case.all_fixtures()
            for position, exchange in enumerate(fixture.exchanges)
            if exchange.has_json
        ]

        changes = [mutated(fixture.exchanges[position].body) for fixture, position in subjects]

        @STABLE
        @given(st.data())
        def survives(data: st.DataObject) -> None:
            number = data.draw(st.integers(0, len(subjects) - 1))
            fixture, position = subjects[number]
            body = data.draw(changes[number])
            found = asyncio.run(outcome_faults(self.case, fixture.with_body(position, body)))
            assert found == []

        survives()

    def test_unknown_fields_are_ignored(self, run_fixture: Fixture) -> None:
        """A field that nobody documented, in every object of every reply, changes nothing and is no reason to warn."""
        enriched = run_fixture
        for position, exchange in enumerate(run_fixture.exchanges):
            if exchange.has_json:
                enriched = enriched.with_body(position, with_unknown_fields(exchange.body))
        assert self._identity(enriched) == self._identity(run_fixture)

    def _identity(self, fixture: Fixture) -> object:
        """What unknown fields can't change: all of an error, and of a record what holds no JSON of the provider's."""
        assert fixture.ask.id is not None
        transport = ReplayTransport(fixture.exchanges)
        outcome = asyncio.run(fetch(self.case, transport, fixture.ask.id, fixture.ask.parts))
        if isinstance(outcome, AdapterError):
            return error_to_json(outcome)
        opaque = {"input", "output", "debug", "events", "trace", "evaluations", "details", "raw", "metadata"}
        common = set(RunRecord.__struct_fields__) - opaque
        return {name: value for name, value in to_json(outcome).items() if name in common}

    async def _sweep(self) -> None:
        seen: set[object] = set()
        for fixture in self.case.all_fixtures():
            for position, exchange in enumerate(fixture.exchanges):
                if not exchange.has_json:
                    continue
                # Rows of several runs are read as single runs are: there is no need for odd values, too.
                for path, value, body in sweep(exchange.body, seen, odd=fixture.ask.id is not None):
                    found = await outcome_faults(self.case, fixture.with_body(position, body))
                    assert found == [], f"{fixture.scenario}, exchange {position}, {path} = {value!r}: {found}"


async def outcome_faults(case: Case, fixture: Fixture) -> list[str]:
    """What is wrong with what comes of a fixture whose replies nobody documented; empty where all is well."""
    transport = ReplayTransport(fixture.exchanges, strict=False)
    ask = fixture.ask
    try:
        if ask.id is not None:
            return _faults_of(case, await fetch(case, transport, ask.id, ask.parts))
        if ask.ids is not None:
            outcomes = await fetch_many(case, transport, ask.ids, ask.parts)
            missing = [f"no outcome for {native_id}" for native_id in ask.ids if native_id not in outcomes]
            return missing + [fault for outcome in outcomes.values() for fault in _faults_of(case, outcome)]
        # A changed cursor may lead anywhere, even back; that a walk ends is for the listing suite.
        pages = await walk(case, transport, fixture, most=1, to_the_end=False)
        return [fault for page in pages for fault in _page_faults(case, page)]
    except AdapterError as error:
        return _faults_of(case, error)
    except Exception as error:  # the finding itself: anything else must never come out of an adapter
        return [f"{type(error).__name__}: {error}"]


def _page_faults(case: Case, page: Page) -> list[str]:
    return [fault for run in page.runs for fault in _faults_of(case, run)]


def _faults_of(case: Case, outcome: Outcome | Any) -> list[str]:
    if isinstance(outcome, AdapterError):
        return [] if outcome.provider == case.name else [f"the error names {outcome.provider!r}"]
    if not isinstance(outcome, RunRecord):
        return [f"{type(outcome).__name__} is neither a record nor an AdapterError"]
    found = faults(outcome, case.adapter, case.name)
    try:
        json.dumps(to_json(outcome), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        found.append(f"not serialisable: {error}")
    return found

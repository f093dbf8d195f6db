"""Replies in, normalised records out, as the golden files say."""

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.contract import How
from adapters.errors import NotFound
from adapters.model import Part, RunRecord
from adapters.status import RunStatus

from . import golden
from .case import fetch, play
from .fixtures import Fixture, ReplayTransport
from .suite_base import Suite
from .validity import document_faults, faults


class GoldenSuite(Suite):
    """Every fixture gives its golden, by exactly its calls."""

    def test_golden(self, fixture: Fixture) -> None:
        result, _ = asyncio.run(play(self.case, fixture))
        golden.check(fixture.golden, result, update=golden.is_update())

    def test_every_golden_has_its_fixture(self) -> None:
        known = {fixture.golden for fixture in self.case.all_fixtures()}
        assert set(self.case.fixtures.glob("*.golden.json")) == known

    def test_record_is_valid(self, run_fixture: Fixture) -> None:
        record = self._record(run_fixture)
        if record is not None:
            adapter = self.case.adapter
            assert faults(record, adapter, self.case.name) == []
            assert document_faults(record) == []
            asked = run_fixture.ask.parts & frozenset(adapter.parts)
            inline = {part for part, how in adapter.parts.items() if how is How.INLINE and part is not Part.RAW}
            if record.is_terminal is not True:
                # What comes with every run may come only at its end.
                inline.clear()
            assert asked | inline <= record.parts | frozenset(record.part_errors)

    def test_records_are_frozen_and_comparable(self, run_fixture: Fixture) -> None:
        record, again = self._record(run_fixture), self._record(run_fixture)
        if record is not None and again is not None:
            # Two exceptions are never equal, so those aside.
            assert replace(record, part_errors={}) == replace(again, part_errors={})
            assert set(record.part_errors) == set(again.part_errors)
            with pytest.raises(AttributeError, match="immutable"):
                record.native_id = "other"  # pyright: ignore[reportAttributeAccessIssue]
            assert record != replace(record, native_id="other")

    def test_the_states_of_a_run_have_fixtures(self) -> None:
        """Running, succeeded, failed, not found, and cancelled where the provider has a word for it."""
        needed = {RunStatus.RUNNING, RunStatus.SUCCEEDED, RunStatus.FAILED}
        if RunStatus.CANCELLED in self.case.adapter.statuses.words.values():
            needed.add(RunStatus.CANCELLED)
        goldens = [self._golden(fixture) for fixture in self.case.runs()]
        assert needed <= {RunStatus(document["status"]) for document in goldens if "status" in document}
        assert NotFound.code.value in {document.get("error") for document in goldens if "status" not in document}

    def _record(self, fixture: Fixture) -> RunRecord | None:
        """The record of a fixture; None where it asks for a run that is not to be had."""
        assert fixture.ask.id is not None
        outcome = asyncio.run(fetch(self.case, ReplayTransport(fixture.exchanges), fixture.ask.id, fixture.ask.parts))
        return outcome if isinstance(outcome, RunRecord) else None

    @staticmethod
    def _golden(fixture: Fixture) -> dict[str, Any]:
        return json.loads(fixture.golden.read_text(encoding="utf-8"))

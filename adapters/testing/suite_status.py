"""The status reader is total: every documented word, any other word, any other value."""

import asyncio

import pytest

from adapters.model import RunRecord, WarningCode
from adapters.status import RunStatus, StatusSource

from .case import fetch
from .fixtures import Fixture, ReplayTransport
from .mutations import REMOVED, JsonPath, changed
from .suite_base import Suite

_INVENTED = "zz_invented"
_WRONG_TYPES = [7, True, ["running"], {"word": "running"}]


class ReportedStatusSuite(Suite):
    """For a provider that says a status word: the table is what the case says, and nothing is guessed."""

    def test_table_is_the_documented_one(self) -> None:
        assert dict(self.case.adapter.statuses.words) == dict(self.case.words)

    def test_documented_words(self) -> None:
        for word, status in self.case.words.items():
            record = self._with_status(word)
            assert (record.status, record.raw_status) == (status, word)
            assert record.is_terminal is status.is_terminal
            assert record.status_source is StatusSource.REPORTED

    def test_spelling(self) -> None:
        for word, status in self.case.words.items():
            for spelled in (word.upper(), f" {word} ", word.replace("_", "-")):
                record = self._with_status(spelled)
                assert (record.status, record.raw_status) == (status, spelled)

    def test_invented_word(self) -> None:
        table = self.case.adapter.statuses
        before = table.unknown_seen[_INVENTED]
        record = self._with_status(_INVENTED)
        assert (record.status, record.raw_status) == (RunStatus.UNKNOWN, _INVENTED)
        assert record.is_terminal is not True
        assert WarningCode.STATUS_UNKNOWN in {warning.code for warning in record.warnings}
        assert table.unknown_seen[_INVENTED] > before

    def test_invented_word_in_an_ended_run_is_not_success(self) -> None:
        record = self._with_status(_INVENTED, self.case.succeeded)
        assert record.status is RunStatus.UNKNOWN

    @pytest.mark.parametrize("value", _WRONG_TYPES, ids=str)
    def test_wrong_type(self, value: object) -> None:
        record = self._with_status(value)
        assert record.status.is_terminal is not True
        assert record.is_terminal is not True
        assert record.raw_status is None
        assert WarningCode.STATUS_UNKNOWN in {warning.code for warning in record.warnings}

    @pytest.mark.parametrize("value", [None, REMOVED, ""], ids=["null", "absent", "empty"])
    def test_no_status(self, value: object) -> None:
        record = self._with_status(value)
        assert record.status.is_terminal is not True
        assert record.is_terminal is not True
        assert not record.raw_status

    def _with_status(self, value: object, scenario: str | None = None) -> RunRecord:
        """The record of a scenario (a running one, left to itself) whose reply says another status."""
        path = self._status_path
        fixture = self.case.fixture(scenario or self.case.running)
        position = self.case.position_of(fixture, path)
        changed_fixture = fixture.with_body(position, changed(fixture.exchanges[position].body, path, value))
        return _record_of(self, changed_fixture)

    @property
    def _status_path(self) -> JsonPath:
        assert self.case.status_path is not None, "a provider that says a status word has a status_path"
        return self.case.status_path


class DerivedStatusSuite(Suite):
    """For a provider without a status word."""

    def test_status_is_derived(self, run_fixture: Fixture) -> None:
        assert self.case.status_path is None
        assert not self.case.words
        assert not self.case.adapter.statuses.words
        assert run_fixture.ask.id is not None
        transport = ReplayTransport(run_fixture.exchanges)
        outcome = asyncio.run(fetch(self.case, transport, run_fixture.ask.id, run_fixture.ask.parts))
        if isinstance(outcome, RunRecord):
            assert outcome.status_source is StatusSource.DERIVED
            assert outcome.raw_status is None


def _record_of(suite: Suite, fixture: Fixture) -> RunRecord:
    assert fixture.ask.id is not None
    # A status decides which further calls are made: those that the fixture lacks are answered with 404.
    transport = ReplayTransport(fixture.exchanges, strict=False)
    outcome = asyncio.run(fetch(suite.case, transport, fixture.ask.id, fixture.ask.parts))
    assert isinstance(outcome, RunRecord), outcome
    return outcome

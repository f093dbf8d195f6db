"""Status words: one reader, total over all text."""

import logging
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.status import RunStatus, StatusTable, StepStatus, fold
from adapters.testing.mutations import STABLE


def table() -> StatusTable[RunStatus]:
    words = {"timed_out": RunStatus.TIMED_OUT, "cancelled": RunStatus.CANCELLED, "cancelling": RunStatus.CANCELLING}
    return StatusTable("acme", words, RunStatus.UNKNOWN)


@pytest.mark.parametrize("word", ["timed_out", "TIMED_OUT", "Timed-Out", "timed out", " timedOut\n", "TimedOut"])
def test_folding(word: str) -> None:
    assert table().read(word) is RunStatus.TIMED_OUT


@pytest.mark.parametrize("word", ["canceled", "CANCELED", "cancelled"])
def test_one_and_two_ls(word: str) -> None:
    assert table().read(word) is RunStatus.CANCELLED
    assert table().read("canceling") is RunStatus.CANCELLING


@pytest.mark.parametrize("word", ["", " ", "timed_outt", "timed.out", "done", "TIMED_OUT!", "t\u0131med_out"])
def test_anything_else_is_unknown(word: str) -> None:
    assert table().read(word) is RunStatus.UNKNOWN


def test_unknown_words_are_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    statuses = table()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            statuses.read("strange")
        statuses.read("other")
    assert statuses.unknown_seen == {"strange": 3, "other": 1}
    assert [record.getMessage() for record in caplog.records] == [
        "acme: status 'strange' is not documented; reading it as UNKNOWN",
        "acme: status 'other' is not documented; reading it as UNKNOWN",
    ]


def test_what_is_kept_of_unknown_words_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    statuses = table()
    for number in range(500):
        assert statuses.read(f"{number}-" + "x" * 1000) is RunStatus.UNKNOWN
    assert len(statuses.unknown_seen) == 100
    assert max(map(len, statuses.unknown_seen)) <= 40
    assert len(caplog.records) == 100


def test_log_lines_stay_one_line(caplog: pytest.LogCaptureFixture) -> None:
    table().read("a\nERROR forged entry\x1b[31m")
    assert "\n" not in caplog.messages[0]
    assert "\x1b" not in caplog.messages[0]


def test_table_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        table().words = {}  # pyright: ignore[reportAttributeAccessIssue]


@STABLE
@given(st.text(max_size=50))
def test_total(word: str) -> None:
    assert table().read(word) in (RunStatus.UNKNOWN, RunStatus.TIMED_OUT, RunStatus.CANCELLED, RunStatus.CANCELLING)
    assert fold(fold(word)) == fold(word) or not word.isascii()


def test_terminal() -> None:
    terminal = {status.name for status in RunStatus if status.is_terminal}
    assert terminal == {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "REJECTED"}
    assert RunStatus.UNKNOWN.is_terminal is None
    assert RunStatus.CANCELLING.is_terminal is False


def test_steps_have_the_words_of_runs_and_skipped() -> None:
    assert {status.value for status in StepStatus} == {status.value for status in RunStatus} | {"SKIPPED"}

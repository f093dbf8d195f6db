"""Eigenpal's status, reported and derived, and the shapes of its eras."""

from copy import deepcopy
from typing import Any

import pytest

from adapters.eigenpal.eras import nested
from adapters.eigenpal.status import STATUSES
from adapters.model import Part, RunKind, WarningCode
from adapters.status import RunStatus, StatusSource

from .eigenpal import REMOVED, RUNNING, WORKFLOW, but, parsed

CANCEL = "2026-04-11T08:00:05Z"
FLAT: dict[str, Any] = {
    "id": "exec_1",
    "type": "agent",
    "status": "completed",
    "triggerType": "cli",
    "createdAt": "2026-05-20T09:00:00Z",
    "startedAt": "2026-05-20T09:00:01Z",
    "completedAt": "2026-05-20T09:00:31Z",
    "durationMs": 30000,
    "error": None,
    "batchId": "batch_9",
    "previousExecutionId": "exec_0",
    "retryNumber": 2,
    "schemaValid": True,
    "evalPassed": None,
    "evalScore": None,
    "triggeredBy": {"id": "u_1", "name": "Ida Berg", "email": "ida@example.com"},
    "version": "7",
    "requestedSourceRef": None,
    "resolvedGitRef": None,
    "resolvedGitTag": "v7",
    "resolvedCommitSha": "5d1c",
    "sourceId": "agt_7",
    "sourceName": "Claims agent",
    "agentSlug": "claims",
}


class TestReported:
    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("created", RunStatus.QUEUED),
            ("pending", RunStatus.QUEUED),
            ("running", RunStatus.RUNNING),
            ("waiting", RunStatus.WAITING),
            ("finalizing", RunStatus.RUNNING),
            ("completed", RunStatus.SUCCEEDED),
            ("failed", RunStatus.FAILED),
            ("cancelled", RunStatus.CANCELLED),
            ("rejected", RunStatus.REJECTED),
            (" Completed ", RunStatus.SUCCEEDED),
            ("CANCELED", RunStatus.CANCELLED),
        ],
    )
    def test_words(self, word: str, status: RunStatus) -> None:
        record = parsed(execution__status=word, finished=status.is_terminal)
        assert (record.status, record.raw_status, record.status_source) == (status, word, StatusSource.REPORTED)
        assert record.is_terminal is status.is_terminal
        assert not record.warnings

    @pytest.mark.parametrize(
        ("finished", "terminal"), [(True, True), (False, False), (None, None), (REMOVED, None), ("yes", None)]
    )
    def test_unknown_word_leaves_the_end_to_finished(self, finished: object, terminal: bool | None) -> None:
        record = parsed(execution__status="archived", finished=finished)
        assert (record.status, record.raw_status) == (RunStatus.UNKNOWN, "archived")
        assert record.is_terminal is terminal
        assert [warning.code for warning in record.warnings] == [WarningCode.STATUS_UNKNOWN]

    @pytest.mark.parametrize("value", [7, True, [], {"status": "completed"}])
    def test_no_word(self, value: object) -> None:
        record = parsed(execution__status=value)
        assert (record.status, record.raw_status) == (RunStatus.UNKNOWN, None)
        assert record.status_source is StatusSource.REPORTED
        assert [warning.path for warning in record.warnings] == ["execution.status"]

    @pytest.mark.parametrize(("word", "finished"), [("running", True), ("completed", False)])
    def test_a_known_status_wins_over_finished(self, word: str, finished: bool) -> None:
        record = parsed(execution__status=word, finished=finished)
        assert record.status is STATUSES.read(word)
        assert record.is_terminal is not finished
        assert [(w.code, w.path) for w in record.warnings] == [(WarningCode.INCONSISTENT, "finished")]


class TestDerived:
    """The seed's era: no `execution.status`."""

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"finished": REMOVED}, RunStatus.UNKNOWN),
            ({"finished": None}, RunStatus.UNKNOWN),
            ({"finished": False, "timing__cancelRequestedAt": CANCEL}, RunStatus.CANCELLING),
            ({"finished": False, "timing__startedAt": None}, RunStatus.QUEUED),
            ({"finished": False}, RunStatus.RUNNING),
            ({"finished": True}, RunStatus.SUCCEEDED),
            ({"finished": True, "output": REMOVED}, RunStatus.SUCCEEDED),
            ({"finished": True, "timing__cancelRequestedAt": CANCEL}, RunStatus.SUCCEEDED),
            ({"finished": True, "timing__cancelRequestedAt": CANCEL, "output": None}, RunStatus.CANCELLED),
            ({"finished": True, "timing__cancelRequestedAt": CANCEL, "error": "x"}, RunStatus.CANCELLED),
            ({"finished": True, "error": "timed out"}, RunStatus.FAILED),
            ({"finished": True, "error": {"message": "x"}}, RunStatus.FAILED),
        ],
    )
    def test_table(self, changes: dict[str, object], status: RunStatus) -> None:
        record = parsed(but(WORKFLOW, execution__status=REMOVED, **changes))
        assert (record.status, record.raw_status, record.status_source) == (status, None, StatusSource.DERIVED)
        assert record.is_terminal is status.is_terminal

    @pytest.mark.parametrize("execution", [None, {}, REMOVED])
    def test_without_an_execution(self, execution: object) -> None:
        record = parsed(execution=execution)
        assert (record.status, record.status_source) == (RunStatus.SUCCEEDED, StatusSource.DERIVED)
        assert not record.warnings

    def test_null_status_is_none(self) -> None:
        assert parsed(execution__status=None).status_source is StatusSource.DERIVED

    def test_finished_that_is_no_boolean(self) -> None:
        record = parsed(execution=REMOVED, finished="true")
        assert (record.status, record.is_terminal) == (RunStatus.UNKNOWN, None)
        assert [warning.path for warning in record.warnings] == ["finished"]

    def test_a_row_does_not_tell_cancelled_from_succeeded(self) -> None:
        row = but(WORKFLOW, execution__status=REMOVED, timing__cancelRequestedAt=CANCEL, output=REMOVED)
        record = parsed(row, row=True)
        assert (record.status, record.is_terminal) == (RunStatus.UNKNOWN, True)


class TestEras:
    def test_flat_names(self) -> None:
        record = parsed({"run": FLAT})
        today = parsed(
            {
                "id": "exec_1",
                "type": "agent",
                "error": None,
                "timing": {
                    "createdAt": "2026-05-20T09:00:00Z",
                    "startedAt": "2026-05-20T09:00:01Z",
                    "completedAt": "2026-05-20T09:00:31Z",
                    "durationMs": 30000,
                },
                "source": {
                    "id": "agt_7",
                    "name": "Claims agent",
                    "version": "7",
                    "slug": "claims",
                    "git": {"resolvedTag": "v7", "commitSha": "5d1c"},
                },
                "trigger": {"type": "cli", "by": {"id": "u_1", "name": "Ida Berg", "email": "ida@example.com"}},
                "execution": {
                    "status": "completed",
                    "schemaValid": True,
                    "batchId": "batch_9",
                    "retry": {"number": 2, "previousRunId": "exec_0"},
                },
            }
        )
        assert record == today
        assert (record.kind, record.status, record.eval) == (RunKind.AGENT, RunStatus.SUCCEEDED, None)

    def test_details_are_not_made_up(self) -> None:
        record = parsed({"run": FLAT}, Part.DETAILS)
        assert Part.DETAILS in record.parts
        assert record.details is None

    def test_names_of_the_detail_of_that_era(self) -> None:
        record = parsed({"run": {"executionId": "exec_1", "status": "completed", "result": {"total": 42}}})
        assert (record.native_id, record.status, record.output) == ("exec_1", RunStatus.SUCCEEDED, {"total": 42})

    def test_nested_shape_in_the_envelope(self) -> None:
        assert parsed({"run": WORKFLOW}) == parsed(WORKFLOW)
        assert parsed({"run": RUNNING}, Part.USAGE) == parsed(RUNNING, Part.USAGE)

    def test_only_a_single_key_is_an_envelope(self) -> None:
        assert parsed(but(WORKFLOW, run={"id": "other"})).native_id == "exec_1"

    def test_todays_place_wins_over_the_flat_one(self) -> None:
        record = parsed(createdAt="1999-01-01T00:00:00Z", status="failed")
        assert record.created_at == parsed().created_at
        assert record.status is RunStatus.SUCCEEDED

    def test_the_document_is_not_changed(self) -> None:
        document = but(WORKFLOW, status="failed", retryNumber=7, execution__retry={}, source="gone", version="1")
        before = deepcopy(document)
        assert nested(document) is not document
        assert document == before
        assert nested(WORKFLOW) is WORKFLOW

    def test_a_place_that_is_taken_by_something_else(self) -> None:
        record = parsed(but(FLAT, source="gone", execution=[], timing=7))
        assert (record.target, record.created_at) == (None, None)
        assert {warning.path for warning in record.warnings} == {"source", "execution", "timing"}

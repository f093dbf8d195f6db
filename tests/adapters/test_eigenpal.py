"""Eigenpal's run document made into a record."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.eigenpal import EigenpalRecord, EigenpalUsage, Git, HumanReview, Retry, Review, Source
from adapters.errors import BadResponse, ErrorCode
from adapters.model import (
    Actor,
    ActorKind,
    Credits,
    Json,
    Part,
    RunError,
    RunKind,
    RunTarget,
    TokenAccounting,
    WarningCode,
)

from .eigenpal import RUNNING, STEPS, WORKFLOW, parsed


def codes(record: EigenpalRecord) -> list[tuple[WarningCode, str | None]]:
    return [(warning.code, warning.path) for warning in record.warnings]


class TestCore:
    def test_common_fields(self) -> None:
        record = parsed(
            source__git={
                "requestedRef": "main",
                "resolvedRef": "refs/heads/main",
                "resolvedTag": "v3",
                "commitSha": "5d",
            },
            source__model="model-a",
            source__slug="po",
            source__currentVersion="13",
            source__implementationAvailable=True,
            source__automationFound=False,
            parentExecutionId="exec_0",
        )
        assert record.kind is RunKind.WORKFLOW
        assert record.created_at == datetime(2026, 4, 11, 8, 0, 0, 120_000, UTC)
        assert record.duration_ms == 8000
        assert record.target == RunTarget(
            id="wf_po",
            name="Purchase orders",
            version="12",
            kind=RunKind.WORKFLOW,
            model="model-a",
            commit_sha="5d",
        )
        assert record.git == Git(
            requested_ref="main", resolved_ref="refs/heads/main", resolved_tag="v3", commit_sha="5d"
        )
        assert record.source == Source(
            version_id="wfh_12",
            slug="po",
            implementation_available=True,
            automation_found=False,
            current_version="13",
        )
        assert record.parent_id == "eigenpal:exec_0"
        assert (record.tags, record.sample_rank, record.schema_valid) == (("eu",), 0.5, True)
        assert record.warnings == ()

    def test_everything_but_the_id_is_optional(self) -> None:
        record = parsed({"id": "exec_1"}, *Part)
        assert record.native_id == "exec_1"
        assert (record.target, record.initiator, record.error, record.retry) == (None, None, None, None)
        assert record.parts == {
            Part.ERROR,
            Part.INPUT,
            Part.OUTPUT,
            Part.USAGE,
            Part.STEPS,
            Part.DEBUG,
            Part.DETAILS,
        }
        assert record.warnings == ()

    @pytest.mark.parametrize("body", [None, [], "run", 7, {}, {"id": None}, {"id": ""}, {"id": 7}, {"run": {}}])
    def test_what_is_no_run_is_a_bad_response(self, body: Json) -> None:
        with pytest.raises(BadResponse):
            parsed(body)

    def test_missing_id_is_named(self) -> None:
        with pytest.raises(BadResponse, match=r"at run\.id"):
            parsed({"run": {"type": "agent"}})

    @pytest.mark.parametrize(
        ("word", "kind", "warned"),
        [("agent", RunKind.AGENT, 0), (" Workflow", RunKind.WORKFLOW, 0), ("pipeline", RunKind.UNKNOWN, 1)],
    )
    def test_kind(self, word: str, kind: RunKind, warned: int) -> None:
        record = parsed(type=word)
        assert (record.kind, len(record.warnings)) == (kind, warned)
        assert record.target is not None
        assert record.target.kind is kind

    @pytest.mark.parametrize(
        ("trigger_type", "kind"),
        [
            ("api", ActorKind.API),
            ("cli", ActorKind.API),
            ("cron", ActorKind.SCHEDULE),
            ("manual", ActorKind.USER),
            ("email", ActorKind.USER),
            ("webhook", ActorKind.UNKNOWN),
            (None, ActorKind.UNKNOWN),
        ],
    )
    def test_initiator(self, trigger_type: str | None, kind: ActorKind) -> None:
        by = {"id": "u_3", "name": None, "email": "ida@example.com"}
        record = parsed(trigger={"type": trigger_type, "by": by, "email": {"from": "x"}})
        assert record.initiator == Actor(id="u_3", email="ida@example.com", kind=kind)
        assert (record.trigger_type, record.trigger_email) == (trigger_type, {"from": "x"})

    def test_no_initiator_where_nobody_and_nothing_is_named(self) -> None:
        assert parsed(trigger={"type": None, "by": None}).initiator is None
        assert parsed(trigger={"type": "cron", "by": None}).initiator == Actor(kind=ActorKind.SCHEDULE)

    def test_duration_is_derived_where_it_is_not_reported(self) -> None:
        assert parsed(timing__durationMs=None).duration_ms == 8000
        assert parsed(timing__durationMs=Decimal("7000.0")).duration_ms == 7000
        assert parsed(timing__durationMs=None, timing__startedAt=None).duration_ms is None

    def test_retry_keeps_the_later_status_as_it_is(self) -> None:
        record = parsed(
            execution__retry={"number": 1, "previousRunId": "e0", "nextRun": {"id": "e2", "status": "completed"}}
        )
        assert record.retry == Retry(number=1, previous_run_id="e0", next_run_id="e2", next_run_status="completed")

    def test_human_review(self) -> None:
        record = parsed(
            RUNNING,
            execution__humanReview={
                "taskId": "hrt_19",
                "sourceKind": "workflow_step",
                "sourceLabel": "Check",
                "status": "pending",
                "requiredCount": 3,
                "confirmedCount": 1,
                "version": 2,
            },
        )
        assert record.human_review == HumanReview(
            task_id="hrt_19",
            source_kind="workflow_step",
            source_label="Check",
            status="pending",
            required_count=3,
            confirmed_count=1,
            version=2,
        )

    def test_review_is_the_same_from_both_forms(self) -> None:
        slim = {"verdict": "incorrect", "status": "open", "hasNote": True, "correctionCount": 2}
        full: dict[str, Any] = {
            "id": "r",
            "verdict": "incorrect",
            "status": "open",
            "note": "no",
            "corrections": [{}, {}],
        }
        expected = Review(verdict="incorrect", status="open", has_note=True, correction_count=2)
        assert parsed(execution__review=slim).review == parsed(execution__review=full).review == expected
        assert parsed(execution__review=None).review is None

    def test_a_failed_evaluation_or_schema_is_no_failed_run(self) -> None:
        record = parsed(eval={"example": "e", "score": -0.5, "passed": False}, execution__schemaValid=False)
        assert record.error is None
        assert record.eval is not None
        assert (record.eval.score, record.eval.passed, record.schema_valid) == (-0.5, False, False)

    def test_odd_types_are_none_with_a_warning_each(self) -> None:
        record = parsed(
            tags="priority",
            sampleRank="high",
            timing__durationMs="fast",
            timing__completedAt=1775991631,
            trigger=None,
            files={"name": "x"},
            debug=[],
        )
        assert record.ended_at == datetime(2026, 4, 12, 11, 0, 31, tzinfo=UTC)
        assert (record.sample_rank, record.tags, record.files, record.debug) == (None, (), None, None)
        assert {path for _, path in codes(record)} == {"tags", "sampleRank", "timing.durationMs", "files", "debug"}


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "text", "expected"),
        [
            ("failed", "no document", RunError(code=ErrorCode.UNKNOWN, message="no document")),
            ("failed", None, RunError(code=ErrorCode.UNKNOWN)),
            ("cancelled", "by ida", RunError(code=ErrorCode.CANCELLED, message="by ida")),
            ("cancelled", None, RunError(code=ErrorCode.CANCELLED)),
            ("rejected", "totals", RunError(code=ErrorCode.UNKNOWN, message="totals")),
            ("rejected", None, RunError(code=ErrorCode.UNKNOWN)),
            ("completed", None, None),
            ("completed", "", None),
            ("running", "so far", RunError(code=ErrorCode.UNKNOWN, message="so far")),
        ],
    )
    def test_error(self, status: str, text: str | None, expected: RunError | None) -> None:
        assert parsed(execution__status=status, error=text).error == expected

    def test_error_that_is_no_text(self) -> None:
        record = parsed(execution__status="failed", error={"message": "x"})
        assert record.error == RunError(code=ErrorCode.UNKNOWN)
        assert codes(record) == [(WarningCode.VALUE_UNREADABLE, "error")]

    def test_long_error_is_kept(self) -> None:
        record = parsed(execution__status="failed", error="E" * 20_000)
        assert record.error is not None
        assert record.error.message == "E" * 20_000

    def test_the_failing_step_is_named_where_the_run_failed(self) -> None:
        failed = parsed(execution__status="failed", error="x", execution__steps=STEPS)
        assert failed.error == RunError(code=ErrorCode.UNKNOWN, message="x", step_name="parse")
        cancelled = parsed(execution__status="cancelled", execution__steps=STEPS)
        assert cancelled.error == RunError(code=ErrorCode.CANCELLED)


class TestUsage:
    def test_fields(self) -> None:
        record = parsed(
            usage={
                "tokens": {"input": 5_000_000_000_000, "output": Decimal("905.0"), "cacheRead": 0, "cacheWrite": None},
                "creditsCharged": Decimal("0.1"),
                "durationMs": 221_400,
                "llmCallCount": 4,
                "ocrPagesProcessed": 12,
                "agentTurns": 9,
            }
        )
        assert record.usage == EigenpalUsage(
            input_tokens=5_000_000_000_000,
            output_tokens=905,
            total_tokens=5_000_000_000_905,
            cache_read_input_tokens=0,
            token_accounting=TokenAccounting.UNKNOWN,
            credits=Credits(Decimal("0.1"), "eigenpal"),
            model_calls=4,
            agent_turns=9,
            pages_processed=12,
            duration_ms=221_400,
            derived_fields=("totalTokens",),
        )
        assert record.duration_ms == 8000

    def test_asked_and_null_or_absent_is_held_as_none(self) -> None:
        for record in (parsed(usage=None), parsed(WORKFLOW, Part.USAGE)):
            assert Part.USAGE in record.parts
            assert record.usage is None
        assert Part.USAGE not in parsed().parts

    def test_zero_is_not_unknown(self) -> None:
        usage = parsed(usage={"tokens": {"input": 0, "output": 0}, "creditsCharged": 0}).usage
        assert usage is not None
        assert (usage.input_tokens, usage.total_tokens, usage.cache_read_input_tokens) == (0, 0, None)
        assert usage.credits == Credits(Decimal(0), "eigenpal")

    def test_unreadable_figures(self) -> None:
        record = parsed(usage={"tokens": {"input": "1200", "output": -5}, "creditsCharged": "NaN"})
        assert record.usage is not None
        assert (record.usage.input_tokens, record.usage.output_tokens, record.usage.credits) == (1200, None, None)
        assert [path for _, path in codes(record)] == ["usage.creditsCharged", "usage.tokens.output"]

    @pytest.mark.parametrize(("document", "partial"), [(WORKFLOW, False), (RUNNING, True)])
    def test_partial_until_the_run_ends(self, document: dict[str, Any], partial: bool) -> None:
        usage = parsed(document, usage={}).usage
        assert usage is not None
        assert usage.is_partial is partial

"""Refactor: what is read from a run document, and the edge cases of its API."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import codec
from adapters.errors import AdapterError, ErrorCode
from adapters.model import (
    Actor,
    Debug,
    ModelUsage,
    Money,
    Part,
    RunError,
    RunKind,
    RunTarget,
    TokenAccounting,
    Usage,
    WarningCode,
)
from adapters.refactor import ERROR_CODES, RefactorAdapter, RefactorRecord, parse_evaluations, parse_run
from adapters.status import RunStatus, StatusSource
from adapters.testing.mutations import STABLE, json_values, mutated
from adapters.testing.validity import faults

FIXTURES = Path(__file__).parents[1] / "fixtures" / "refactor"
ID = "7b0d2f4e-51c8-4f0a-9a3e-0c6a1d9e2b11"


def document(scenario: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """The run of a fixture, changed."""
    fixture = codec.loads((FIXTURES / f"{scenario}.json").read_bytes())
    return {**fixture["exchanges"][0]["body"], **changes}


def without(source: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name not in names}


def parsed(source: object) -> RefactorRecord:
    return parse_run(source, provider="rf", accounting=TokenAccounting.INCLUDES_CACHED)


def test_the_documented_run() -> None:
    record = parsed(document())
    assert record == RefactorRecord(
        provider="rf",
        native_id=ID,
        kind=RunKind.UNKNOWN,
        status=RunStatus.SUCCEEDED,
        raw_status="completed",
        status_source=StatusSource.REPORTED,
        is_terminal=True,
        created_at=datetime(2026, 3, 2, 9, 14, 5, tzinfo=UTC),
        ended_at=datetime(2026, 3, 2, 9, 14, 19, tzinfo=UTC),
        duration_ms=14_000.0,
        target=RunTarget(id="2f6a8c10-4b7d-4e21-8d0f-5a9c3e7b1f44"),
        initiator=Actor(id="usr_41"),
        metadata={"ticket": "OPS-17"},
        parts=frozenset({Part.ERROR, Part.OUTPUT, Part.USAGE, Part.DEBUG}),
        output={"summary": "Two invoices match."},
        usage=Usage(
            input_tokens=1840,
            output_tokens=233,
            total_tokens=2073,
            cache_read_input_tokens=512,
            token_accounting=TokenAccounting.INCLUDES_CACHED,
            cost=Money(Decimal("0.00731"), "USD"),
            models=(
                ModelUsage(
                    provider="anthropic",
                    model="claude-x",
                    input_tokens=1840,
                    output_tokens=233,
                    cache_read_input_tokens=512,
                ),
            ),
            derived_fields=("totalTokens",),
        ),
        debug=Debug(span_id="9f2c1b7ad0e34465", state={"turn": 2}),
        account_id="acc_01J9QX7M2ZK4T8V5R3C6B0N1DA",
        state={"turn": 2},
        result_id="res_88",
        result_metadata={},
    )
    with pytest.raises(AttributeError, match="immutable"):
        record.status = RunStatus.FAILED  # type: ignore[misc]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("running", RunStatus.RUNNING),
        ("waiting", RunStatus.WAITING),
        ("completed", RunStatus.SUCCEEDED),
        ("failed", RunStatus.FAILED),
        ("cancelled", RunStatus.CANCELLED),
        ("timeout", RunStatus.TIMED_OUT),
        (" Completed ", RunStatus.SUCCEEDED),
        ("CANCELED", RunStatus.CANCELLED),
    ],
)
def test_status_words(word: str, status: RunStatus) -> None:
    record = parsed(document("waiting", status=word))
    assert (record.status, record.raw_status) == (status, word)
    assert record.is_terminal is status.is_terminal


def test_a_status_that_nobody_documented() -> None:
    record = parsed(document("waiting", status="archived"))
    assert (record.status, record.raw_status, record.is_terminal) == (RunStatus.UNKNOWN, "archived", None)
    assert [(w.code, w.path) for w in record.warnings] == [(WarningCode.STATUS_UNKNOWN, "status")]
    assert record.usage is not None
    assert record.usage.is_partial


@pytest.mark.parametrize("value", [None, 3, True, [], {}])
def test_a_status_that_is_no_text(value: object) -> None:
    record = parsed(document("running", status=value))
    assert (record.status, record.raw_status) == (RunStatus.UNKNOWN, None)
    assert [w.code for w in record.warnings] == [WarningCode.STATUS_UNKNOWN]


def test_a_running_run_without_a_result() -> None:
    record = parsed(document("running"))
    assert (record.status, record.is_terminal, record.output, record.error) == (RunStatus.RUNNING, False, None, None)
    assert record.usage is not None
    assert record.usage.is_partial
    assert (record.usage.input_tokens, record.usage.total_tokens) == (0, 0), "a reported 0 is 0"
    assert record.usage.cost == Money(Decimal(0), "USD")
    assert (record.result_id, record.metadata, record.parent_id) == (None, None, None)
    assert (record.ended_at, record.duration_ms, record.warnings) == (None, None, ())


def test_a_partial_result_does_not_make_a_run_terminal() -> None:
    record = parsed(document(status="running", completed_at=None))
    assert record.is_terminal is False
    assert record.output == {"summary": "Two invoices match."}
    assert record.usage is not None
    assert record.usage.is_partial


def test_a_waiting_run_shows_what_it_waits_for_in_its_state() -> None:
    record = parsed(document("waiting"))
    assert record.state == {"question": "Which quarter?"}
    assert record.debug is not None
    assert record.debug.state is record.state


def test_a_failed_child_of_an_experiment() -> None:
    record = parsed(document("failed"))
    assert record.error == RunError(
        code=ErrorCode.INVALID_INPUT, raw_code="INVALID_INPUT", message="input 'region' must not be empty"
    )
    assert record.parent_id == "rf:d4e5b1aa-6f2c-4c8e-8a77-1b2c3d4e5f60"
    assert record.experiment_id == "11c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e"
    assert record.experiment_candidate_id == "cand-b"


@pytest.mark.parametrize(("raw", "code"), [*ERROR_CODES.items(), ("NEW_ONE", ErrorCode.UNKNOWN)])
def test_error_codes_inside_a_run(raw: str, code: ErrorCode) -> None:
    error = parsed(document("failed", result={"error": {"code": raw, "message": "m"}})).error
    assert error == RunError(code=code, raw_code=raw, message="m")


@pytest.mark.parametrize(
    ("status", "result_error", "top_error", "expected"),
    [
        ("failed", None, {"code": "TIMEOUT"}, RunError(code=ErrorCode.TIMEOUT, raw_code="TIMEOUT")),
        ("failed", {}, "it broke", RunError(code=ErrorCode.UNKNOWN, message="it broke")),
        ("failed", {"message": "inner"}, {"message": "outer"}, RunError(code=ErrorCode.UNKNOWN, message="inner")),
        ("failed", "", None, RunError(code=ErrorCode.UNKNOWN)),
        ("failed", 7, None, RunError(code=ErrorCode.UNKNOWN)),
        ("timeout", None, None, RunError(code=ErrorCode.TIMEOUT)),
        ("timeout", {"message": "slow"}, None, RunError(code=ErrorCode.TIMEOUT, message="slow")),
        ("cancelled", None, None, RunError(code=ErrorCode.CANCELLED)),
        ("cancelled", {"message": "stopped"}, None, RunError(code=ErrorCode.CANCELLED, message="stopped")),
        ("completed", None, None, None),
        ("completed", {"code": None, "message": None}, None, RunError(code=ErrorCode.UNKNOWN)),
    ],
)  # fmt: skip
def test_where_the_error_is(status: str, result_error: object, top_error: object, expected: RunError | None) -> None:
    record = parsed(document("failed", status=status, result={"error": result_error}, error=top_error))
    assert record.error == expected


@pytest.mark.parametrize(
    ("completed_at", "failed_at", "ended"),
    [
        ("2026-03-02T10:05:31Z", "2026-03-02T10:05:29Z", 31),
        ("2026-03-02T10:05:31Z", "2026-03-02T10:05:33Z", 31),
        (None, "2026-03-02T10:05:31Z", 31),
        ("2026-03-02T10:05:31Z", None, 31),
        (None, None, None),
    ],
)
def test_the_end_of_a_failed_run(completed_at: str | None, failed_at: str | None, ended: int | None) -> None:
    record = parsed(document("failed", completed_at=completed_at, failed_at=failed_at))
    assert record.ended_at == (None if ended is None else datetime(2026, 3, 2, 10, 5, ended, tzinfo=UTC))
    assert record.duration_ms == (None if ended is None else ended * 1000.0)
    assert (record.failed_at is None) is (failed_at is None)


@pytest.mark.parametrize("outputs", [None, {}, [], ["a", {"b": 1}], "text", 0, False])
def test_outputs_are_any_json(outputs: object) -> None:
    record = parsed(document(result={"outputs": outputs}))
    assert record.output == outputs
    assert Part.OUTPUT in record.parts


# Usage


def usage(**changes: Any) -> Usage | None:
    base = without(
        document(), "total_input_tokens", "total_cached_tokens", "total_output_tokens", "total_token_cost_usd"
    )
    return parsed({**base, "result": {}, **changes}).usage


TWO_MODELS = [
    {"provider": "a", "model": "x", "prompt_tokens": 100, "cached_tokens": 40, "completion_tokens": 7},
    {"provider": "b", "model": "y", "prompt_tokens": 11, "cached_tokens": 0, "completion_tokens": 2},
]


def test_no_usage_at_all_is_none_and_not_zero() -> None:
    assert usage() is None
    assert usage(result={"usage": []}) is None
    assert usage(result=None) is None


def test_totals_are_preferred_to_models() -> None:
    got = usage(total_input_tokens=1, total_cached_tokens=0, total_output_tokens=2, result={"usage": TWO_MODELS})
    assert got is not None
    assert (got.input_tokens, got.cache_read_input_tokens, got.output_tokens, got.total_tokens) == (1, 0, 2, 3)
    assert got.derived_fields == ("totalTokens",)
    assert [model.model for model in got.models] == ["x", "y"]


def test_models_are_summed_where_there_are_no_totals() -> None:
    got = usage(result={"usage": TWO_MODELS})
    assert got is not None
    assert (got.input_tokens, got.cache_read_input_tokens, got.output_tokens, got.total_tokens) == (111, 40, 9, 120)
    assert set(got.derived_fields) == {"inputTokens", "outputTokens", "cacheReadInputTokens", "totalTokens"}


def test_a_count_that_one_model_leaves_out_is_not_summed() -> None:
    got = usage(result={"usage": [TWO_MODELS[0], without(TWO_MODELS[1], "prompt_tokens")]})
    assert got is not None
    assert (got.input_tokens, got.output_tokens, got.total_tokens) == (None, 9, None)


@pytest.mark.parametrize("place", ["result", "run"])
def test_flat_counters_come_last(place: str) -> None:
    flat = {"prompt_tokens": 5, "cached_tokens": 1, "completion_tokens": 3}
    got = usage(result=flat) if place == "result" else usage(**flat)
    assert got is not None
    assert (got.input_tokens, got.cache_read_input_tokens, got.output_tokens) == (5, 1, 3)
    assert got.derived_fields == ("totalTokens",)
    summed = usage(result={**flat, "usage": TWO_MODELS})
    assert summed is not None
    assert summed.input_tokens == 111


def test_an_empty_model_list_next_to_totals() -> None:
    got = usage(total_input_tokens=410, total_output_tokens=37, result={"usage": []})
    assert got is not None
    assert (got.input_tokens, got.output_tokens, got.cache_read_input_tokens, got.models) == (410, 37, None, ())


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, "0"),
        (Decimal("0.00731"), "0.00731"),
        (Decimal("0.012345678901234567"), "0.012345678901234567"),
        ("0.00731", "0.00731"),
        ("", None),
        (None, None),
        ("free", None),
        ("NaN", None),
        (True, None),
        (Decimal("-1"), None),
    ],
)
def test_cost(value: object, amount: str | None) -> None:
    got = usage(total_input_tokens=1, total_token_cost_usd=value)
    assert got is not None
    assert got.cost == (None if amount is None else Money(Decimal(amount), "USD"))


@pytest.mark.parametrize("value", [-1, 1.5, "x", True, [], 2**64, "NaN"])
def test_a_count_that_is_none_is_null_with_a_warning(value: object) -> None:
    record = parsed(document(result={}, total_input_tokens=value))
    assert record.usage is not None
    assert record.usage.input_tokens is None
    assert {(w.code, w.path) for w in record.warnings} == {(WarningCode.VALUE_UNREADABLE, "total_input_tokens")}


@pytest.mark.parametrize(("value", "count"), [("12", 12), (Decimal("12.0"), 12), (2**40, 2**40)])
def test_counts_in_other_spellings(value: object, count: int) -> None:
    got = usage(total_input_tokens=value)
    assert got is not None
    assert got.input_tokens == count


# What can't be read


def test_sections_of_the_wrong_type() -> None:
    record = parsed(document(result="none", metadata=[1], state=None, created_at="soon", runnable_id=[]))
    assert {warning.path for warning in record.warnings} >= {"result", "created_at", "runnable_id"}
    assert (record.created_at, record.target, record.output) == (None, None, None)


def test_evaluations_that_can_not_be_read() -> None:
    rows = [{"id": "e", "value": "high", "created_at": 5}, {"value": 1}, "text", {"id": "f", "value": "-0.5"}]
    found, warnings = parse_evaluations(rows, provider="rf")
    assert [(evaluation.id, evaluation.value) for evaluation in found] == [("e", None), ("f", Decimal("-0.5"))]
    assert {warning.path for warning in warnings} == {"evaluations[0].value", "evaluations[1]", "evaluations[2]"}


DOCUMENTS: Sequence[dict[str, Any]] = [document(name) for name in ("succeeded", "failed", "waiting", "several_models")]


@STABLE
@given(st.data())
def test_parsing_is_total(data: st.DataObject) -> None:
    changed = data.draw(mutated(data.draw(st.sampled_from(DOCUMENTS))))
    try:
        record = parsed(changed)
    except AdapterError:
        return
    assert faults(record, RefactorAdapter, "rf") == []


@STABLE
@given(json_values)
def test_parsing_evaluations_is_total(answer: object) -> None:
    try:
        found, _ = parse_evaluations(answer, provider="rf")
    except AdapterError:
        return
    assert all(evaluation.id for evaluation in found)

"""Rightbrain: what is read from a task run document, and the edge cases of its API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import codec
from adapters.errors import AdapterError, BadResponse, ErrorCode
from adapters.model import (
    Actor,
    ActorKind,
    Credits,
    Debug,
    Fallback,
    Part,
    RunError,
    RunFile,
    RunKind,
    RunTarget,
    RunWarning,
    Usage,
    WarningCode,
)
from adapters.rightbrain import RightbrainAdapter
from adapters.rightbrain_parse import RightbrainRecord, parse_run
from adapters.status import RunStatus, StatusSource
from adapters.testing.mutations import STABLE, mutated
from adapters.testing.validity import faults

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rightbrain"
TASK = "019a0f44-7be2-71c0-8d13-2f6a9c0e4b58"
MISSING = object()


def document(scenario: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """The run of a fixture, changed; a field set to MISSING is left out."""
    fixture = codec.loads((FIXTURES / f"{scenario}.json").read_bytes())
    changed = {**fixture["exchanges"][0]["body"], **changes}
    return {name: value for name, value in changed.items() if value is not MISSING}


def parsed(scenario: str = "succeeded", **changes: Any) -> RightbrainRecord:
    return parse_run(document(scenario, **changes), provider="rb", task_id=None)


def test_the_documented_run_with_a_fallback() -> None:
    assert parsed("succeeded_with_fallback") == RightbrainRecord(
        provider="rb",
        native_id=f"{TASK}/019b4c10-2a7e-7d31-9f04-5b1c8e2a7d66",
        kind=RunKind.TASK,
        status=RunStatus.SUCCEEDED,
        raw_status=None,
        status_source=StatusSource.DERIVED,
        is_terminal=True,
        created_at=datetime(2026, 2, 19, 16, 40, 7, 518204, tzinfo=UTC),
        duration_ms=1902.21,
        target=RunTarget(id=TASK, version="019a0f44-7c10-7e02-b3a5-91d4f7c2e680", kind=RunKind.TASK),
        initiator=Actor(id="018e1111-2222-7333-8444-555566667777", kind=ActorKind.USER),
        warnings=(
            RunWarning(
                WarningCode.FALLBACK_MODEL,
                "the primary model was replaced: primary model timed out",
                "used_fallback_model",
            ),
        ),
        parts=frozenset({Part.ERROR, Part.INPUT, Part.OUTPUT, Part.USAGE, Part.FILES, Part.DEBUG}),
        input={"ticket": "Charged twice"},
        output={"category": "billing", "priority": 2},
        usage=Usage(
            input_tokens=742,
            output_tokens=58,
            total_tokens=800,
            credits=Credits(Decimal("1.00"), "rb"),
            retries=1,
            model_duration_ms=1902.0,
        ),
        files=(),
        debug=Debug(
            retries=1,
            fallback=Fallback(
                used=True, reason="primary model timed out", model_id="018f0000-1111-7222-8333-444455556666"
            ),
        ),
        task_id=TASK,
        task_revision_id="019a0f44-7c10-7e02-b3a5-91d4f7c2e680",
        reference="order-5541",
        input_processor_ms=0.21,
        llm_call_ms=1902.0,
        preprocessed_inputs={"ticket_preprocessed": "charged twice"},
    )


def test_group_and_context() -> None:
    record = parsed()
    assert record.context_id == "chat-7"
    assert record.reporting_group_id == "019a2222-3333-7444-8555-666677778888"
    assert record.reporting_group == {"id": "019a2222-3333-7444-8555-666677778888", "name": "Back office"}


@pytest.mark.parametrize(
    ("is_error", "response", "status"),
    [
        (True, {}, RunStatus.FAILED),
        (True, "text", RunStatus.FAILED),
        (True, MISSING, RunStatus.FAILED),
        (False, {"a": 1}, RunStatus.SUCCEEDED),
        (False, {}, RunStatus.SUCCEEDED),
        (False, "", RunStatus.SUCCEEDED),
        (False, "text", RunStatus.SUCCEEDED),
        (False, [], RunStatus.SUCCEEDED),
        (None, "text", RunStatus.SUCCEEDED),
        (MISSING, "text", RunStatus.SUCCEEDED),
        (False, None, RunStatus.RUNNING),
        (False, MISSING, RunStatus.RUNNING),
        (None, None, RunStatus.RUNNING),
        (None, MISSING, RunStatus.RUNNING),
        (MISSING, MISSING, RunStatus.UNKNOWN),
        (MISSING, None, RunStatus.UNKNOWN),
        ("true", "text", RunStatus.UNKNOWN),
        (1, "text", RunStatus.UNKNOWN),
    ],
)
def test_the_derived_status(is_error: object, response: object, status: RunStatus) -> None:
    record = parsed(is_error=is_error, response=response)
    assert (record.status, record.raw_status, record.status_source) == (status, None, StatusSource.DERIVED)
    assert record.is_terminal is status.is_terminal
    assert record.usage is not None
    assert record.usage.is_partial is (status not in (RunStatus.SUCCEEDED, RunStatus.FAILED))
    assert record.output == (None if response is MISSING else response)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("bad JSON", RunError(code=ErrorCode.UPSTREAM_ERROR, message="bad JSON")),
        ("", RunError(code=ErrorCode.UNKNOWN)),
        (None, RunError(code=ErrorCode.UNKNOWN)),
        (MISSING, RunError(code=ErrorCode.UNKNOWN)),
        ([], RunError(code=ErrorCode.UNKNOWN)),
    ],
)
def test_the_error_of_a_failed_run(reason: object, error: RunError) -> None:
    assert parsed("failed", primary_failure_reason=reason).error == error


def test_a_success_with_a_failure_reason_stays_one() -> None:
    record = parsed(primary_failure_reason="primary model timed out", used_fallback_model=False)
    assert (record.status, record.error, record.warnings) == (RunStatus.SUCCEEDED, None, ())
    assert record.debug is not None
    assert record.debug.fallback == Fallback(used=False, reason="primary model timed out")


def test_the_documented_error_run() -> None:
    record = parsed("failed")
    assert record.error == RunError(code=ErrorCode.UPSTREAM_ERROR, message="model returned invalid JSON")
    assert (record.duration_ms, record.input_processor_ms, record.llm_call_ms) == (None, None, None)
    assert record.usage is not None
    assert record.usage.credits == Credits(Decimal(0), "rb")
    assert (record.usage.output_tokens, record.usage.retries) == (0, 3)
    assert (record.files, record.initiator, record.preprocessed_inputs) == ((), None, None)


def test_a_text_response_with_old_nulls() -> None:
    record = parsed("text_response_and_files")
    assert record.output == "A short alt text."
    assert record.created_at == datetime(2025, 6, 1, tzinfo=UTC)
    assert record.usage is not None
    assert (record.usage.input_tokens, record.usage.credits, record.usage.retries) == (0, None, None)
    assert record.debug == Debug()
    assert record.files == (
        RunFile(
            name="4f1c.png",
            path="4f1c.png",
            content_type="image/png",
            size_bytes=20418,
            download_url="https://files.example/4f1c.png?sig=abc",
        ),
    )
    assert record.warnings == ()


@pytest.mark.parametrize(
    ("charged", "amount"),
    [
        ("1.00", "1.00"),
        ("10", "10"),
        (".5", "0.5"),
        ("+1", "1"),
        ("-1.5", "-1.5"),
        ("0001.10", "1.10"),
        (Decimal("1.5"), "1.5"),
        (3, "3"),
        (None, None),
        ("", None),
        (MISSING, None),
        ("free", None),
        ("Infinity", None),
        (True, None),
        ({}, None),
    ],
)
def test_credits(charged: object, amount: str | None) -> None:
    record = parsed(charged_credits=charged)
    assert record.usage is not None
    assert record.usage.credits == (None if amount is None else Credits(Decimal(amount), "rb"))
    unreadable = charged in ("free", "Infinity") or isinstance(charged, bool | dict)
    assert [warning.path for warning in record.warnings] == ["charged_credits"] * unreadable


@pytest.mark.parametrize(
    ("created", "moment"),
    [
        ("2026-02-19T16:40:07.518204", datetime(2026, 2, 19, 16, 40, 7, 518204, tzinfo=UTC)),
        ("2026-02-19T16:40:07", datetime(2026, 2, 19, 16, 40, 7, tzinfo=UTC)),
        ("2026-02-19T16:40:07Z", datetime(2026, 2, 19, 16, 40, 7, tzinfo=UTC)),
        ("2026-02-19 18:40:07+02:00", datetime(2026, 2, 19, 16, 40, 7, tzinfo=UTC)),
        ("2026-02-19T16:40:07.518204999Z", datetime(2026, 2, 19, 16, 40, 7, 518204, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        (MISSING, None),
    ],
)
def test_the_creation_time(created: object, moment: datetime | None) -> None:
    record = parsed(created=created)
    assert record.created_at == moment
    assert [warning.path for warning in record.warnings] == (["created"] if created == "yesterday" else [])
    assert (record.started_at, record.ended_at) == (None, None)


@pytest.mark.parametrize(
    ("processor", "model", "duration"),
    [(0.5, 1.5, 2000.0), (None, 1.5, 1500.0), (0.5, None, None), (None, None, None), ("0.25", "1", 1250.0), (0, 0, 0)],
)
def test_duration_is_processing_time(processor: object, model: object, duration: float | None) -> None:
    as_sent = [Decimal(str(value)) if isinstance(value, float) else value for value in (processor, model)]
    assert parsed(input_processor_timing=as_sent[0], llm_call_timing=as_sent[1]).duration_ms == duration


def test_tokens_are_reported_as_given_even_if_they_do_not_add_up() -> None:
    usage = parsed(input_tokens=10, output_tokens=5, total_tokens=99).usage
    assert usage is not None
    assert (usage.total_tokens, usage.derived_fields) == (99, ())


def test_a_run_that_reports_no_usage_has_none() -> None:
    names = ("input_tokens", "output_tokens", "total_tokens", "charged_credits", "llm_retries", "llm_call_timing")
    record = parsed(**dict.fromkeys(names))
    assert record.usage is None
    assert Part.USAGE in record.parts


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([], []),
        (None, []),
        (MISSING, []),
        (["a.png", "b.md"], ["a.png", "b.md"]),
        ([{"file_name": "a.png"}, {"name": "b.md"}], ["a.png", "b.md"]),
        ("a.png", []),
        ([None, 3, "", {}, {"name": ""}, {"url": "https://x/y"}, "kept"], ["kept"]),
    ],
)
def test_files_as_objects_or_names(files: object, names: Sequence[str]) -> None:
    record = parsed(files=files)
    assert record.files is not None
    assert [file.name for file in record.files] == [file.path for file in record.files] == list(names)


def test_other_keys_of_a_file() -> None:
    other = {
        "file_name": "o.md",
        "mime_type": "text/markdown",
        "download_url": "https://f.example/o?sig=d",
        "size": "9",
    }
    assert parsed(files=[other]).files == (
        RunFile(
            name="o.md",
            path="o.md",
            content_type="text/markdown",
            size_bytes=9,
            download_url="https://f.example/o?sig=d",
        ),
    )


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x.example/y", 7])
def test_a_download_url_that_is_none(url: object) -> None:
    record = parsed(files=[{"name": "a", "url": url}])
    assert record.files == (RunFile(name="a", path="a"),)
    assert [warning.path for warning in record.warnings] == ["files[0].url"]


def test_older_documents_name_their_files_under_run_data() -> None:
    record = parsed("old_shape")
    assert record.files == (RunFile(name="4f1c.png", path="4f1c.png"), RunFile(name="4f1d.png", path="4f1d.png"))
    assert record.preprocessed_inputs == {"image_preprocessed": "front page"}
    both = parsed("old_shape", files=[{"name": "4f1d.png", "size": 3}])
    assert [(file.name, file.size_bytes) for file in both.files or ()] == [("4f1d.png", 3), ("4f1c.png", None)]


@pytest.mark.parametrize("run_data", [None, MISSING, [], "x", {}])
def test_run_data_of_any_type(run_data: object) -> None:
    record = parsed(run_data=run_data)
    assert (record.input, record.preprocessed_inputs) == (None, None)


@pytest.mark.parametrize("change", [{"id": MISSING}, {"id": None}, {"id": 5}, {"task_id": MISSING}, {"task_id": ""}])
def test_a_row_without_its_ids_is_a_bad_response(change: dict[str, Any]) -> None:
    with pytest.raises(BadResponse, match=f"at {next(iter(change))}"):
        parsed(**change)


def test_the_task_asked_for_stands_in_for_a_missing_one() -> None:
    record = parse_run(document(task_id=MISSING), provider="rb", task_id=TASK)
    assert (record.task_id, record.native_id.partition("/")[0]) == (TASK, TASK)


DOCUMENTS = [document(name) for name in ("succeeded_with_fallback", "failed", "text_response_and_files", "old_shape")]


@STABLE
@given(st.data())
def test_parsing_is_total(data: st.DataObject) -> None:
    changed = data.draw(mutated(data.draw(st.sampled_from(DOCUMENTS))))
    try:
        record = parse_run(changed, provider="rb", task_id=None)
    except AdapterError:
        return
    assert faults(record, RightbrainAdapter, "rb") == []

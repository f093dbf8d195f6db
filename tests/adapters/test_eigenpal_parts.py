"""The parts of Eigenpal's runs, and that no document breaks the reading of them."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.eigenpal import EigenpalAdapter, EigenpalRecord
from adapters.eigenpal.parse import CALLED, parse_run, with_called
from adapters.errors import BadResponse, ErrorCode
from adapters.model import (
    Json,
    Part,
    RunError,
    WarningCode,
)
from adapters.status import StepStatus
from adapters.testing.mutations import json_values, mutated
from adapters.testing.validity import faults
from tests.support import tries

from .eigenpal import AGENT, REMOVED, RUNNING, STEPS, WORKFLOW, as_received, but, parsed

DOCUMENT = but(
    AGENT,
    execution__files={"output": []},
    execution__review={"verdict": "correct", "status": "closed", "hasNote": False, "correctionCount": 0},
    execution__humanReview={"taskId": "t", "requiredCount": 1},
    execution__steps=STEPS,
    eval={"example": "e", "score": 0.2, "passed": False},
    input={"args": {}, "files": [{"name": "a"}], "metadata": None},
    usage={"tokens": {"input": 1, "output": 2}, "creditsCharged": 0.1, "durationMs": 7, "agentTurns": 1},
    debug={"observability": {}, "traceId": "t"},
)
FULL = as_received(DOCUMENT)
REPLIES: dict[str, Any] = {
    "steps": STEPS,
    "artifacts": WORKFLOW["files"],
    "events": [{"type": "a", "timestamp": "2026-04-11T08:00:00Z", "metadata": {}}],
    "scores": [{}],
}
"""A reply of each endpoint below a run, in one."""


def codes(record: EigenpalRecord) -> list[tuple[WarningCode, str | None]]:
    return [(warning.code, warning.path) for warning in record.warnings]


class TestSections:
    def test_core_holds_what_comes_with_every_run(self) -> None:
        assert parsed().parts == {Part.ERROR, Part.OUTPUT, Part.FILES}
        assert parsed(RUNNING).parts == {Part.ERROR, Part.OUTPUT}
        assert parsed(row=True, output=REMOVED, files=REMOVED).parts == {Part.ERROR}

    def test_ended_without_output_and_files(self) -> None:
        record = parsed(output=REMOVED, files=REMOVED)
        assert (record.output, record.files, record.parts) == (None, (), {Part.ERROR, Part.OUTPUT, Part.FILES})

    def test_input_is_the_whole_section(self) -> None:
        section = {"args": {"claim": "C-88"}, "files": [{"name": "claim.pdf"}], "metadata": {"a": 1}}
        record = parsed(input=section)
        assert (record.input, record.metadata) == (section, None)

    def test_expanded_though_nobody_asked(self) -> None:
        record = parsed(execution__steps=STEPS)
        assert record.parts == {Part.ERROR, Part.OUTPUT, Part.FILES, Part.STEPS, Part.DETAILS}
        assert record.details == but(WORKFLOW, execution__steps=STEPS)["execution"]

    def test_a_workflow_without_steps_in_its_expansion_lacks_them(self) -> None:
        for steps in (REMOVED, None, "none"):
            document = but(WORKFLOW, execution__steps=STEPS)
            record = parsed(but(document, execution__steps=steps), Part.STEPS)
            assert Part.STEPS not in record.parts
            assert record.steps is None
        assert parsed(but(WORKFLOW, execution__steps=[]), Part.STEPS).steps == ()

    def test_an_agent_has_no_steps(self) -> None:
        assert parsed(AGENT, Part.STEPS).steps == ()
        assert Part.STEPS not in parsed(AGENT).parts

    def test_steps_of_a_run_of_an_unknown_kind_are_unknown(self) -> None:
        record = parsed(but(WORKFLOW, type="pipeline"), Part.STEPS)
        assert Part.STEPS in record.parts
        assert record.steps is None

    def test_file_paths_are_kept_as_they_are(self) -> None:
        paths = ["output/a folder/report 1.pdf", "output/../secret.txt", "output/日本語 #1?.json"]
        files = parsed(files=[{"path": path, "size": None} for path in paths] + [{"role": "debug"}]).files
        assert files is not None
        assert [file.path for file in files] == paths
        assert [file.name for file in files] == ["report 1.pdf", "secret.txt", "日本語 #1?.json"]
        assert all(file.download_url is None and file.size_bytes is None for file in files)


class TestSteps:
    def test_keys_of_other_releases(self) -> None:
        rows = [
            {"stepExecutionId": "s1", "stepName": "outer", "status": "completed"},
            {"id": "s2", "name": "inner", "status": "resting", "durationMs": Decimal("12.5")},
            {
                "name": "nameless",
                "timing": {"startedAt": "2026-04-11T08:00:01Z", "completedAt": "2026-04-11T08:00:02Z"},
            },
            {"id": "s1", "name": "again"},
            "not a step",
        ]
        record = parsed(execution__steps=rows)
        assert record.steps is not None
        assert [(step.id, step.name, step.duration_ms) for step in record.steps] == [
            ("s1", "outer", None),
            ("s2", "inner", 12.5),
            ("#3", "nameless", 1000),
        ]
        assert [(step.status, step.raw_status) for step in record.steps] == [
            (StepStatus.SUCCEEDED, "completed"),
            (StepStatus.UNKNOWN, "resting"),
            (StepStatus.UNKNOWN, None),
        ]
        assert codes(record) == [
            (WarningCode.STATUS_UNKNOWN, "execution.steps[1].status"),
            (WarningCode.INCONSISTENT, "execution.steps[3].id"),
            (WarningCode.VALUE_UNREADABLE, "execution.steps[4]"),
        ]

    def test_in_their_own_order(self) -> None:
        steps = parsed(execution__steps=STEPS[::-1]).steps
        assert steps is not None
        assert [step.id for step in steps] == ["s1", "s2"]
        unordered = [{"id": "b", "order": 2}, {"id": "a"}]
        kept = parsed(execution__steps=unordered).steps
        assert kept is not None
        assert [step.id for step in kept] == ["b", "a"]

    def test_step_error(self) -> None:
        steps = parsed(execution__steps=[*STEPS, {"id": "s3", "error": {"message": "m"}}, {"id": "s4"}]).steps
        assert steps is not None
        assert [step.error for step in steps] == [
            None,
            RunError(code=ErrorCode.UNKNOWN, message="no document", step_name="parse"),
            RunError(code=ErrorCode.UNKNOWN, message="m"),
            None,
        ]


@tries(120)
@given(mutated(FULL) | json_values, st.frozensets(st.sampled_from(Part)), st.booleans())
def test_any_document_is_a_valid_record_or_a_bad_response(body: Json, asked: frozenset[Part], row: bool) -> None:
    try:
        record = parse_run(body, provider="eigenpal", asked=asked, row=row)
    except BadResponse:
        return
    assert faults(record, EigenpalAdapter, "eigenpal") == []


@tries(80)
@given(
    st.sampled_from(sorted(CALLED, key=lambda part: part.value)),
    mutated(REPLIES) | json_values,
)
def test_any_reply_for_a_part_is_a_valid_record_or_a_bad_response(part: Part, body: Json) -> None:
    try:
        record = with_called(parsed(RUNNING), part, body)
    except BadResponse:
        return
    assert part in record.parts
    assert faults(record, EigenpalAdapter, "eigenpal") == []

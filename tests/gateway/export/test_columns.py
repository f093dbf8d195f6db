"""Columns: the fields of runs in the schema."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from adapters.eigenpal import EigenpalRecord
from adapters.errors import ErrorCode, Unavailable
from adapters.model import (
    Actor,
    Credits,
    Debug,
    ModelUsage,
    Part,
    RunError,
    RunEvent,
    RunRecord,
    RunTarget,
    Step,
    Usage,
)
from gateway.errors import RequestError
from gateway.export.columns import DEFAULT, Column, Columns, Type, parts_of
from gateway.schema import run_type_names
from tests.gateway.fake import ALL_PARTS, record

from .exporting import SCHEMA

COLUMNS = Columns(SCHEMA)
RUN = record(
    "1",
    ALL_PARTS,
    created_at=datetime(2026, 3, 2, tzinfo=UTC),
    target=RunTarget(id="t", name="T"),
    initiator=Actor(id="u"),
    error=RunError(code=ErrorCode.TIMEOUT, message="late"),
    tags=("a", "b"),
    usage=Usage(input_tokens=5, credits=Credits(Decimal("0.10"), "fake"), models=(ModelUsage(model="m"),)),
    steps=(Step(id="s", started_at=datetime(2026, 3, 2, tzinfo=UTC)),),
    debug=Debug(trace_id="trace"),
    events=(RunEvent(type="made"),),
    output={"a": [Decimal("1.50")]},
)


def cell(run: object, name: str, type_name: str = "OtherRun") -> object:
    (column,) = COLUMNS.chosen([name])
    return column.cell(run, type_name)  # type: ignore[arg-type]


def test_the_default_columns_exist_and_name_nobody() -> None:
    assert [column.name for column in COLUMNS.chosen(DEFAULT)] == list(DEFAULT)
    assert not {"initiator.email", "initiator.name", "input", "output"} & set(DEFAULT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "fake:1"),
        ("provider", "fake"),
        ("status", "SUCCEEDED"),
        ("createdAt", datetime(2026, 3, 2, tzinfo=UTC)),
        ("startedAt", None),
        ("target.name", "T"),
        ("error.code", "TIMEOUT"),
        ("tags", ["a", "b"]),
        ("usage.inputTokens", 5),
        ("usage.outputTokens", None),
        ("usage.tokenAccounting", "UNKNOWN"),
        ("usage.cost.amount", None),
        ("usage.credits.amount", Decimal("0.10")),
        ("debug.traceId", "trace"),
        ("output", {"a": [Decimal("1.50")]}),
        ("metadata", None),
        ("usageDurationMs", None),
    ],
)
def test_cells_are_what_the_schema_says(name: str, value: object) -> None:
    assert cell(RUN, name) == value


def test_lists_of_objects_are_json_with_the_names_of_the_schema() -> None:
    assert cell(RUN, "usage.models") == [
        {"provider": None, "model": "m", "inputTokens": None, "outputTokens": None, "cacheReadInputTokens": None}
    ]
    (step,) = cell(RUN, "steps")  # type: ignore[misc]
    assert (step["startedAt"], step["status"], step["error"]) == ("2026-03-02T00:00:00Z", "UNKNOWN", None)
    (event,) = cell(RUN, "debug.events")  # type: ignore[misc]
    assert event["type"] == "made"


def test_every_column_can_be_read_of_every_type_of_run() -> None:
    names = run_type_names()
    columns = COLUMNS.chosen(COLUMNS.names)
    for type_ in (RunRecord, EigenpalRecord):
        run = record("1", ALL_PARTS, of=type_)
        cells = {column.name: column.cell(run, names[type_]) for column in columns}
        assert cells["id"] == "fake:1"
        assert cells["usage.totalTokens"] is None


def test_types_are_those_of_the_schema() -> None:
    types = {
        "id": Type.TEXT,
        "status": Type.TEXT,
        "isTerminal": Type.BOOLEAN,
        "createdAt": Type.TIME,
        "durationMs": Type.NUMBER,
        "tags": Type.JSON,
        "usage.totalTokens": Type.INTEGER,
        "usage.cost.amount": Type.DECIMAL,
        "eval.score": Type.NUMBER,
        "output": Type.JSON,
    }
    assert {column.name: column.type for column in COLUMNS.chosen(list(types))} == types


def test_a_column_needs_the_part_it_is_in_and_no_other() -> None:
    def needed(*names: str, of: str = "OtherRun") -> frozenset[Part]:
        return parts_of(COLUMNS.chosen(names), of)

    assert needed("id", "status", "target.name", "tags") == frozenset()
    assert needed("usage.totalTokens", "usage.credits.amount") == {Part.USAGE}
    assert needed("error.code") == {Part.ERROR}
    assert needed("debug.events") == {Part.EVENTS}
    assert needed("execution") == frozenset()
    assert needed("execution", of="EigenpalRun") == {Part.DETAILS}


def test_a_part_that_failed_is_an_empty_cell() -> None:
    error = Unavailable(provider="fake")
    run = replace(RUN, part_errors={Part.USAGE: error, Part.DEBUG: error}, usage=None, debug=None)
    assert cell(run, "usage.totalTokens") is None
    assert cell(run, "debug.traceId") is None
    assert cell(run, "status") == "SUCCEEDED"


def test_another_error_is_no_empty_cell() -> None:
    def broken(_: object) -> object:
        raise KeyError

    with pytest.raises(KeyError):
        Column("x", Type.TEXT, {"OtherRun": broken}).cell(RUN, "OtherRun")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("totalTokens", "did you mean usage.totalTokens?"),
        ("usage.totaltokens", "did you mean usage.totalTokens, "),
        ("createdat", "did you mean createdAt, "),
        ("target", "did you mean target.id, target.name, "),
        ("provider.name", "did you mean provider, "),
        ("x" * 500, "columns are named as the fields of Run in the schema"),
    ],
)
def test_near_matches_of_an_unknown_column_are_told(name: str, hint: str) -> None:
    with pytest.raises(RequestError) as refused:
        COLUMNS.chosen(["id", name])
    assert str(refused.value).startswith(f'columns: there is no column "{name[:64]}"; {hint}')


def test_a_schema_that_is_kept_secret_is_not_told() -> None:
    with pytest.raises(RequestError) as refused:
        Columns(SCHEMA, suggestions=False).chosen(["totalTokens"])
    assert "usage" not in str(refused.value)


def test_a_column_comes_once() -> None:
    with pytest.raises(RequestError, match='"id" is named twice'):
        COLUMNS.chosen(["id", "status", "id"])

"""Shapes: what fits is read as it would be field by field, and what does not fit is read field by field."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Optional, cast, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType

from adapters.eigenpal import documents
from adapters.errors import BadResponse
from adapters.model import Json, WarningCode
from adapters.shapes import (
    Amount,
    Count,
    Count32,
    Finished,
    Instant,
    Integer32,
    Number,
    RequiredText,
    SignedNumber,
    read,
    read_rows,
)
from adapters.testing.mutations import WRONG_TYPES, json_values
from adapters.wire import Fields
from tests.support import tries

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPOILER = "spoiler"
"""A boolean that each shape has: with a number in its place an object fits no shape."""


class Leaf(Finished, frozen=True, kw_only=True, rename="camel"):
    spoiler: bool | None = None
    ended_at: Instant | None = None
    cost: Amount | None = None


class Node(Finished, frozen=True, kw_only=True, rename="camel"):
    id: RequiredText
    spoiler: bool | None = None
    name: str | None = None
    passed: bool | None = None
    size: Count | None = None
    turns: Count32 | None = None
    order: Integer32 | None = None
    duration_ms: Number | None = None
    score: SignedNumber | None = None
    cost: Amount | None = None
    started_at: Instant | None = None
    tags: tuple[str, ...] | None = None
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] | None = ()
    anything: Any = UNSET
    note: str | UnsetType | None = UNSET


def of(**document: Json) -> Fields:
    return Fields.of({"id": "n", **document}, provider="acme", path="run")


def warned(fields: Fields) -> list[tuple[WarningCode, str | None]]:
    return [(warning.code, warning.path) for warning in fields.warnings]


_times = st.sampled_from(
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:00.1234567Z",
        "2026-03-02t12:00:00z",
        "2026-03-02T14:00:00+02:00",
        "2026-03-02 12:00",
        "2026-03-02",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00+14:00",
        " 2026-03-02T12:00:00Z ",
        "",
        1772452800,
    ]
)
_numbers = st.sampled_from(
    [0, -1, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, 10**30, 10**31, 10**400, True, "12", "1_0", "NaN", ""]
) | st.sampled_from(
    [Decimal(text) for text in ("12.0", "-0.0", "1.5", "1E-40", "-1E-400", "0E+40", "1E+31", "1E+999999", "9" * 31)]
)
_texts = st.sampled_from(["", "x", "\ud800", 7, Decimal("1.50"), True, None])

KINDS: Mapping[Any, st.SearchStrategy[Json]] = {
    str: _texts,
    bool: st.booleans(),
    Count: _numbers,
    Count32: _numbers,
    Integer32: _numbers,
    Number: _numbers,
    SignedNumber: _numbers,
    Amount: _numbers,
    Instant: _times,
    tuple[str, ...]: st.lists(_texts, max_size=3),
    Any: json_values,
}
"""What a shape's fields may be declared as, and values that fit, or nearly."""


@st.composite
def shape_and_document(draw: st.DrawFn, depth: int = 0) -> tuple[type[Struct], dict[str, Json]]:
    """Any shape, and a document whose fields mostly fit it."""
    fields: list[tuple[str, Any, Any]] = [(SPOILER, bool | None, None)]
    document: dict[str, Json] = {}
    for number in range(draw(st.integers(1, 4))):
        name, key = f"field_{number}", f"field{number}"
        form = draw(st.sampled_from(["plain", "plain", "plain", "object", "list"])) if depth < 1 else "plain"
        if form == "plain":
            kind = draw(st.sampled_from(list(KINDS)))
            value = draw(KINDS[kind] | st.none() | json_values)
        else:
            inner, value = draw(shape_and_document(depth=depth + 1))
            kind = inner if form == "object" else tuple[inner, ...]
            value = draw(st.sampled_from([value, None, 7])) if form == "object" else [value, value]
        default = draw(st.sampled_from([None, UNSET])) if kind is Any else None
        fields.append((name, kind if kind is Any else Optional[kind], default))  # noqa: UP045 - made at run time
        if draw(st.integers(0, 5)):
            document[key] = value
    made = msgspec.defstruct("Made", fields, bases=(Finished,), frozen=True, kw_only=True, rename="camel")
    return made, document


def spoilt(document: Json, shape: type[Struct]) -> Any:
    """The document with something unreadable in each object that is read as a shape."""
    if isinstance(document, list):
        return [spoilt(item, shape) for item in cast("list[Json]", document)]
    if not isinstance(document, dict):
        return document
    result: dict[str, Any] = {**document, SPOILER: 7}
    for field in msgspec.structs.fields(shape):
        inner = _shape_in(field.type)
        if inner is not None and field.encode_name in result:
            result[field.encode_name] = spoilt(result[field.encode_name], inner)
    return result


def _shape_in(kind: Any) -> type[Struct] | None:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    return next((found for found in map(_shape_in, get_args(kind)) if found is not None), None)


@tries(200)
@given(shape_and_document())
def test_what_fits_is_read_the_same_field_by_field(made: tuple[type[Struct], dict[str, Json]]) -> None:
    shape, document = made
    fields, slowly = (Fields.of(body, provider="acme") for body in (document, spoilt(document, shape)))
    # Times, numbers and their types show as well, as they need not when compared.
    assert repr(read(fields, shape)) == repr(read(slowly, shape))
    others = [warning for warning in slowly.warnings if not (warning.path or "").endswith(SPOILER)]
    assert others == fields.warnings
    assert others != slowly.warnings


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"name": 12, "passed": True}, {"name": "12", "passed": True}),
        ({"size": "12", "turns": Decimal("3.0"), "order": "-1"}, {"size": 12, "turns": 3, "order": -1}),
        ({"durationMs": "1.5", "score": "-0.5"}, {"duration_ms": 1.5, "score": -0.5}),
        ({"cost": 3}, {"cost": Decimal(3)}),
        ({"cost": " +1.00 "}, {"cost": Decimal("1.00")}),
        ({"cost": "", "startedAt": "", "size": ""}, {"cost": None, "started_at": None, "size": None}),
        ({"startedAt": 1772452800}, {"started_at": NOON}),
        ({"startedAt": "2026-03-02T14:00:00+02:00"}, {"started_at": NOON}),
        ({"startedAt": "2026-03-02T12:00:00"}, {"started_at": NOON}),
        ({"leaf": {"endedAt": 1772452800}}, {"leaf": Leaf(ended_at=NOON)}),
        ({"leaves": None, "tags": None}, {"leaves": None, "tags": None}),
        ({"anything": [1], "note": None}, {"anything": [1], "note": None}),
        ({}, {"leaves": (), "anything": UNSET, "note": UNSET, "size": None}),
    ],
)
def test_what_is_read(document: dict[str, Json], expected: dict[str, object]) -> None:
    fields = of(**document)
    node = read(fields, Node)
    assert {name: getattr(node, name) for name in expected} == expected
    assert not fields.warnings


def test_times_are_utc_and_cut_to_microseconds() -> None:
    for text in ("2026-03-02T14:00:00.1234567+02:00", "2026-03-02T12:00:00.123456999", "2026-03-02T12:00:00.123456Z"):
        moment = read(of(startedAt=text), Node).started_at
        assert moment is not None
        assert moment == NOON + timedelta(microseconds=123456)
        assert moment.tzinfo is UTC


def test_what_is_unreadable_is_left_out_with_a_warning_each() -> None:
    fields = of(
        name="kept",
        size=-1,
        turns=2**31,
        passed="yes",
        score=Decimal("1E+999999"),
        cost=10**31,
        startedAt="yesterday",
        tags=["a", 7],
        leaf={"endedAt": "9999-12-31T23:59:59-14:00", "cost": "1.0"},
        leaves=[{"cost": "free"}, None, {"cost": 2}],
        note=[],
    )
    assert read(fields, Node) == Node(
        id="n",
        name="kept",
        tags=("a",),
        leaf=Leaf(cost=Decimal("1.0")),
        leaves=(Leaf(), Leaf(cost=Decimal(2))),
        note=None,
    )
    places = ["size", "turns", "passed", "score", "cost", "startedAt", "tags"]
    places += ["leaf.endedAt", "leaves[0].cost", "leaves[1]", "note"]
    assert {path for _, path in warned(fields)} == {f"run.{place}" for place in places}
    assert {code for code, _ in warned(fields)} == {WarningCode.VALUE_UNREADABLE}


def test_lists_and_objects_that_are_none() -> None:
    fields = of(leaf=[], leaves={}, tags="x")
    assert read(fields, Node) == Node(id="n", leaf=None, leaves=(), tags=())
    assert {path for _, path in warned(fields)} == {"run.leaf", "run.leaves", "run.tags"}


@pytest.mark.parametrize("value", [None, "", 7, []])
def test_without_a_required_text_there_is_no_object(value: Json) -> None:
    with pytest.raises(BadResponse, match=r"at run\.id"):
        read(of(id=value), Node)
    with pytest.raises(BadResponse, match=r"got nothing at run\.id"):
        read(Fields.of({}, provider="acme", path="run"), Node)


def test_rows_keep_their_positions() -> None:
    fields = of(rows=[{"cost": 1}, "x", {"cost": "x"}])
    assert list(read_rows(fields, "rows", Leaf)) == [(0, Leaf(cost=Decimal(1))), (2, Leaf())]
    assert [path for _, path in warned(fields)] == ["run.rows[1]", "run.rows[2].cost"]


def test_a_type_that_no_document_is_read_as_is_refused() -> None:
    class Odd(Struct, frozen=True):
        sizes: dict[str, int] | None = None

    with pytest.raises(TypeError, match="documents are not read as"):
        read(of(sizes="x"), Odd)


SHAPES = [value for value in vars(documents).values() if isinstance(value, type) and issubclass(value, Struct)]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_the_shapes_of_an_adapter_take_any_value(shape: type[Struct]) -> None:
    for field in msgspec.structs.fields(shape):
        for value in (*WRONG_TYPES, {"id": 7}, [{"id": 7}]):
            fields = Fields.of({"id": "x", field.encode_name: value}, provider="acme")
            try:
                read(fields, shape)
            except BadResponse:
                assert field.required

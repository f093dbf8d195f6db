"""Readers of untrusted JSON: what they take, and that nothing but BadResponse ever comes out of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import codec
from adapters.errors import BadResponse
from adapters.model import Json, WarningCode
from adapters.status import RunStatus, StatusTable
from adapters.testing.mutations import STABLE, json_values
from adapters.testing.typecheck import check_of
from adapters.wire import INT32_MAX, INT64_MAX, MAX_WARNINGS, Fields, milliseconds_between, seconds_to_ms

NO_SCALARS: Sequence[Json] = [codec.loads(b"[]"), codec.loads(b"{}")]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def of(**document: Json) -> Fields:
    return Fields.of(document, provider="acme")


def warned(fields: Fields) -> list[tuple[WarningCode, str | None]]:
    return [(warning.code, warning.path) for warning in fields.warnings]


@pytest.mark.parametrize("value", [None, 7, "x", True, [{}], Decimal(1)])
def test_root_that_is_no_object(value: Json) -> None:
    with pytest.raises(BadResponse, match=r"^acme: expected an object at runs\[3\], got"):
        Fields.of(value, provider="acme", path="runs[3]")


def test_required_text() -> None:
    assert of(id="r").required_text("id") == "r"
    for value in (None, "", 7, True, *NO_SCALARS):
        with pytest.raises(BadResponse, match="at id"):
            of(id=value).required_text("id")
    with pytest.raises(BadResponse, match=r"got nothing at run\.id"):
        Fields.of({}, provider="acme", path="run").required_text("id")


def test_values_never_show_in_messages() -> None:
    fields = of(id="", size="secret-value", when="secret-value", flag="secret-value", child="secret-value")
    for read in (fields.count, fields.number, fields.decimal):
        assert read("size") is None
    assert (fields.instant("when"), fields.boolean("flag"), fields.child("child")) == (None, None, None)
    assert len(fields.warnings) == 6
    assert "secret-value" not in repr(fields.warnings)


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), ("", ""), (7, "7"), (Decimal("1.50"), "1.50"), (None, None), (True, None), ([], None), ({}, None)],
)
def test_text(value: Json, text: str | None) -> None:
    fields = of(version=value)
    assert fields.text("version") == text
    readable = value is None or text is not None
    assert warned(fields) == ([] if readable else [(WarningCode.VALUE_UNREADABLE, "version")])


@pytest.mark.parametrize("value", [0, 1, "true", "false", "", [], {}, Decimal(1)])
def test_boolean_takes_nothing_else(value: Json) -> None:
    fields = of(flag=value)
    assert fields.boolean("flag") is None
    assert warned(fields) == [(WarningCode.VALUE_UNREADABLE, "flag")]


def test_boolean() -> None:
    assert [of(flag=value).boolean("flag") for value in (True, False, None)] == [True, False, None]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, Decimal(0)),
        (-3, Decimal(-3)),
        (Decimal("0.10"), Decimal("0.10")),
        ("1.00", Decimal("1.00")),
        ("+1", Decimal(1)),
        (".5", Decimal("0.5")),
        ("0001.10", Decimal("1.10")),
        (" 7 ", Decimal(7)),
        ("1e3", Decimal("1E+3")),
        (2**70, Decimal(2**70)),
    ],
)
def test_decimal(value: Json, number: Decimal) -> None:
    read = of(cost=value).decimal("cost")
    assert read == number
    assert str(read) == str(number)


@pytest.mark.parametrize(
    "value",
    [
        *("abc", "NaN", "sNaN", "Infinity", "-inf", "1_000", "1,5", "0x10", "9" * 101, "1e999999", "\u0661x"),
        *(Decimal("1E+999999"), Decimal("1E-999999"), Decimal("NaN"), Decimal("Infinity"), 10**40, True),
        *NO_SCALARS,
    ],
    ids=lambda value: str(value)[:12],
)
def test_decimal_refuses(value: Json) -> None:
    fields = of(cost=value)
    assert fields.decimal("cost") is None
    assert warned(fields) == [(WarningCode.VALUE_UNREADABLE, "cost")]


@pytest.mark.parametrize("value", [None, ""])
def test_decimal_absent(value: Json) -> None:
    fields = of(cost=value)
    assert (fields.decimal("cost"), fields.decimal("other"), fields.warnings) == (None, None, [])


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0),
        (12, 12),
        (Decimal("12.0"), 12),
        ("12", 12),
        (INT64_MAX, INT64_MAX),
        (INT64_MAX + 1, None),
        (-1, None),
        (Decimal("1.5"), None),
        ("1.5", None),
        (True, None),
    ],
)
def test_count(value: Json, count: int | None) -> None:
    assert of(tokens=value).count("tokens") == count


def test_count_with_a_bound() -> None:
    assert of(retries=INT32_MAX).count("retries", INT32_MAX) == INT32_MAX
    assert of(retries=INT32_MAX + 1).count("retries", INT32_MAX) is None


@pytest.mark.parametrize(("value", "number"), [(-(2**31), -(2**31)), (2**31, None), ("-1", -1), (Decimal("0.5"), None)])
def test_integer(value: Json, number: int | None) -> None:
    assert of(exit_code=value).integer("exit_code") == number


@pytest.mark.parametrize(("value", "number"), [(Decimal("1.25"), 1.25), (7, 7.0), (-1, None), ("0", 0.0)])
def test_number(value: Json, number: float | None) -> None:
    assert of(ms=value).number("ms") == number


@pytest.mark.parametrize(
    ("value", "number"),
    [(-1, -1.0), ("-1.25", -1.25), (Decimal("1E-40"), 1e-40), (Decimal("1E+31"), None), (True, None), ("", None)],
)
def test_signed_number(value: Json, number: float | None) -> None:
    fields = of(score=value)
    assert fields.signed_number("score") == number
    assert len(fields.warnings) == (number is None and value != "")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:00+00:00",
        "2026-03-02T12:00:00.000Z",
        "2026-03-02T12:00:00.000000000Z",
        "2026-03-02T14:00:00+02:00",
        "2026-03-02T06:30:00-0530",
        "2026-03-02T12:00:00",
        "2026-03-02 12:00:00",
        " 2026-03-02T12:00:00Z ",
        "20260302T120000Z",
        "2026-03-02T12:00Z",
    ],
)
def test_instant_from_text(text: str) -> None:
    assert of(at=text).instant("at") == NOON
    assert (of(at=text).instant("at") or NOON.replace(tzinfo=None)).tzinfo is UTC


@pytest.mark.parametrize("value", [1772452800, Decimal("1772452800.0"), 1772452800000])
def test_instant_from_epoch(value: Json) -> None:
    assert of(at=value).instant("at") == NOON


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-03-02T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "12",
        10**400,
        -(10**15),
        Decimal("1E+999999"),
        Decimal("-Infinity"),
        True,
        [],
        {},
    ],
    ids=lambda value: str(value)[:25],
)
def test_instant_refuses(value: Json) -> None:
    fields = of(at=value)
    assert fields.instant("at") is None
    assert warned(fields) == [(WarningCode.VALUE_UNREADABLE, "at")]


@pytest.mark.parametrize("digits", range(10))
def test_instant_takes_any_precision(digits: int) -> None:
    fraction = f".{'123456789'[:digits]}" if digits else ""
    moment = of(at=f"2026-03-02T12:00:00{fraction}Z").instant("at")
    assert moment == NOON + timedelta(microseconds=int("123456"[:digits].ljust(6, "0")))


def test_lists_and_objects_below() -> None:
    fields = of(run={"steps": [{"id": "a"}, 7, None, {"id": "b"}], "tags": ["x", 1, "y"], "one": "x"})
    run = fields.child("run")
    assert run is not None
    assert [(step.required_text("id"), step.path) for step in run.children("steps")] == [
        ("a", "run.steps[0]"),
        ("b", "run.steps[3]"),
    ]
    assert run.texts("tags") == ("x", "y")
    assert (run.items("one"), run.items("none"), run.child("one")) == ((), (), None)
    paths = [warning.path for warning in fields.warnings]
    assert paths == ["run.steps[1]", "run.steps[2]", "run.tags", "run.one", "run.one"]


def test_warnings_are_bounded() -> None:
    fields = of(steps=[7] * 1000)
    assert list(fields.children("steps")) == []
    assert len(fields.warnings) == MAX_WARNINGS


def test_status() -> None:
    table = StatusTable("acme", {"done": RunStatus.SUCCEEDED}, RunStatus.UNKNOWN)
    fields = of(status="DONE", other="zz", number=7)
    assert fields.status("status", table) == ("DONE", RunStatus.SUCCEEDED)
    assert fields.warnings == []
    assert fields.status("other", table) == ("zz", RunStatus.UNKNOWN)
    assert fields.status("number", table) == (None, RunStatus.UNKNOWN)
    assert fields.status("absent", table) == (None, RunStatus.UNKNOWN)
    assert warned(fields) == [(WarningCode.STATUS_UNKNOWN, name) for name in ("other", "number", "absent")]


TABLE = StatusTable("acme", {"done": RunStatus.SUCCEEDED}, RunStatus.UNKNOWN)
READERS: Sequence[tuple[Callable[[Fields], object], Any]] = (
    (lambda fields: fields.text("x"), str | None),
    (lambda fields: fields.boolean("x"), bool | None),
    (lambda fields: fields.decimal("x"), Decimal | None),
    (lambda fields: fields.number("x"), float | None),
    (lambda fields: fields.signed_number("x"), float | None),
    (lambda fields: fields.count("x"), int | None),
    (lambda fields: fields.integer("x"), int | None),
    (lambda fields: fields.instant("x"), datetime | None),
    (lambda fields: fields.texts("x"), tuple[str, ...]),
    (lambda fields: tuple(fields.items("x")), tuple[object, ...]),
    (lambda fields: tuple(below.path for below in fields.children("x")), tuple[str, ...]),
    (lambda fields: fields.child("x") and "x", str | None),
    (lambda fields: fields.status("x", TABLE)[1], RunStatus),
)

ODD_TEXTS = st.from_regex(r"[-+ ]?[0-9]{1,30}([.,eE:_TZ-]{1,2}[0-9+-]{0,30}){0,6}")


@STABLE
@given(st.dictionaries(st.sampled_from("xyz"), json_values | ODD_TEXTS))
def test_readers_of_optional_values_never_raise(document: dict[str, Json]) -> None:
    for read, declared in READERS:
        fields = Fields.of(document, provider="acme")
        assert check_of(declared)(read(fields)) == ()
        assert all(warning.message and warning.path for warning in fields.warnings)


@STABLE
@given(json_values)
def test_only_bad_response_ever_comes_out(document: Json) -> None:
    try:
        Fields.of(document, provider="acme").required_text("id")
    except BadResponse as error:
        assert error.provider == "acme"  # noqa: PT017


def test_milliseconds_between() -> None:
    later = datetime(2026, 3, 2, 13, 0, 1, 500, tzinfo=timezone(timedelta(hours=1)))
    assert milliseconds_between(NOON, later) == 1000.5
    assert milliseconds_between(NOON, NOON) == 0
    assert milliseconds_between(later, NOON) is None
    assert milliseconds_between(None, NOON) is None
    assert milliseconds_between(NOON, None) is None


def test_seconds_to_ms() -> None:
    assert [seconds_to_ms(seconds) for seconds in (None, 0.0, 1.902, 0.00021)] == [None, 0.0, 1902.0, 0.21]

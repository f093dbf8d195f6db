"""Scalars: exact numbers, times in one form, JSON as it came."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NewType, TypeVar

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

from gateway.errors import RequestError
from gateway.execution.leaves import fast_form

BigInt = NewType("BigInt", int)
JSON = NewType("JSON", object)
T = TypeVar("T")

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON client reads exactly."""


@fast_form(f"{{v}} if type({{v}}) is int and {-MAX_SAFE_INTEGER} <= {{v}} <= {MAX_SAFE_INTEGER}")
def serialize_big_int(value: int) -> int | str:
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)


def parse_big_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected a whole number")
    return int(value)


@fast_form("{f}({v}) if type({v}) is datetime")
def serialize_datetime(value: datetime) -> str:
    """RFC 3339 in UTC, such as 2026-03-02T09:14:05.120Z: whole seconds, milliseconds or microseconds, as known."""
    return _utc_text(value if value.tzinfo is UTC else value.astimezone(UTC))


@lru_cache(maxsize=8192)
def _utc_text(utc: datetime) -> str:
    # orjson is several times as fast as isoformat(). It writes six digits after the second, or none where all are 0.
    text = orjson.dumps(utc, None, orjson.OPT_UTC_Z).decode()
    return f"{text[1:-5]}Z" if text.endswith('000Z"') and utc.microsecond else text[1:-1]


def parse_datetime(value: Any) -> datetime:
    """ISO 8601; without a zone it is UTC. Whole numbers are epoch milliseconds, as dashboards send them."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueError("the time is out of range") from None
    if not isinstance(value, str):
        raise ValueError("expected a time such as 2026-03-02T09:14:05Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("expected a time such as 2026-03-02T09:14:05Z") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


def parse_decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("expected a decimal number") from None


@fast_form("{f}({v}) if type({v}) is Decimal")
def serialize_decimal(value: Decimal) -> str:
    """Plain digits, without an exponent."""
    return format(value, "f")


@fast_form("{v} if type({v}) in JSON_CLASSES")
def unchanged(value: Any) -> Any:
    return value


def _of_clients(parse: Callable[[Any], T]) -> Callable[[Any], T]:
    """The same for what clients send: that it is wrong is their mistake, and not the gateway's."""

    def parse_value(value: Any) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise RequestError(str(error)) from None

    return parse_value


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits: a JSON number up to 2^53 - 1, a string of digits above.",
        serialize=serialize_big_int,
        parse_value=_of_clients(parse_big_int),
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, as the provider sent it.",
        specified_by_url="https://ecma-international.org/publications-and-standards/standards/ecma-404/",
        serialize=unchanged,
        parse_value=unchanged,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A time in UTC, RFC 3339. Input may have another zone, none (UTC), or be epoch milliseconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=serialize_datetime,
        parse_value=_of_clients(parse_datetime),
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, as a string.",
        serialize=serialize_decimal,
        parse_value=_of_clients(parse_decimal),
    ),
}

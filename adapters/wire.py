"""Readers for untrusted JSON.

`Fields` wraps one JSON object and its path. A reader of an optional value never raises: a value of the wrong type reads
as None (or empty) and adds a warning that names its path. Only `required_text` and `Fields.of` raise, `BadResponse`,
because without them there is no run to speak of.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from msgspec import Struct

from .errors import BadResponse
from .model import Json, RunWarning, WarningCode
from .status import S, StatusTable
from .text import clean

INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)
_MILLISECONDS_FROM = 10**11
"""Epoch figures from here on are milliseconds: as seconds this is the year 5138, as milliseconds 1973."""
_MOST_DIGITS = 30
"""Before the point or after it, of a number that may be meant."""
NUMBER_LIMIT = 10.0 ** (_MOST_DIGITS + 1)
MAX_WARNINGS = 50


class Fields(Struct, kw_only=True, eq=False):
    """One JSON object of a provider's answer, read field by field.

    `path` is where it stands in the answer ("" for the root). All `Fields` below one root share `warnings`.
    """

    value: Mapping[str, Json]
    provider: str
    path: str
    warnings: list[RunWarning]

    @classmethod
    def of(cls, value: Json, *, provider: str, path: str = "") -> "Fields":
        """The root of an answer; BadResponse where it is not a JSON object."""
        if not isinstance(value, dict):
            raise BadResponse(f"expected an object at {path or 'the root'}, got {_kind(value)}", provider=provider)
        return cls(value=cast("dict[str, Json]", value), provider=provider, path=path, warnings=[])

    def at(self, name: str) -> str:
        """The path of a field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def warn(self, code: WarningCode, message: str, name: str | None = None) -> None:
        """Add a warning about this object or one of its fields; beyond `MAX_WARNINGS` they are dropped."""
        if len(self.warnings) < MAX_WARNINGS:
            path = self.path if name is None else self.at(name)
            self.warnings.append(RunWarning(code, clean(message) or "", clean(path)))

    def unreadable(self, name: str, expected: str) -> None:
        """Warn that a field does not hold what it should."""
        self.warn(WarningCode.VALUE_UNREADABLE, f"expected {expected}, got {_kind(self.value.get(name))}", name)

    def bad(self, message: str, name: str | None = None) -> BadResponse:
        """The error for an answer that is no run at all, naming the path."""
        where = self.at(name) if name else self.path or "the root"
        return BadResponse(f"{message} at {where}", provider=self.provider)

    def has(self, name: str) -> bool:
        """Whether the key is there, whatever its value."""
        return name in self.value

    def json(self, name: str) -> Json:
        """The value as it is."""
        return self.value.get(name)

    def text(self, name: str) -> str | None:
        """A string. Numbers that stand for an id or a version are taken as their digits."""
        value = self.value.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return str(value)
        self.unreadable(name, "text")
        return None

    def required_text(self, name: str) -> str:
        """A non-empty string; BadResponse naming the path where it is missing."""
        value = self.value.get(name)
        if isinstance(value, str) and value:
            return value
        raise self.bad(f"expected text, got {_kind(value) if self.has(name) else 'nothing'}", name)

    def boolean(self, name: str) -> bool | None:
        value = self.value.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.unreadable(name, "true or false")
        return None

    def status(self, name: str, table: StatusTable[S]) -> tuple[str | None, S]:
        """The provider's status word, None where there is none, and what it means; UNKNOWN comes with a warning."""
        word = self.value.get(name)
        if not isinstance(word, str):
            self.warn(WarningCode.STATUS_UNKNOWN, "there is no readable status", name)
            return None, table.unknown
        status = table.read(word)
        if status is table.unknown:
            self.warn(WarningCode.STATUS_UNKNOWN, "the provider does not document this status", name)
        return word, status

    def decimal(self, name: str) -> Decimal | None:
        """A finite number, from a number or from text such as "1.00" or "+1"; an empty text is None."""
        value = self.value.get(name)
        if value is None or value == "":
            return None
        number = read_decimal(value)
        if number is None:
            self.unreadable(name, "a number")
        return number

    def signed_number(self, name: str) -> float | None:
        """A finite number of either sign."""
        value = self.value.get(name)
        if value is None or value == "":
            return None
        number = _to_decimal(value)
        if number is None or not number.is_finite() or (number and number.adjusted() > _MOST_DIGITS):
            self.unreadable(name, "a number")
            return None
        return float(number)

    def number(self, name: str) -> float | None:
        """A finite number that is not negative, for durations."""
        number = self.signed_number(name)
        if number is not None and number < 0:
            self.warn(WarningCode.VALUE_UNREADABLE, "expected a number that is not negative", name)
            return None
        return number

    def count(self, name: str, most: int = INT64_MAX) -> int | None:
        """A whole number from 0 to `most`; 12.0 and "12" are 12."""
        value = self.value.get(name)
        if type(value) is int and 0 <= value <= most:
            return value
        exact = self.decimal(name)
        if exact is None:
            return None
        if exact != exact.to_integral_value() or not 0 <= exact <= most:
            self.warn(WarningCode.VALUE_UNREADABLE, f"expected a whole number from 0 to {most}", name)
            return None
        return int(exact)

    def integer(self, name: str) -> int | None:
        """A whole number of 32 bits, negative or not."""
        exact = self.decimal(name)
        if exact is None:
            return None
        if exact != exact.to_integral_value() or not INT32_MIN <= exact <= INT32_MAX:
            self.warn(WarningCode.VALUE_UNREADABLE, "expected a whole number of 32 bits", name)
            return None
        return int(exact)

    def instant(self, name: str) -> datetime | None:
        """A time as aware UTC: ISO 8601 with or without a zone (none is UTC), or epoch seconds or milliseconds."""
        value = self.value.get(name)
        if value is None or value == "":
            return None
        moment: datetime | None = None
        if isinstance(value, str):
            moment = _parse_instant(value)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            moment = _from_epoch(value)
        if moment is None:
            self.unreadable(name, "a time")
        return moment

    def child(self, name: str) -> "Fields | None":
        """An object below this one."""
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.unreadable(name, "an object")
            return None
        return self._below(cast("dict[str, Json]", value), name)

    def children(self, name: str) -> Iterator["Fields"]:
        """The objects of a list below this one; anything else in the list is skipped with a warning."""
        for position in range(len(self.items(name))):
            below = self.item(name, position)
            if below is not None:
                yield below

    def item(self, name: str, position: int) -> "Fields | None":
        """The object at a position of a list below this one; None, with a warning, where there is something else."""
        value = self.items(name)[position]
        place = f"{name}[{position}]"
        if isinstance(value, dict):
            return self._below(cast("dict[str, Json]", value), place)
        self.warn(WarningCode.VALUE_UNREADABLE, f"expected an object, got {_kind(value)}", place)
        return None

    def items(self, name: str) -> Sequence[Json]:
        """The values of a list below this one; empty where there is none."""
        value = self.value.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.unreadable(name, "a list")
            return ()
        return cast("list[Json]", value)

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of a list below this one."""
        values = self.items(name)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            self.unreadable(name, "a list of texts")
        return texts

    def _below(self, value: dict[str, Json], name: str) -> "Fields":
        return Fields(value=value, provider=self.provider, path=self.at(name), warnings=self.warnings)


def milliseconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Milliseconds from start to end; None where one is missing or they are the wrong way round."""
    if start is None or end is None or end < start:
        return None
    return (end - start) / timedelta(milliseconds=1)


def seconds_to_ms(seconds: float | None) -> float | None:
    """Milliseconds of a number of seconds, without the noise of binary fractions below a nanosecond."""
    return None if seconds is None else round(seconds * 1000, 6)


def read_decimal(value: Json) -> Decimal | None:
    """A number or a text as a finite number; None where it is none, or so large or small that nobody means it."""
    number = _to_decimal(value)
    return None if number is None or not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS else number


def in_utc(moment: datetime) -> datetime:
    """The same time in UTC; without a zone it is UTC already. ValueError where no calendar reaches it."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None


def _to_decimal(value: Json) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        if len(value) > 100 or "_" in value:
            return None
        value = value.strip()
    elif isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _parse_instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo is UTC else in_utc(moment)
    except ValueError:
        return None


def _from_epoch(value: int | Decimal) -> datetime | None:
    try:
        seconds = float(value)
        if abs(seconds) >= _MILLISECONDS_FROM:
            seconds /= 1000
        if not math.isfinite(seconds):
            return None
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _kind(value: Any) -> str:
    """The JSON name of a value's type: the value itself may be private and stays out of messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "text" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "an object"

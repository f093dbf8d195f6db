"""Run records made up by a seeded random number generator: sound ones, ones with nulls, and broken ones."""

import types
import typing
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any

from adapters import errors
from adapters.errors import AdapterError, RateLimited, Unavailable
from adapters.model import Money, Part, RunRecord, Step
from adapters.status import RunStatus, StepStatus


class Later:
    """An awaitable that can be awaited any number of times."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __await__(self) -> Generator[None, None, object]:
        yield
        return self.value


class Failing:
    """An object that can't be read."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


JSON_VALUES: tuple[object, ...] = (
    "text",
    7,
    True,
    Decimal("0.10"),
    [],
    {"a": [1, {"b": None}]},
    "\ud800",
    2**70,
)

BROKEN: tuple[object, ...] = (
    None,
    5,
    -(2**31) - 1,
    2**31,
    2**53,
    2**70,
    -0.0,
    1.5,
    3.0,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "text",
    "SUCCEEDED",
    "12",
    b"bytes",
    True,
    Decimal("1.50"),
    Decimal("NaN"),
    Decimal("1E+3"),
    datetime(2026, 3, 2, 9, 14, 5),  # noqa: DTZ001 - a time without a zone is what is broken
    datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
    RunStatus.FAILED,
    StepStatus.SKIPPED,
    Part.USAGE,
    [],
    ["a", None, 3],
    ("a", Money(Decimal(1), "EUR"), None),
    {},
    {"code": 1},
    {"a", "b"},
    iter(()),
    object,
    Money(Decimal("1"), "EUR"),
    Step(id="s"),
    Failing(),
    Later("text"),
    Later(None),
    Later(RunStatus.RUNNING),
    [Later("a"), "b"],
    ValueError("a value that is an exception"),
    RateLimited(provider="fake"),
    Unavailable("down", provider="fake"),
)

_TIMES = (
    datetime(2026, 3, 2, 9, 14, 5, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 14, 5, 120_000, tzinfo=UTC),
    datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 14, 5, 999_999, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
)

_SCALARS: Mapping[object, tuple[object, ...]] = {
    str: ("", "text", "with \u00e9 \u2028 and \U0001f600", "run/1 2"),
    int: (0, 1, 2**31 - 1, 88),
    float: (0.0, 0.25, 59120.0, 12),
    bool: (True, False),
    Decimal: (Decimal("0.0123"), Decimal("1E+3"), Decimal(0)),
    datetime: _TIMES,
    object: JSON_VALUES,
}

SOUND: tuple[object, ...] = tuple(value for values in _SCALARS.values() for value in values)


class Records:
    """Makes records. `nulls` and `broken` are the chances that a value is null, where it may be, or broken."""

    def __init__(self, random: Random, *, nulls: float, broken: float) -> None:
        self._random = random
        self._nulls = nulls
        self._broken = broken

    def record(self, class_: type[RunRecord]) -> RunRecord:
        """A record of the class; some of its parts may have failed."""
        values = self._values(class_)
        failed = [part for part in Part if self._random.random() < self._broken * 2]
        part_errors: dict[Part, AdapterError] = {part: Unavailable(part.value, provider="fake") for part in failed}
        given: dict[str, Any] = {"provider": "fake", "native_id": self._native_id(), "part_errors": part_errors}
        return class_(**values | given)

    def _native_id(self) -> Any:
        if self._random.random() < self._broken:
            return self._random.choice(BROKEN)
        return self._random.choice(["1", "run/1", "a b", "\u00e9"])

    def _values(self, class_: type[Any]) -> dict[str, Any]:
        hints = typing.get_type_hints(class_, dict(vars(errors)))
        return {
            name: self._broken_or(self._value, hints[name])
            for name in class_.__struct_fields__
            if name != "part_errors"
        }

    def _broken_or(self, make: Callable[[Any], Any], hint: Any) -> Any:
        return self._random.choice(BROKEN) if self._random.random() < self._broken else make(hint)

    def _value(self, hint: Any) -> Any:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            if type(None) in arguments and self._random.random() < self._nulls:
                return None
            return self._value(next(argument for argument in arguments if argument is not type(None)))
        if origin is tuple:
            return tuple(self._broken_or(self._value, arguments[0]) for _ in range(self._random.randint(0, 3)))
        if origin is frozenset:
            return frozenset(Part)
        if origin is not None:
            return {"run": self._random.choice(JSON_VALUES)}
        if hint is object and self._random.random() < self._nulls:
            return None
        if hint in _SCALARS:
            return self._random.choice(_SCALARS[hint])
        if issubclass(hint, Enum):
            return self._random.choice(list(hint))
        return hint(**self._values(hint))

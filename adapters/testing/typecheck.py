"""Whether values are what the annotations of their class say.

Annotations are compiled once into functions: the suite checks tens of thousands of records.
"""

import math
import types
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from msgspec import Struct

from adapters import errors

_NAMES_ONLY_TYPE_CHECKERS_SEE = {"ErrorCode": errors.ErrorCode, "AdapterError": errors.AdapterError}

Faults = tuple[str, ...]
Check = Callable[[Any], Faults]
"""Gives what is wrong with a value, each with the path from that value; empty where it is right."""
_OF_JSON = (bool, int, type(None))


@cache
def check_of(declared: Any) -> Check:
    """The check of an annotation. `object` stands for JSON, as in `model.Json`."""
    origin, arguments = get_origin(declared), get_args(declared)
    if declared is object:
        return _json_faults
    if origin in (Union, types.UnionType):
        return _union(tuple(check_of(option) for option in arguments if option is not type(None)), declared)
    if origin in (tuple, frozenset):
        return _collection(cast(type, origin), check_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(check_of(arguments[0]), check_of(arguments[1]))
    if isinstance(declared, type) and issubclass(declared, Struct):
        return _struct(declared)
    return _scalar(cast(type, declared))


def _union(options: tuple[Check, ...], declared: Any) -> Check:
    takes_none = type(None) in get_args(declared)

    def check(value: Any) -> Faults:
        if value is None and takes_none:
            return ()
        found = [option(value) for option in options]
        return min(found, key=len) if all(found) else ()

    return check


def _collection(kind: type, item: Check) -> Check:
    def check(value: Any) -> Faults:
        if not isinstance(value, kind):
            return (f" is {type(value).__name__}, not {kind.__name__}",)
        entries = enumerate(cast("tuple[Any, ...]", value))
        return tuple(f"[{position}]{fault}" for position, entry in entries for fault in item(entry))

    return check


def _mapping(key_check: Check, value_check: Check) -> Check:
    def check(value: Any) -> Faults:
        if not isinstance(value, Mapping):
            return (f" is {type(value).__name__}, not a mapping",)
        entries = cast("Mapping[Any, Any]", value).items()
        return tuple(f"[{key!r}]{fault}" for key, entry in entries for fault in (*key_check(key), *value_check(entry)))

    return check


def _struct(kind: type[Struct]) -> Check:
    def check(value: Any) -> Faults:
        if not isinstance(value, kind):
            return (f" is {type(value).__name__}, not {kind.__name__}",)
        members = _members(type(value))
        return tuple(f".{name}{fault}" for name, member in members for fault in member(getattr(value, name)))

    return check


@cache
def _members(kind: type[Struct]) -> tuple[tuple[str, Check], ...]:
    hints = get_type_hints(kind, localns=_NAMES_ONLY_TYPE_CHECKERS_SEE)
    return tuple((name, check_of(hints[name])) for name in kind.__struct_fields__)


def _scalar(kind: type) -> Check:
    allowed = (int, float) if kind is float else (kind,)

    def check(value: Any) -> Faults:
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            return (f" is {type(value).__name__}, not {kind.__name__}",)
        match value:
            case str() if not isinstance(value, Enum):
                return _text_faults(value)
            case int() if not isinstance(value, bool) and not -(2**63) <= value < 2**63:
                return (" does not fit 64 bits",)
            case float() | Decimal() if not math.isfinite(value):
                return (" is not finite",)
            case datetime() if value.utcoffset() != timedelta():
                return (" is not in UTC",)
            case _:
                return ()

    return check


def _json_faults(value: Any) -> Faults:
    kind = cast("type[object]", type(value))
    if kind in _OF_JSON:
        return ()
    if kind is str:
        return _text_faults(value)
    if kind is Decimal:
        return () if value.is_finite() else (" is not finite",)
    if kind is list:
        return tuple(f"[{position}]{fault}" for position, item in enumerate(value) for fault in _json_faults(item))
    if kind is dict:
        wrong_keys = tuple(f" has the key {key!r}" for key in value if type(key) is not str)
        return wrong_keys or tuple(f".{key}{fault}" for key, item in value.items() for fault in _json_faults(item))
    return (f" is {kind.__name__}, which codec.loads never gives",)


def _text_faults(value: str) -> Faults:
    if value.isascii():
        return ()
    try:
        value.encode()
    except UnicodeEncodeError:
        return (" is text that UTF-8 has no bytes for",)
    return ()

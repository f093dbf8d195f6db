"""JSON out: exact, and always valid."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import orjson

_NULL = orjson.Fragment(b"null")


def dumps(value: Any) -> bytes:
    """The JSON text of an answer.

    Decimals inside provider documents stay numbers, digit for digit; NaN and infinities become null. TypeError for an
    object that JSON has nothing for.
    """
    try:
        return orjson.dumps(value, default=_number)
    except orjson.JSONEncodeError:
        return b"".join(_pieces(value))


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode()) if value.is_finite() else _NULL
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _pieces(value: Any) -> Iterator[bytes]:
    """The text of what orjson refuses: integers beyond 64 bits, deep nesting, half a surrogate pair.

    The last is no text at all, and becomes U+FFFD. Slow, but without recursion.
    """
    pending: list[Iterator[tuple[bytes, Any]]] = [iter([(b"", value)])]
    ends = [b""]
    while pending:
        for before, item in pending[-1]:
            yield before
            if isinstance(item, Mapping):
                yield b"{"
                pending.append(_members(cast("Mapping[Any, Any]", item)))
                ends.append(b"}")
                break
            if isinstance(item, list | tuple):
                yield b"["
                pending.append(_items(cast("Sequence[Any]", item)))
                ends.append(b"]")
                break
            yield _scalar(item)
        else:
            pending.pop()
            yield ends.pop()


def _members(mapping: Mapping[Any, Any]) -> Iterator[tuple[bytes, Any]]:
    for place, (key, value) in enumerate(mapping.items()):
        yield (b"," if place else b"") + _scalar(str(key)) + b":", value


def _items(sequence: Sequence[Any]) -> Iterator[tuple[bytes, Any]]:
    return ((b"," if place else b"", item) for place, item in enumerate(sequence))


def _scalar(value: Any) -> bytes:
    if isinstance(value, str):
        return orjson.dumps(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(Decimal(value)).encode()
    return orjson.dumps(value, default=_number)

"""JSON in: exact, and safe to read from anybody."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, cast

import msgspec
import orjson

from .model import Json

_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_BOM = b"\xef\xbb\xbf"
MAX_DEPTH = 500
"""Of lists and objects within each other. How deep a decoder can go by itself depends on Python and on the caller."""
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def loads(body: bytes, charset: str | None = None) -> Any:
    """A JSON text. Numbers with a fraction or exponent are Decimal, so that money never passes through a float.

    A byte order mark is skipped. `charset` (from a Content-Type) is tried where the text is not UTF-8.
    NaN and infinities are not JSON, nor is what is nested more than `MAX_DEPTH` levels deep. ValueError, with nothing
    of the text in it, where it can't be read.
    """
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    try:
        value = _decoder.decode(body)
    except UnicodeDecodeError:
        value = _decode_other(body, charset)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except InvalidOperation:
        raise ValueError("not valid: a number's exponent is beyond all bounds") from None
    except ValueError:
        raise ValueError("not valid JSON" if body.strip() else "empty") from None
    # Every level opens and closes, so that a short text can't be too deep.
    if len(body) > 2 * MAX_DEPTH and _is_too_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


def _decode_other(body: bytes, charset: str | None) -> Any:
    try:
        return _decoder.decode(body.decode(charset or "utf-8"))
    except (LookupError, ValueError, InvalidOperation):
        raise ValueError("not text in the character set it claims") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def _is_too_deep(value: Any) -> bool:
    try:
        # It stops at 254 levels, which tells most texts apart several times as fast as a walk through them.
        orjson.dumps(value, default=str)
    except orjson.JSONEncodeError:
        return _depth(value) > MAX_DEPTH
    return False


def _depth(value: Json) -> int:
    """How deep a value is nested; at most one more than `MAX_DEPTH`."""
    level, depth = _containers([value]), 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = _containers(chain.from_iterable(level))
    return depth


def _containers(values: Iterable[Json]) -> list[Iterable[Json]]:
    """What is in the lists and objects among the values, for each of them."""
    found: list[Iterable[Json]] = []
    for value in values:
        if isinstance(value, dict):
            found.append(cast("dict[str, Json]", value).values())
        elif isinstance(value, list):
            found.append(cast("list[Json]", value))
    return found

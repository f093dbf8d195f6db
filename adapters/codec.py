"""JSON in: exact, and safe to read from anybody."""

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_BOM = b"\xef\xbb\xbf"


def loads(body: bytes, charset: str | None = None) -> Any:
    """A JSON text. Numbers with a fraction or exponent are Decimal, so that money never passes through a float.

    A byte order mark is skipped. `charset` (from a Content-Type) is tried where the text is not UTF-8.
    NaN and infinities are not JSON. ValueError, with nothing of the text in it, where it can't be read.
    """
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    try:
        return _decoder.decode(body)
    except UnicodeDecodeError:
        return _decode_other(body, charset)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except InvalidOperation:
        raise ValueError("not valid: a number's exponent is beyond all bounds") from None
    except ValueError:
        raise ValueError("not valid JSON" if body.strip() else "empty") from None


def _decode_other(body: bytes, charset: str | None) -> Any:
    try:
        return _decoder.decode(body.decode(charset or "utf-8"))
    except (LookupError, ValueError, InvalidOperation):
        raise ValueError("not text in the character set it claims") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None

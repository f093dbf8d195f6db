"""What comes back from a provider: an answer, or what an error is read from."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from adapters import codec, errors
from adapters.text import clean

MAX_RETRY_AFTER = timedelta(hours=24)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """A reply that is not a success, for an adapter's `read_error`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return codec.loads(self.body)
        except ValueError:
            return None


ReadError = Callable[[ErrorReply], errors.ErrorReading]


class Reply:
    """A success: its status, headers by name in lower case, and whole body."""

    __slots__ = ("body", "headers", "provider", "status")

    def __init__(self, provider: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.provider = provider
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        """The body as JSON; BadResponse where it is none."""
        try:
            return codec.loads(self.body)
        except ValueError:
            # UTF-8 is nearly everybody's: only now it matters what the headers say.
            return self._declared_json()

    def _declared_json(self) -> Any:
        content_type = self.headers.get("content-type", "")
        charset = _CHARSET.search(content_type)
        try:
            return codec.loads(self.body, charset and charset[1])
        except ValueError as error:
            kind = f" ({clean(content_type, 60)})" if content_type and "json" not in content_type else ""
            raise errors.BadResponse(
                f"the answer{kind} is {error}", provider=self.provider, upstream_status=self.status
            ) from None


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Milliseconds that a Retry-After header asks to wait, from seconds or an HTTP date; at most 24 hours."""
    value = headers.get("retry-after")
    if value is None:
        return None
    value = value.strip()
    try:
        wait = timedelta(seconds=min(float(value), 1e9)) if value[:1].isdigit() else _until(value)
    except (ValueError, OverflowError):
        return None
    return int(min(max(wait, timedelta()), MAX_RETRY_AFTER) / timedelta(milliseconds=1))


def _until(http_date: str) -> timedelta:
    moment = parsedate_to_datetime(http_date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)

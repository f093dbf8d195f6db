"""Until when signed URLs work, as far as they say so themselves."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

UNKNOWN_LIFE = 60.0
"""Seconds that a signed URL is taken to work where it does not say until when."""
MARGIN = 10.0
"""Seconds before its end from which a signed URL is not given away any more: somebody has to be able to use it."""

_URL = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_SIGNS = frozenset({"signature", "sig", "token", "policy", "hmac", "hdnts", "key-pair-id", "googleaccessid"})
_PREFIXES = ("x-amz-", "x-goog-")


def limit(texts: Iterable[str], now: float) -> float | None:
    """Until when texts may be given away that may hold signed URLs; None where they hold none."""
    ends = [end for text in texts for url in _URL.findall(_plain(text)) if (end := _end(url, now)) is not None]
    return min(ends) - MARGIN if ends else None


def limit_of_links(urls: Iterable[str], now: float) -> float | None:
    """The same for URLs that are known to be signed; None where there are none."""
    ends = [now + UNKNOWN_LIFE if (end := _end(url, now)) is None else end for url in urls]
    return min(ends) - MARGIN if ends else None


def _plain(text: str) -> str:
    """A text in HTML or JSON with the separators of its URLs' parameters as they are."""
    return text.replace("&amp;", "&").replace("\\u0026", "&")


def _end(url: str, now: float) -> float | None:
    """When a signed URL stops working; None where it does not look signed."""
    _, _, query = url.partition("?")
    if not query:
        return None
    parameters = {name.lower(): value for name, value in parse_qsl(query)}
    known = (_from_date(parameters, prefix) for prefix in _PREFIXES)
    ends = [end for end in (*known, _epoch(parameters), _azure(parameters)) if end is not None]
    if ends:
        return min(ends)
    is_signed = not _SIGNS.isdisjoint(parameters) or any(name.startswith(_PREFIXES) for name in parameters)
    return now + UNKNOWN_LIFE if is_signed else None


def _from_date(parameters: Mapping[str, str], prefix: str) -> float | None:
    """AWS and Google Cloud, version 4: a date, and seconds from then."""
    start, seconds = parameters.get(f"{prefix}date"), parameters.get(f"{prefix}expires", "")
    if start is None or not re.fullmatch(r"[0-9]{1,9}", seconds):
        return None
    try:
        return datetime.strptime(start, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() + int(seconds)
    except ValueError:
        return None


def _epoch(parameters: Mapping[str, str]) -> float | None:
    """Older AWS and Google Cloud URLs, CloudFront: a time in seconds, by some in milliseconds."""
    if _SIGNS.isdisjoint(parameters) or not re.fullmatch(r"[0-9]{9,14}", expires := parameters.get("expires", "")):
        return None
    end = float(expires)
    return end / 1000 if end > 1e11 else end


def _azure(parameters: Mapping[str, str]) -> float | None:
    """Azure's shared access signatures: `se` is an ISO 8601 time."""
    if "sig" not in parameters or "se" not in parameters:
        return None
    try:
        end = datetime.fromisoformat(parameters["se"])
    except ValueError:
        return None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp()

"""Times as people give them, and the time zone they mean."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .exits import UsageError

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LOCALTIME = Path("/etc/localtime")


def zone_named(name: str | None) -> ZoneInfo:
    """A time zone by its IANA name; this machine's without one, and UTC where that can't be told."""
    if name is None:
        return _local()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f'--timezone: there is no time zone "{name}"; one is "Europe/Berlin"') from None


def _local() -> ZoneInfo:
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name and LOCALTIME.is_symlink():
        name = str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def time_ago(text: str, now: datetime | None = None) -> datetime:
    """The time that "7d" (or s, m, h, w) means."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f'--since: expected a span such as 30m, 12h, 7d or 2w, not "{text}"')
    try:
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise UsageError(f"--since: {text} is too long ago") from None


def time_at(option: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    """A date or time; in `zone` unless it says another one. None without a text."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f'{option}: expected a time such as 2026-03-02 or 2026-03-02T09:14:05Z, not "{text}"'
        ) from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment

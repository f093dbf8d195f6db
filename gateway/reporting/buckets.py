"""Buckets of time in a time zone: hours, days, weeks and months as the zone's clocks and calendar have them."""

import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from zoneinfo import ZoneInfo

from gateway.errors import RequestError


class TimeBucket(Enum):
    """How long a bucket is. A day may have 23 or 25 hours, where clocks change; a week starts on Monday (ISO 8601)."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone with this name, in any case; RequestError where there is none."""
    known = _names().get(name.casefold())
    if known is None:
        raise RequestError(
            f'timeZone: there is no time zone "{name[:64]}"; expected a name such as UTC or Europe/Berlin'
        )
    return ZoneInfo(known)


def bucket_start(moment: datetime, bucket: TimeBucket, zone: ZoneInfo) -> datetime | None:
    """When the bucket started that an aware time is in, in UTC; None for a time at the very end of the calendar.

    An hour that clocks go through twice is two buckets. Where a day's midnight is skipped, the day starts when the
    clocks were changed; where midnight comes twice, it starts at the first.
    """
    try:
        local = moment.astimezone(zone)
        if bucket is TimeBucket.HOUR:
            return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if bucket is TimeBucket.WEEK:
            start -= timedelta(days=start.weekday())
        elif bucket is TimeBucket.MONTH:
            start = start.replace(day=1)
        return start.astimezone(UTC)
    except OverflowError:
        return None


@cache
def _names() -> Mapping[str, str]:
    """The names of all time zones by what they are in lower case. Looked up there, a name is never taken for a path."""
    return {name.casefold(): name for name in zoneinfo.available_timezones()}

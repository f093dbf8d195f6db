"""Buckets of time, where clocks change and elsewhere."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.reporting.buckets import TimeBucket, bucket_start, time_zone

HOUR, DAY, WEEK, MONTH = TimeBucket
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana")


def start(moment: str, bucket: TimeBucket, zone: str = "UTC") -> str:
    found = bucket_start(datetime.fromisoformat(moment), bucket, ZoneInfo(zone))
    assert found is not None
    assert found.tzinfo is UTC
    return found.isoformat(timespec="minutes").removesuffix("+00:00")


def test_an_hour_that_clocks_go_through_twice_is_two() -> None:
    # Berlin, 25 October 2026: at 03:00 summer time it is 02:00 again.
    assert start("2026-10-25T00:30Z", HOUR, "Europe/Berlin") == "2026-10-25T00:00"
    assert start("2026-10-25T01:30Z", HOUR, "Europe/Berlin") == "2026-10-25T01:00"


def test_hours_of_zones_off_the_hour() -> None:
    assert start("2026-03-02T09:14Z", HOUR, "Asia/Kathmandu") == "2026-03-02T08:15"
    assert start("2026-03-02T09:15Z", HOUR, "Asia/Kathmandu") == "2026-03-02T09:15"


def test_days_have_23_to_25_hours() -> None:
    assert start("2026-03-29T21:59Z", DAY, "Europe/Berlin") == "2026-03-28T23:00"
    assert start("2026-03-29T22:00Z", DAY, "Europe/Berlin") == "2026-03-29T22:00"
    assert start("2026-10-25T22:59Z", DAY, "Europe/Berlin") == "2026-10-24T22:00"
    assert start("2026-10-25T23:00Z", DAY, "Europe/Berlin") == "2026-10-25T23:00"


def test_a_day_without_a_midnight_starts_when_the_clocks_change() -> None:
    # Sao Paulo, 4 November 2018: midnight is skipped.
    assert start("2018-11-04T12:00Z", DAY, "America/Sao_Paulo") == "2018-11-04T03:00"


def test_a_day_with_two_midnights_starts_at_the_first() -> None:
    # Havana, 1 November 2026: at 01:00 summer time it is 00:00 again.
    for moment in ("2026-11-01T04:30Z", "2026-11-01T05:30Z", "2026-11-01T20:00Z"):
        assert start(moment, DAY, "America/Havana") == "2026-11-01T04:00"


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        ("2026-01-01T12:00Z", "2025-12-29T00:00"),
        ("2026-03-01T23:59Z", "2026-02-23T00:00"),
        ("2026-03-02T00:00Z", "2026-03-02T00:00"),
    ],
)
def test_weeks_start_on_monday(moment: str, monday: str) -> None:
    assert start(moment, WEEK) == monday


def test_weeks_and_months_start_by_the_clocks_of_their_start() -> None:
    assert start("2026-03-31T12:00Z", MONTH, "Europe/Berlin") == "2026-02-28T23:00"
    assert start("2026-03-29T12:00Z", WEEK, "Europe/Berlin") == "2026-03-22T23:00"


@given(
    st.timedeltas(timedelta(0), timedelta(days=47 * 365)).map(datetime(1990, 1, 1, tzinfo=UTC).__add__),
    st.sampled_from(TimeBucket),
    st.sampled_from(ZONES),
)
@example(datetime(2026, 4, 4, 15, 15, tzinfo=UTC), HOUR, "Australia/Lord_Howe")
def test_a_bucket_starts_before_what_is_in_it_and_holds_its_own_start(
    moment: datetime, bucket: TimeBucket, zone: str
) -> None:
    found = bucket_start(moment, bucket, ZoneInfo(zone))
    assert found is not None
    lasts = {
        HOUR: timedelta(hours=1.5),
        DAY: timedelta(hours=25),
        WEEK: timedelta(days=7.1),
        MONTH: timedelta(days=31.1),
    }
    assert timedelta(0) <= moment - found < lasts[bucket]
    assert bucket_start(found, bucket, ZoneInfo(zone)) == found


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("bucket", TimeBucket)
def test_the_ends_of_the_calendar_are_no_reason_to_fail(moment: datetime, bucket: TimeBucket) -> None:
    for zone in ZONES:
        bucket_start(moment, bucket, ZoneInfo(zone))


def test_a_name_may_have_any_case() -> None:
    assert time_zone("europe/BERLIN") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "name", ["", "browser", "Europe", "../UTC", "/etc/localtime", "Mars/Olympus", "UTC\0", "x" * 999]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match="there is no time zone") as refused:
        time_zone(name)
    assert len(str(refused.value)) < 160

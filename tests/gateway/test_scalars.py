"""How scalars are written."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.schema.scalars import serialize_big_int, serialize_datetime
from tests.support import tries

zones = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
times = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=zones | st.just(UTC))  # noqa: DTZ001 - bounds


@given(times, st.sampled_from([0, 1, 1000, 120_000, 999_999, None]))
@tries(300)
def test_times_are_written_in_utc_as_precisely_as_they_are_known(time: datetime, microsecond: int | None) -> None:
    if microsecond is not None:
        time = time.replace(microsecond=microsecond)
    utc = time.astimezone(UTC)
    precision = "seconds" if not utc.microsecond else "microseconds" if utc.microsecond % 1000 else "milliseconds"
    for _ in range(2):
        assert serialize_datetime(time) == utc.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def test_the_two_passes_of_a_repeated_hour_are_told_apart() -> None:
    # In one zone they are equal, for Python.
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    second = first.replace(fold=1)
    assert first == second
    assert [serialize_datetime(first), serialize_datetime(second)] == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


@pytest.mark.parametrize(
    ("value", "written"), [(0, 0), (2**53 - 1, 2**53 - 1), (2**53, "9007199254740992"), (-(2**53), "-9007199254740992")]
)
def test_whole_numbers_that_a_client_may_read_wrongly_are_texts(value: int, written: object) -> None:
    assert serialize_big_int(value) == written

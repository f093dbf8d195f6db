"""Times and time zones as people give them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.commands.exits import UsageError
from gateway.commands.zones import time_ago, time_at, zone_named

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12H", timedelta(hours=12)),
        ("2w", timedelta(14)),
    ],
)
def test_spans(span: str, ago: timedelta) -> None:
    assert time_ago(span, NOW) == NOW - ago


@pytest.mark.parametrize("span", ["", "7", "d", "-7d", "7 days", "7y", "999999w"])
def test_what_is_no_span(span: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        time_ago(span, NOW)


def test_a_time_without_a_zone_is_in_the_chosen_one() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    midnight = time_at("--after", "2026-06-01", berlin)
    assert midnight == datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert time_at("--after", "2026-06-01T10:00:00Z", berlin) == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert time_at("--after", None, berlin) is None
    with pytest.raises(UsageError, match="--before"):
        time_at("--before", "yesterday", berlin)


def test_the_zone_is_the_named_one_or_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zone_named("Asia/Tokyo").key == "Asia/Tokyo"
    monkeypatch.setenv("TZ", ":America/New_York")
    assert zone_named(None).key == "America/New_York"
    monkeypatch.setenv("TZ", "CET-1CEST")
    assert zone_named(None).key == "UTC"
    for wrong in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(UsageError, match="--timezone"):
            zone_named(wrong)

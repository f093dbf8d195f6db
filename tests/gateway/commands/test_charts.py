"""Bar charts of usage: exact sums, gaps shown, units never mixed."""

from typing import Any
from zoneinfo import ZoneInfo

from gateway.commands.charts import chart
from gateway.commands.usage_table import Grouping

BERLIN = ZoneInfo("Europe/Berlin")


def row(start: str | None = None, *, runs: int = 1, tokens: int | str | None = None, **more: Any) -> dict[str, Any]:
    return {"bucketStart": start, "provider": "a", "tag": None, "runs": runs, "totalTokens": tokens} | {
        "costs": [],
        "credits": [],
        **more,
    }


def drawn(rows: list[dict[str, Any]], grouping: Grouping, figure: str = "tokens", **how: Any) -> list[str]:
    return [
        line.plain
        for line in chart(rows, grouping, figure, BERLIN, how.get("width", 40), blocks=how.get("blocks", True))
    ]


def test_days_without_runs_are_bars_without_length() -> None:
    rows = [
        row("2026-03-27T23:00:00Z", tokens=50),
        row("2026-03-27T23:00:00Z", tokens="50", provider="b"),
        row("2026-03-29T22:00:00Z", tokens=50),
    ]
    lines = drawn(rows, Grouping(("provider",), "day"))
    assert [line.split()[:2] for line in lines[1:]] == [
        ["2026-03-28", "100"],
        ["2026-03-29", "-"],
        ["2026-03-30", "50"],
    ]
    assert [line.count("█") for line in lines[1:]] == [23, 0, 11]
    assert max(map(len, lines)) == 40


def test_the_buckets_between_follow_the_calendar() -> None:
    def labels(first: str, last: str, bucket: str) -> list[str]:
        lines = drawn([row(first, tokens=1), row(last, tokens=1)], Grouping((), bucket))
        return [line.rpartition(" ")[0].strip().rsplit("  ", 1)[0] for line in lines[1:]]

    assert len(labels("2026-03-28T22:00:00Z", "2026-03-29T03:00:00Z", "hour")) == 6
    assert len(labels("2025-12-28T23:00:00Z", "2026-01-11T23:00:00Z", "week")) == 3
    assert len(labels("2025-11-30T23:00:00Z", "2026-02-28T23:00:00Z", "month")) == 4


def test_unknown_is_not_zero_and_little_is_not_nothing() -> None:
    rows = [row(tokens=None), row(tokens=0, provider="b"), row(tokens=1, provider="c"), row(tokens=10**6, provider="d")]
    lines = drawn(rows, Grouping(("provider",), None))
    assert [line.split() for line in lines[1:4]] == [["a", "-"], ["b", "0"], ["c", "1", "▏"]]
    assert lines[4].startswith("d  1,000,000  ████")


def test_every_currency_and_every_providers_credits_have_a_chart() -> None:
    costs = [{"amount": "0.1", "currency": "EUR"}, {"amount": "0.2", "currency": "USD"}]
    rows = [row(costs=costs, credits=[{"amount": "7", "provider": "a"}]), row(costs=costs[:1], provider="b")]
    grouping = Grouping(("provider",), None)
    lines = drawn(rows, grouping, "cost")
    assert [line for line in lines if line.startswith("cost")] == ["cost, EUR", "cost, USD"]
    assert drawn(rows, grouping, "credits")[0] == "credits, a"
    assert drawn([], grouping) == drawn([row()], grouping, "cost") == []


def test_rows_that_share_runs_are_not_added_up() -> None:
    rows = [row("2026-03-28T23:00:00Z", runs=2, tag=tag) for tag in ("x", "y")]
    assert [line.split()[:3] for line in drawn(rows, Grouping(("tag",), "day"), "runs")[1:]] == [
        ["2026-03-29", "x", "2"],
        ["2026-03-29", "y", "2"],
    ]


def test_terminals_without_blocks_get_plain_bars() -> None:
    assert drawn([row(tokens=3)], Grouping(("provider",), None), blocks=False)[1] == f"a  3  {'#' * 34}"


def test_an_hour_that_comes_twice_is_two_bars() -> None:
    rows = [row("2026-10-25T00:00:00Z", tokens=1), row("2026-10-25T01:00:00Z", tokens=2)]
    lines = drawn([*rows, row("2026-10-25T02:00:00Z", tokens=3)], Grouping((), "hour"), width=60)
    assert [line.split()[:3] for line in lines[1:]] == [
        ["2026-10-25", "02:00+0200", "1"],
        ["2026-10-25", "02:00+0100", "2"],
        ["2026-10-25", "03:00", "3"],
    ]

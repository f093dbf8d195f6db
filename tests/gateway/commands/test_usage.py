"""`rungraph usage`."""

from typing import Any

import pytest

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld

from .asking import rungraph, scripted

ROW: dict[str, Any] = {
    **dict.fromkeys(("runs", "runsReportingTokens", "runsReportingCost", "runsReportingCredits"), 1),
    **dict.fromkeys(("inputTokens", "outputTokens", "totalTokens", "modelCalls")),
    "costs": [],
    "credits": [],
}
EMPTY: dict[str, Any] = {"rows": [], "total": ROW, "runsFailed": 0, "sources": []}


@pytest.mark.usefixtures("url")
def test_a_table_with_its_total_and_a_chart() -> None:
    ended = rungraph("usage", "--provider", "eigenpal,rightbrain", "--since", "36500d", "--group-by", "provider")
    assert ended.code == 0
    head, first, second, rule, total, blank, title, *bars = ended.lines
    assert head.split()[:2] == ["provider", "runs"]
    assert {first.split()[0], second.split()[0]} == {"eigenpal", "rightbrain"}
    assert set(rule) == {"─"}
    assert total.split()[0] == "total"
    assert (blank, title) == ("", "tokens")
    assert sorted(bar.split()[0] for bar in bars) == ["eigenpal", "rightbrain"]
    assert "█" in bars[0]


@pytest.mark.usefixtures("url")
def test_the_table_shows_the_figures_of_the_report() -> None:
    arguments = ("usage", "--provider", "eigenpal,middesk", "--group-by", "month,provider", "--timezone", "Asia/Tokyo")
    report = rungraph(*arguments, "--json").document["usage"]
    assert list(report) == ["rows", "total", "isComplete", "scannedRuns", "runsFailed", "sources"]
    shown = rungraph(*arguments)
    assert shown.lines[0].startswith("month (Asia/Tokyo)  provider  ")
    total = next(line for line in shown.lines if line.startswith("total")).split()
    sums = report["total"]
    assert total[1] == f"{sums['runs']:,}"
    assert f"{int(sums['totalTokens']):,}" in total
    assert f"{sums['runsReportingTokens']:,}/{sums['runs']:,}" in total
    assert shown.lines[0].count("reported") == 2
    middesk = next(line for line in shown.lines if "middesk" in line).split()
    assert middesk[3:6] == ["-", "-", "-"]


@pytest.mark.usefixtures("url")
def test_credits_have_a_chart_for_each_provider() -> None:
    ended = rungraph("usage", "--group-by", "week", "--figure", "credits")
    assert [line for line in ended.lines if line.startswith("credits, ")] == [
        "credits, eigenpal",
        "credits, rightbrain",
    ]


@pytest.mark.usefixtures("url")
def test_what_is_missing_is_said(world: DemoWorld) -> None:
    world.rightbrain.faults.add(Fault(status=503))
    ended = rungraph("usage", "--provider", "eigenpal,rightbrain", "--max-runs", 5)
    assert ended.code == 3
    assert "rungraph: rightbrain: failed: " in ended.err
    assert "rungraph: eigenpal: partial: " in ended.err
    assert "rightbrain" not in ended.out


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--group-by", "day,week"), "--group-by: day and week can't be had together"),
        (("--group-by", "colour"), '--group-by: there is no "colour"; there are provider, '),
        (("--figure", "weight"), '--figure: there is no "weight"; there are tokens, '),
        (("--timezone", "Nowhere"), "--timezone: there is no time zone"),
    ],
)
def test_what_makes_no_sense(flags: tuple[str, str], sentence: str) -> None:
    ended = rungraph("usage", *flags)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


@pytest.mark.usefixtures("url")
def test_a_figure_that_nobody_reports_has_no_chart() -> None:
    ended = rungraph("usage", "--provider", "eigenpal", "--group-by", "month", "--figure", "cost")
    assert ended.err == "rungraph: there is no chart: no run reports cost\n"
    assert ended.lines[-1].startswith("total ")


def test_runs_without_a_time_come_last() -> None:
    report = {**EMPTY, "rows": [{**ROW, "bucketStart": "2026-05-01T00:00:00Z"}, {**ROW, "bucketStart": None}]}
    with scripted({"data": {"usage": report}}) as gateway:
        ended = rungraph("usage", "--url", gateway.url, "--group-by", "month")
    assert [line.split()[0] for line in ended.lines[:5]] == ["month", "2026-05", "-", ended.lines[3], "total"]

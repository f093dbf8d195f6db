"""The demo's usage, against what its simulators' wire documents say."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.gateway.asking import Gateway
from tests.gateway.calls import all_calls, forget_calls

from .truth import Consumed, consumed

FIGURES = (
    "inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens",
    "reasoningOutputTokens", "modelCalls", "retries", "agentTurns", "pagesProcessed", "modelDurationMs",
)  # fmt: skip
TOKENS = frozenset(FIGURES[:6])
ROW = f"""bucketStart provider target tag runs runsReportingTokens runsReportingCost runsReportingCredits
{" ".join(FIGURES)} costs {{ amount currency }} credits {{ amount provider }}"""
QUERY = f"""query ($groupBy: [UsageDimension!], $bucket: TimeBucket, $timeZone: String) {{
  usage(groupBy: $groupBy, bucket: $bucket, timeZone: $timeZone, maxRuns: 10000) {{
    rows {{ {ROW} }} total {{ {ROW} }} isComplete scannedRuns runsFailed sources {{ provider scope state fetched }}
  }}
}}"""
BERLIN = ZoneInfo("Europe/Berlin")


def rounded(figure: Decimal) -> Decimal:
    """The gateway adds durations up as the floats that it reads them as."""
    return round(figure, 6)


def summed(runs: Iterable[Consumed]) -> dict[str, Any]:
    """What a row must say about these runs."""
    counted = list(runs)
    credits_: dict[str, Decimal] = {}
    for run in counted:
        if run.credits is not None:
            credits_[run.provider] = credits_.get(run.provider, Decimal(0)) + run.credits
    sums: dict[str, Any] = {}
    for name in FIGURES:
        figures = [run.figures[name] for run in counted if name in run.figures]
        sums[name] = rounded(sum(figures, Decimal(0))) if figures else None
    return sums | {
        "runs": len(counted),
        "runsReportingTokens": sum(not TOKENS.isdisjoint(run.figures) for run in counted),
        "runsReportingCost": 0,
        "runsReportingCredits": sum(run.credits is not None for run in counted),
        "costs": [],
        "credits": credits_,
    }


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row of an answer in the same form."""
    numbers = {name: None if row[name] is None else rounded(Decimal(str(row[name]))) for name in FIGURES}
    rest = {name: row[name] for name in row if name.startswith("runs") or name == "costs"}
    return numbers | rest | {"credits": {item["provider"]: Decimal(item["amount"]) for item in row["credits"]}}


def check(rows: list[dict[str, Any]], key: Callable[[Any], Any], groups: dict[Any, list[Consumed]]) -> None:
    assert {key(row) for row in rows} == set(groups)
    assert len(rows) == len(groups)
    for row in rows:
        assert shown(row) == summed(groups[key(row)]), key(row)


def grouped(runs: Iterable[Consumed], key: Callable[[Consumed], Iterable[Any]]) -> dict[Any, list[Consumed]]:
    groups: dict[Any, list[Consumed]] = {}
    for run in runs:
        for one in key(run):
            groups.setdefault(one, []).append(run)
    return groups


def test_the_report_says_what_the_documents_say(gateway: Gateway, world: DemoWorld) -> None:
    runs = list(consumed(world))
    report = gateway.data(QUERY, groupBy=["PROVIDER"])["usage"]
    assert shown(report["total"]) == summed(runs)
    check(report["rows"], lambda row: row["provider"], grouped(runs, lambda run: [run.provider]))
    assert (report["scannedRuns"], report["runsFailed"], report["isComplete"]) == (len(runs), 0, False)
    assert report["total"]["inputTokens"] > 2**31
    fetched = Counter(run.provider for run in runs)
    assert {
        name: sum(source["fetched"] for source in sources)
        for name, sources in itertools.groupby(report["sources"], lambda source: source["provider"])
    } == {"refactor": 0, **fetched}
    assert [source["state"] for source in report["sources"] if source["provider"] == "refactor"] == ["UNSUPPORTED"]


def test_days_of_a_time_zone_and_targets(gateway: Gateway, world: DemoWorld) -> None:
    def day(run: Consumed) -> datetime | None:
        if run.created is None:
            return None
        local = run.created.astimezone(BERLIN).date()
        return datetime(local.year, local.month, local.day, tzinfo=BERLIN).astimezone(UTC)

    report = gateway.data(QUERY, groupBy=["TARGET", "PROVIDER"], bucket="DAY", timeZone="Europe/Berlin")["usage"]
    check(
        report["rows"],
        lambda row: (row["bucketStart"] and datetime.fromisoformat(row["bucketStart"]), row["provider"], row["target"]),
        grouped(consumed(world), lambda run: [(day(run), run.provider, run.target)]),
    )
    starts = [row["bucketStart"] for row in report["rows"] if row["bucketStart"]]
    assert starts == sorted(starts)


def test_tags_count_in_each_of_their_rows(gateway: Gateway, world: DemoWorld) -> None:
    report = gateway.data(QUERY, groupBy=["TAG"])["usage"]
    check(report["rows"], lambda row: row["tag"], grouped(consumed(world), lambda run: set(run.tags) or {None}))


def test_counting_runs_costs_the_lists_only(uncached: Gateway, world: DemoWorld) -> None:
    found = uncached.data("{ usage(groupBy: STATUS) { rows { status runs } total { runs durationMs } } }")["usage"]
    assert sum(row["runs"] for row in found["rows"]) == found["total"]["runs"] == len(list(consumed(world)))
    made = all_calls(world)
    assert {name: len(calls) for name, calls in made.items()} == {
        "eigenpal": 3,
        "middesk": 3,
        "rightbrain": 3,
        "bridgetown": 4,
    }
    assert not any("expand" in call for call in made["eigenpal"])


def test_usage_is_fetched_for_the_rows_that_lack_it(uncached: Gateway, world: DemoWorld) -> None:
    uncached.data("{ usage(maxRuns: 100) { total { totalTokens } } }")
    made = all_calls(world)
    listed = [call for call in made["eigenpal"] if call.startswith("/runs?")]
    alone = [call for call in made["eigenpal"] if not call.startswith("/runs?")]
    assert listed == ["/runs?limit=100"]
    assert len(alone) == 100
    assert all(call.endswith("?expand=usage") for call in alone)
    assert [len(made[name]) for name in ("middesk", "rightbrain", "bridgetown")] == [1, 1, 4]


def test_a_report_again_costs_the_lists_only(gateway: Gateway, world: DemoWorld) -> None:
    before = gateway.data(QUERY, groupBy=["PROVIDER"])
    forget_calls(world)
    assert gateway.data(QUERY, groupBy=["PROVIDER"]) == before
    # Runs that have not ended are looked at again.
    assert len(all_calls(world)["eigenpal"]) < 60


def test_the_filter_counts_upstream(uncached: Gateway, world: DemoWorld) -> None:
    since = world.eigenpal.anchor - timedelta(days=2)
    wanted = {"providers": ["eigenpal"], "createdAfter": int(since.timestamp() * 1000)}
    query = "query ($filter: RunFilter) { usage(filter: $filter) { isComplete scannedRuns total { runs } } }"
    found = uncached.data(query, filter=wanted)["usage"]
    fitting = [run for run in consumed(world) if run.provider == "eigenpal" and run.created and run.created >= since]
    assert found["total"]["runs"] == len(fitting) < 60
    assert found["isComplete"] is True
    assert len(all_calls(world)["eigenpal"]) == 1


def test_a_provider_that_is_down_costs_its_own_figures(uncached: Gateway, world: DemoWorld) -> None:
    world.middesk.faults.add(Fault(status=503))
    query = "{ usage(groupBy: PROVIDER) { rows { provider runs isComplete } sources { provider state } } }"
    found = uncached.data(query)
    rows = {row["provider"]: row["isComplete"] for row in found["usage"]["rows"]}
    assert rows == {"bridgetown": False, "eigenpal": True, "rightbrain": True}
    assert {"provider": "middesk", "state": "FAILED"} in found["usage"]["sources"]

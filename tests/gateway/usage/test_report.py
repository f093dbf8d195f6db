"""Reports over sources that are large, fail, are slow or lack what was asked for; and what they cost."""

import asyncio
import tracemalloc
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.contract import Page, RunQuery
from adapters.errors import NotFound, RateLimited, Unavailable
from adapters.model import Part, RunRecord
from adapters.status import RunStatus
from gateway.cache import RunCache
from gateway.context import Context
from gateway.errors import RequestError
from gateway.listing.filters import RunFilter
from gateway.listing.sources import SourceState
from gateway.providers import Provider, Providers
from gateway.reporting import usage as reports
from gateway.reporting.aggregation import Aggregation, Grouping, UsageDimension
from gateway.reporting.usage import UsageReport
from gateway.schema import run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings, FeedSettings
from tests.gateway.asking import Gateway
from tests.gateway.fake import FakeAdapter, app_over, record
from tests.gateway.feed.simulated import EPOCH, ListedAdapter, Step, run_at
from tests.support import patiently, run, tries

from .strategies import runs, usage

BY_PROVIDER = Grouping(frozenset({UsageDimension.PROVIDER}))


def carrying(count: int, name: str = "fake", **source: Any) -> ListedAdapter:
    """A source whose rows carry their usage: one token each."""
    rows = [
        replace(run_at(-number, f"r{number:05}"), usage=usage(input_tokens=1), parts=frozenset({Part.USAGE}))
        for number in range(count)
    ]
    return ListedAdapter(name, rows, max_page_size=100, **source)


def slim(count: int, name: str = "fake", **source: Any) -> ListedAdapter:
    """A source whose rows lack usage, which each run has by itself."""
    adapter = ListedAdapter(name, [run_at(-n, f"r{n:05}") for n in range(count)], max_page_size=100, **source)

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        return record(native_id, parts, provider=name, usage=usage(input_tokens=1))

    adapter.answer = answer
    return adapter


def context_over(*adapters: FakeAdapter, **feed: Any) -> Context:
    providers = Providers(Provider(adapter.name, adapter) for adapter in adapters)
    service = RunService(RunCache.in_memory(CacheSettings()))
    return Context(providers, service, run_type_names(), 500, feed_settings=FeedSettings(**feed))


def report(
    *adapters: FakeAdapter,
    wanted: RunFilter | None = None,
    grouping: Grouping = BY_PROVIDER,
    max_runs: int = 1000,
    with_usage: bool = True,
    **feed: Any,
) -> UsageReport:
    context = context_over(*adapters, **feed)

    async def ask() -> UsageReport:
        try:
            return await reports.report(
                wanted or RunFilter(), grouping, context, max_runs=max_runs, with_usage=with_usage
            )
        finally:
            context.close()

    return run(ask())


@tries(40)
@given(
    st.lists(runs(), max_size=25),
    st.integers(1, 9),
    st.booleans(),
    st.lists(st.sampled_from(["ok", "short", "empty"]), max_size=6),
)
def test_sums_do_not_depend_on_pages(
    listed: Sequence[RunRecord], size: int, numbered: bool, steps: Sequence[Step]
) -> None:
    # Sources list newest first, runs without a time last.
    rows = sorted(listed, key=lambda row: (row.created_at is None, -(row.created_at or EPOCH).timestamp()))
    adapter = ListedAdapter(
        "fake",
        [replace(row, parts=frozenset({Part.USAGE}), part_errors={}) for row in rows],
        numbered=numbered,
        max_page_size=size,
        steps=[] if numbered else steps,
    )
    grouping = Grouping(frozenset({UsageDimension.STATUS, UsageDimension.MODEL}))
    found = report(adapter, grouping=grouping)
    directly = Aggregation(grouping)
    for row in adapter.runs:
        directly.add(row)
    assert found.rows == directly.rows(lambda _: True)
    assert found.total == directly.total_row(lambda _: True)
    assert (found.is_complete, found.scanned_runs, found.runs_failed) == (True, len(rows), 0)


def test_ten_thousand_runs_stay_within_bounds() -> None:
    class Endless(ListedAdapter):
        """Makes its rows when they are asked for."""

        async def list_runs(self, query: RunQuery) -> Page:
            start = int(query.cursor or 0)
            end = start + query.limit
            template = run_at(0, "x", "fake")
            rows = tuple(
                replace(
                    template,
                    native_id=f"r{number}",
                    created_at=EPOCH - timedelta(minutes=number),
                    usage=usage(input_tokens=1),
                    parts=frozenset({Part.USAGE}),
                    output="x" * 4096,
                )
                for number in range(start, end)
            )
            return Page(rows, str(end))

    adapter = Endless("fake", [], max_page_size=100)
    tracemalloc.start()
    try:
        found = report(adapter, max_runs=10_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.total.runs, found.total.input_tokens, found.scanned_runs) == (10_000, 10_000, 10_000)
    # 40 MB of outputs went through.
    assert peak < 8_000_000
    assert not found.is_complete
    assert (found.sources[0].state, found.sources[0].reason) == (
        SourceState.PARTIAL,
        "Only 10000 runs were looked through; older ones are missing.",
    )


@pytest.mark.parametrize(("count", "limits"), [(250, [100, 50]), (150, [100, 50]), (60, [100])])
def test_no_more_is_read_than_asked_for(count: int, limits: Sequence[int]) -> None:
    adapter = carrying(count)
    found = report(adapter, max_runs=150)
    assert [query.limit for query in adapter.queries] == limits
    assert found.total.runs == found.scanned_runs == min(count, 150)
    assert found.is_complete is (count <= 150)


def test_each_source_is_read_as_far() -> None:
    found = report(carrying(30, "one"), carrying(3, "two"), max_runs=10)
    assert [(row.key.provider, row.runs, row.is_complete) for row in found.rows] == [
        ("one", 10, False),
        ("two", 3, True),
    ]
    assert [source.state for source in found.sources] == [SourceState.PARTIAL, SourceState.OK]


def test_a_filter_that_a_source_does_not_know_is_applied_within_the_bound() -> None:
    adapter = carrying(300)
    adapter.runs = [
        replace(row, status=RunStatus.FAILED) if number % 50 == 0 else row for number, row in enumerate(adapter.runs)
    ]
    wanted = RunFilter(statuses=frozenset({RunStatus.FAILED}))
    assert report(adapter, wanted=wanted).total.runs == 6
    cut = report(adapter, wanted=wanted, max_runs=100)
    assert (cut.total.runs, cut.scanned_runs, cut.is_complete) == (2, 100, False)


def test_usage_is_fetched_only_where_rows_lack_it_and_somebody_wants_it() -> None:
    full, lacking = carrying(5, "full"), slim(5, "slim")
    assert report(full, lacking).total.input_tokens == 10
    assert (len(full.calls), len(lacking.calls)) == (0, 5)
    assert {parts for _, parts in lacking.calls} == {frozenset({Part.USAGE})}
    lacking.calls.clear()
    assert report(full, lacking, with_usage=False).total.runs == 10
    assert lacking.calls == []
    report(lacking, with_usage=False, grouping=Grouping(frozenset({UsageDimension.MODEL})))
    assert len(lacking.calls) == 5


def test_runs_whose_usage_fails_are_counted_and_said() -> None:
    adapter = slim(5)

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        match native_id[-1]:
            case "1":
                raise RateLimited(provider="fake", retry_after_ms=1500)
            case "2":
                raise NotFound(provider="fake")
            case "3":
                return record(native_id, part_errors={Part.USAGE: Unavailable(provider="fake")})
            case "4":
                raise KeyError("secret")
            case _:
                return record(native_id, parts, usage=usage(input_tokens=1))

    adapter.answer = answer
    found = report(adapter, carrying(1, "other"))
    assert (found.total.runs, found.total.input_tokens, found.runs_failed, found.is_complete) == (6, 2, 4, False)
    assert [(row.key.provider, row.is_complete) for row in found.rows] == [("fake", False), ("other", True)]
    source = found.sources[0]
    assert source.state is SourceState.PARTIAL
    assert source.reason == "Runs whose usage could not be fetched: 4."
    assert source.error is not None
    assert source.error.retry_after_ms == 1500
    assert "secret" not in repr(found)


def test_a_source_that_fails_on_the_way_costs_only_what_it_did_not_give() -> None:
    found = report(carrying(300, "one", steps=["ok", "fail"]), carrying(5, "two"))
    assert [(row.key.provider, row.runs, row.is_complete) for row in found.rows] == [
        ("one", 100, False),
        ("two", 5, True),
    ]
    failed = found.sources[0]
    assert failed.state is SourceState.PARTIAL
    assert failed.reason == "The source failed; what was not read by then is missing."
    assert failed.error is not None
    assert failed.error.message.startswith("one: ")


@pytest.mark.parametrize("step", ["fail", "crash"])
def test_a_source_that_gives_nothing_has_failed(step: Step) -> None:
    found = report(carrying(5, steps=[step]))
    assert [source.state for source in found.sources] == [SourceState.FAILED]
    assert (found.rows, found.total.runs, found.is_complete) == ([], 0, False)


def test_a_source_that_hangs_costs_its_deadline_for_each_page() -> None:
    def check(limit_ms: int) -> None:
        found = report(carrying(300, "one", steps=["ok", "hang"]), carrying(5, "two"), deadline_ms=limit_ms)
        assert found.total.runs == 105
        assert [source.state for source in found.sources] == [SourceState.PARTIAL, SourceState.OK]

    patiently(check)


def test_a_report_ends_when_its_time_is_up() -> None:
    adapter = slim(150)

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        if native_id >= "r00100":
            await asyncio.Event().wait()
        return record(native_id, parts, usage=usage(input_tokens=1))

    adapter.answer = answer

    def check(limit_ms: int) -> None:
        found = report(adapter, carrying(5, "other"), report_deadline_ms=limit_ms)
        assert (found.total.runs, found.is_complete) == (105, False)
        source = found.sources[0]
        assert source.state is SourceState.PARTIAL
        assert source.reason is not None
        assert source.reason.endswith("The report's time was up; older runs are missing.")

    patiently(check, 300)


def test_a_run_that_two_scopes_list_is_counted_once() -> None:
    class Scoped(ListedAdapter):
        scope_name = "project"

        def default_scopes(self) -> Sequence[str]:
            return ("a", "b")

    rows = carrying(5).runs
    found = report(Scoped("fake", rows, max_page_size=100))
    assert (found.total.runs, found.total.input_tokens) == (5, 5)
    assert [(source.scope, source.fetched) for source in found.sources] == [("a", 5), ("b", 5)]


def test_a_provider_that_cannot_list_is_said_to_be_missing() -> None:
    found = report(FakeAdapter(name="mute"), carrying(2, "other"))
    assert [(source.provider, source.state) for source in found.sources] == [
        ("mute", SourceState.UNSUPPORTED),
        ("other", SourceState.OK),
    ]
    assert not found.is_complete


@pytest.mark.parametrize("max_runs", [0, -1, 10_001])
def test_bounds_are_kept(max_runs: int) -> None:
    with pytest.raises(RequestError, match="maxRuns: expected 1 to 10000"):
        report(carrying(1), max_runs=max_runs)


def test_too_many_rows_are_the_clients_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reporting.aggregation.MAX_ROWS", 1)
    with Gateway(app_over(carrying(2, "one"), carrying(2, "two"))) as gateway:
        (error,) = gateway.errors("{ usage(groupBy: PROVIDER) { rows { runs } } }")
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert error["message"] == "groupBy: the report would have more than 1 rows; group by less"


@pytest.mark.parametrize(
    ("selection", "fetched"),
    [
        (
            "rows { runs runsUnfinished durationMs isComplete status } isComplete scannedRuns sources { state }",
            0,
        ),
        ("total { runs } rows { inputTokens @skip(if: true) }", 0),
        ("total { runsReportingTokens }", 5),
        ("rows { costs { amount } }", 5),
        ("rows { ...Figures } } } fragment Figures on UsageRow { runs nothing: retries", 5),
    ],
)
def test_the_selection_decides_what_is_fetched(selection: str, fetched: int) -> None:
    adapter = slim(5)
    with Gateway(app_over(adapter)) as gateway:
        closed = selection if "fragment" in selection else f"{selection} }}"
        gateway.data(f"{{ usage(groupBy: STATUS) {{ {closed} }}")
    assert len(adapter.calls) == fetched


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('timeZone: "Mars/Olympus"', 'timeZone: there is no time zone "Mars/Olympus"; expected a name'),
        ("maxRuns: 0", "maxRuns: expected 1 to 10000, not 0"),
        ('filter: { providers: "nope" }', 'filter.providers: there is no provider "nope"'),
        ("groupBy: COLOUR", "Value 'COLOUR' does not exist in 'UsageDimension' enum."),
    ],
)
def test_mistakes_of_the_client_are_told(arguments: str, message: str) -> None:
    adapter = carrying(1)
    with Gateway(app_over(adapter)) as gateway:
        (error,) = gateway.errors(f"{{ usage({arguments}) {{ scannedRuns }} }}")
    assert error["message"].startswith(message)
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert adapter.queries == []


def test_nulls_mean_the_defaults() -> None:
    with Gateway(app_over(carrying(2))) as gateway:
        arguments = "filter: null, groupBy: null, bucket: null, timeZone: null, maxRuns: null"
        found = gateway.data(f"{{ usage({arguments}) {{ rows {{ runs bucketStart }} }} }}")
    assert found["usage"]["rows"] == [{"runs": 2, "bucketStart": None}]

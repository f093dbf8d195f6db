"""What one source does wrong costs its own rows, and its report says so."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from adapters.contract import Filter
from adapters.errors import ErrorCode
from adapters.model import RunKind
from adapters.status import RunStatus
from gateway.errors import RequestError
from gateway.listing.filters import RunFilter
from gateway.listing.sources import MAX_EMPTY_PAGES, SourceReport, SourceState
from gateway.settings import FeedSettings
from tests.gateway.fake import FakeAdapter
from tests.support import patiently, run

from .simulated import EPOCH, ListedAdapter, Step, Walk, run_at

EMPTY: list[Step] = ["empty"] * MAX_EMPTY_PAGES


def source(name: str, count: int, *steps: Step, max_page_size: int = 7, numbered: bool = False) -> ListedAdapter:
    """Runs of so many seconds, newest first, named after them."""
    runs = [run_at(second, f"r{second:03}") for second in reversed(range(count))]
    return ListedAdapter(name, runs, steps=steps, max_page_size=max_page_size, numbered=numbered)


def first_page(*adapters: FakeAdapter, first: int = 5, settings: FeedSettings | None = None) -> Walk:
    walk = Walk(adapters, settings=settings)
    run(walk.page(first))
    return walk


def report_of(walk: Walk, provider: str) -> SourceReport:
    return next(report for report in walk.pages[-1].sources if report.provider == provider)


def test_each_source_is_asked_once_for_one_more_than_the_page_holds() -> None:
    sources = [source("a", 30), source("b", 30, max_page_size=4)]

    walk = first_page(*sources)

    assert walk.ids == ["a:r029", "b:r029", "a:r028", "b:r028", "a:r027"]
    assert [[query.limit for query in source.queries] for source in sources] == [[6], [4]]


def test_only_the_source_that_runs_dry_is_asked_again() -> None:
    old, new = source("old", 5, max_page_size=3), source("new", 0)
    new.runs = [run_at(1000 - n, f"n{n:02}", "new") for n in range(9)]
    new.max_page_size = 3

    first_page(old, new, first=8)

    assert len(old.queries) == 1
    assert [query.cursor for query in new.queries] == [None, "0:n02", "0:n05"]


@pytest.mark.parametrize(
    ("step", "code", "message", "retry_after_ms"),
    [
        ("fail", ErrorCode.UNAVAILABLE, "b: the provider can't be reached", 1500),
        ("hang", ErrorCode.TIMEOUT, "b: no answer in time", None),
        ("crash", ErrorCode.INTERNAL, "b: the list could not be read", None),
    ],
)
def test_a_source_that_fails_does_not_blank_the_page(
    step: Step, code: ErrorCode, message: str, retry_after_ms: int | None
) -> None:
    patiently(lambda limit_ms: failing_source(FeedSettings(deadline_ms=limit_ms), step, code, message, retry_after_ms))


def failing_source(
    settings: FeedSettings, step: Step, code: ErrorCode, message: str, retry_after_ms: int | None
) -> None:
    walk = first_page(source("a", 9), source("b", 9, step), source("c", 9), settings=settings)

    assert walk.ids == ["a:r008", "c:r008", "a:r007", "c:r007", "a:r006"]
    report = report_of(walk, "b")
    assert (report.state, report.fetched, report.has_more) == (SourceState.FAILED, 0, True)
    assert report.error is not None
    assert (report.error.code, report.error.message, report.error.retry_after_ms) == (code, message, retry_after_ms)
    assert report_of(walk, "a").state is report_of(walk, "c").state is SourceState.OK

    run(walk.page(5))
    # Of the third second only what sorts behind "a" was still to come; the two newer runs are missing.
    assert walk.ids[5:] == ["b:r006", "c:r006", "a:r005", "b:r005", "c:r005"]
    assert (report_of(walk, "b").state, report_of(walk, "b").missing) == (SourceState.PARTIAL, 2)


def test_a_source_that_fails_later_keeps_what_it_gave() -> None:
    walk = first_page(source("a", 9, "ok", "fail", max_page_size=2), first=5)

    assert walk.ids == ["a:r008", "a:r007"]
    assert (report_of(walk, "a").state, report_of(walk, "a").fetched) == (SourceState.PARTIAL, 2)
    assert walk.pages[-1].has_next

    run(walk.to_the_end(5))
    assert len(set(walk.ids)) == len(walk.ids) == 9


def test_a_list_of_failing_sources_only_has_an_end() -> None:
    walk = first_page(source("a", 9, "fail", "fail"))

    assert (walk.runs, walk.pages[-1].has_next, report_of(walk, "a").has_more) == ([], False, True)
    # Its cursor tries again all the same.
    run(walk.page(5))
    assert not walk.runs
    run(walk.to_the_end(5))
    assert len(walk.ids) == 9


def test_a_cursor_that_comes_again_is_the_end() -> None:
    walk = first_page(source("a", 9, "ok", "repeat", max_page_size=2), first=9)

    assert walk.ids == ["a:r008", "a:r007", "a:r006", "a:r005"]
    report = report_of(walk, "a")
    assert (report.state, report.has_more) == (SourceState.PARTIAL, False)
    assert report.reason == "The provider gave the cursor of an earlier page, so that there is no way on."
    assert not walk.pages[-1].has_next


def test_more_without_rows_is_looked_for_and_then_given_up() -> None:
    some = first_page(source("a", 2, *EMPTY[1:]))
    assert (len(some.ids), report_of(some, "a").state) == (2, SourceState.OK)

    endless = first_page(source("a", 2, *EMPTY), source("b", 2))
    assert endless.ids == ["b:r001", "b:r000"]
    report = report_of(endless, "a")
    assert report.error is not None
    assert (report.state, report.error.code) == (SourceState.FAILED, ErrorCode.BAD_RESPONSE)


def test_a_promise_of_more_that_is_not_kept_ends_in_an_empty_page() -> None:
    walk = Walk([source("a", 4, "full", max_page_size=4)])
    run(walk.to_the_end(4))

    assert [len(page.rows) for page in walk.pages] == [4, 0]
    assert not walk.pages[-1].has_next


def test_the_same_row_twice_is_given_once() -> None:
    twice = source("a", 6, max_page_size=2)
    twice.runs = [run for run in twice.runs for _ in range(2)]

    walk = Walk([twice])
    run(walk.to_the_end(3))
    assert walk.ids == [f"a:r{second:03}" for second in reversed(range(6))]


def test_two_scopes_with_the_same_run_give_it_once() -> None:
    class Scoped(ListedAdapter):
        scope_name = "project"

        def default_scopes(self) -> list[str]:
            return ["x", "y", "x"]

    walk = Walk([Scoped("a", [run_at(second, f"r{second}") for second in (2, 1, 0)])])
    run(walk.to_the_end(2))

    assert walk.ids == ["a:r2", "a:r1", "a:r0"]
    assert [report.scope for report in walk.pages[0].sources] == ["x", "y"]


def test_numbered_pages_that_can_not_be_told_from_old_ones_are_reported() -> None:
    """A page newer than what was read was read before. If its last row never turns up, nobody can prove it."""
    shifting = source("a", 12, numbered=True, max_page_size=3)
    walk = Walk([shifting])
    run(walk.page(3))
    shifting.runs = [*(run_at(100 + n, f"n{n}", "a") for n in range(6)), *shifting.runs[3:]]
    run(walk.to_the_end(9))

    assert walk.ids[:3] == ["a:r011", "a:r010", "a:r009"]
    assert any(report.reason and "without proof" in report.reason for page in walk.pages for report in page.sources)


def test_what_can_not_be_listed_is_said() -> None:
    class NeedsProject(ListedAdapter):
        scope_name = "project"
        scope_required = True

    class TakesTask(ListedAdapter):
        scope_name = "task"

    needs, takes, plain = NeedsProject("needs", []), TakesTask("takes", []), source("plain", 1)
    walk = first_page(FakeAdapter(name="never"), needs, takes, plain)
    assert [(report.provider, report.state.value, report.reason) for report in walk.pages[0].sources] == [
        ("never", "UNSUPPORTED", "The provider's API can't list runs."),
        (
            "needs",
            "SKIPPED",
            "Runs can be listed by project only: name one in filter.scope, or configure some.",
        ),
        ("takes", "OK", None),
        ("plain", "OK", None),
    ]

    scoped = Walk([needs, takes, plain], RunFilter(scope="s"))
    run(scoped.page(5))
    assert [(report.provider, report.state.value, report.scope) for report in scoped.pages[0].sources] == [
        ("needs", "OK", "s"),
        ("takes", "OK", "s"),
        ("plain", "SKIPPED", None),
    ]
    assert needs.queries[-1].scope == takes.queries[-1].scope == "s"


def test_filters_go_to_the_providers_that_know_them() -> None:
    knowing, other = source("knowing", 3), source("other", 3)
    knowing.filters = frozenset(Filter)
    wanted = RunFilter(
        statuses=frozenset({RunStatus.FAILED}),
        kinds=frozenset({RunKind.AGENT}),
        created_after=EPOCH,
        created_before=EPOCH + timedelta(1),
        target="t",
    )

    run(Walk([knowing, other], wanted).page(5))

    asked, unasked = knowing.queries[0], other.queries[0]
    assert (asked.statuses, asked.kinds, asked.target) == (wanted.statuses, wanted.kinds, "t")
    assert (asked.created_after, asked.created_before, asked.limit) == (EPOCH, EPOCH + timedelta(1), 6)
    assert (unasked.statuses, unasked.kinds, unasked.target) == (None, None, None)
    assert (unasked.created_after, unasked.created_before, unasked.limit) == (None, None, 7)


def test_a_scan_stops_at_runs_that_are_too_old() -> None:
    many = source("a", 100, max_page_size=10)
    walk = Walk([many], RunFilter(created_after=EPOCH + timedelta(seconds=85)))
    run(walk.to_the_end(100))

    assert len(walk.ids) == 15
    assert len(many.queries) == 2


def test_a_scan_that_is_cut_ends_the_page_and_goes_on_from_there() -> None:
    rare = source("rare", 100, max_page_size=10)
    rare.runs = [run_at(None, "x", "rare"), *rare.runs]
    rare.runs[61] = replace(run_at(39, "wanted", "rare"), status=RunStatus.FAILED)
    often = source("often", 60)
    often.filters = frozenset({Filter.STATUS})
    settings = FeedSettings(max_scanned_rows=30)
    walk = Walk([rare, often], RunFilter(statuses=frozenset({RunStatus.FAILED})), settings)

    run(walk.page(5))
    # All that is as new as what was looked through.
    assert walk.ids == []
    report = report_of(walk, "rare")
    assert (report.state, report.fetched, report.has_more) == (SourceState.PARTIAL, 30, True)
    assert report.reason == "Only 30 runs were looked through; the next page continues where this one stopped."

    run(walk.to_the_end(100))
    assert "rare:wanted" in walk.ids
    assert len(walk.ids) == len(set(walk.ids)) == 61


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (RunFilter(providers=("a", "nope")), 'filter.providers: there is no provider "nope"; configured ones: a'),
        (
            RunFilter(created_after=EPOCH + timedelta(1), created_before=EPOCH),
            "filter: createdAfter is later than createdBefore",
        ),
        (RunFilter(target=""), "filter.target: expected a text of 1 to 512 characters"),
        (RunFilter(scope="s" * 513), "filter.scope: expected a text of 1 to 512 characters"),
    ],
)
def test_filters_that_can_not_be_meant(wanted: RunFilter, message: str) -> None:
    with pytest.raises(RequestError) as raised:
        assert Walk([source("a", 1)], wanted).listing
    assert str(raised.value) == message

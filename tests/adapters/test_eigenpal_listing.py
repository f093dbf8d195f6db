"""Eigenpal's listings and batches."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from adapters.contract import Filter, Page, RunQuery
from adapters.eigenpal import EigenpalAdapter
from adapters.errors import BadResponse, InvalidInput, NotFound, RateLimited
from adapters.model import Json, Part, RunKind, RunRecord
from adapters.status import RunStatus

from .eigenpal import REMOVED, WORKFLOW, Provider, but

ROW = but(WORKFLOW, output=REMOVED, files=REMOVED)


def row(native_id: str, status: str | None = "completed", **changes: Any) -> dict[str, Any]:
    return but(ROW, id=native_id, execution__status=status, **changes)


def listed(*rows: object, cursor: object = None, **query: Any) -> tuple[Page, str]:
    """The page, and the query string of its one call without `limit`."""
    provider = Provider({"/runs": {"runs": list(rows), "nextCursor": cursor}})
    page = provider.run(provider.adapter.list_runs(RunQuery(limit=20, **query)))
    (call,) = provider.calls
    return page, call.removeprefix("GET /runs?limit=20").removeprefix("&")


def ids(page: Page) -> list[str]:
    return [run.native_id for run in page.runs]


class TestRows:
    def test_a_row_holds_the_error_alone(self) -> None:
        page, query = listed(ROW)
        assert query == ""
        assert [run.parts for run in page.runs] == [{Part.ERROR}]
        assert (page.runs[0].status, page.runs[0].tags, page.next_cursor) == (RunStatus.SUCCEEDED, ("eu",), None)

    def test_a_row_holds_what_it_brings(self) -> None:
        page, _ = listed(but(WORKFLOW, usage={"tokens": {"input": 1}}))
        assert page.runs[0].parts == {Part.ERROR, Part.OUTPUT, Part.FILES, Part.USAGE}

    def test_unreadable_rows_are_counted(self) -> None:
        page, _ = listed("row", None, {}, {"id": ""}, ROW)
        assert (ids(page), page.skipped) == (["exec_1"], 4)

    def test_the_same_row_twice_is_one(self) -> None:
        page, _ = listed(row("a"), row("b"), row("a", "failed"))
        assert (ids(page), page.skipped) == (["a", "b"], 0)
        assert page.runs[0].status is RunStatus.SUCCEEDED

    @pytest.mark.parametrize("body", [{}, {"runs": None}, {"runs": {}}, [], None, {"data": []}])
    def test_what_is_no_list(self, body: Json) -> None:
        provider = Provider({"/runs": body})
        with pytest.raises(BadResponse):
            provider.run(provider.adapter.list_runs(RunQuery(limit=1)))

    @pytest.mark.parametrize(("limit", "sent"), [(0, 1), (1, 1), (100, 100), (1000, 100)])
    def test_limit(self, limit: int, sent: int) -> None:
        provider = Provider({"/runs": {"runs": []}})
        provider.run(provider.adapter.list_runs(RunQuery(limit=limit)))
        assert provider.calls == [f"GET /runs?limit={sent}"]


class TestCursors:
    def test_there_and_back(self) -> None:
        page, _ = listed(ROW, cursor="a b=/+")
        assert page.next_cursor == "eigenpal:a b=/+"
        provider = Provider({"/runs": {"runs": [ROW]}})
        provider.run(provider.adapter.list_runs(RunQuery(limit=20, cursor=page.next_cursor)))
        assert provider.requests[0].url.params["cursor"] == "a b=/+"

    @pytest.mark.parametrize("cursor", [None, "", {}, []])
    def test_no_further_page(self, cursor: object) -> None:
        page, _ = listed(ROW, cursor=cursor)
        assert (page.next_cursor, page.incomplete) == (None, False)

    def test_a_missing_key_is_the_end(self) -> None:
        provider = Provider({"/runs": {"runs": [ROW]}})
        assert provider.run(provider.adapter.list_runs(RunQuery(limit=1))).next_cursor is None

    def test_the_cursor_that_was_sent_is_the_end(self) -> None:
        provider = Provider({"/runs": {"runs": [ROW], "nextCursor": "7"}})
        page = provider.run(provider.adapter.list_runs(RunQuery(limit=1, cursor="eigenpal:7")))
        assert (ids(page), page.next_cursor, page.incomplete) == (["exec_1"], None, True)

    def test_more_promised_but_no_row_is_the_end(self) -> None:
        page, _ = listed(cursor="7")
        assert (page.runs, page.next_cursor, page.incomplete) == ((), None, True)

    def test_rows_that_do_not_fit_are_not_the_end(self) -> None:
        page, _ = listed(row("a"), cursor="7", statuses=frozenset({RunStatus.UNKNOWN}))
        assert (page.runs, page.next_cursor, page.incomplete) == ((), "eigenpal:7", False)

    @pytest.mark.parametrize("cursor", ["", "7", "eigenpal:", "eigenpal:\x00", "eigenpal:" + "x" * 5000, "refactor:7"])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        provider = Provider({})
        with pytest.raises(InvalidInput):
            provider.run(provider.adapter.list_runs(RunQuery(limit=1, cursor=cursor)))
        assert not provider.calls


class TestStatusFilter:
    @pytest.mark.parametrize(
        ("statuses", "query"),
        [
            ({RunStatus.QUEUED}, "status=created,pending"),
            ({RunStatus.RUNNING, RunStatus.WAITING}, "status=running,finalizing,waiting"),
            ({RunStatus.SUCCEEDED, RunStatus.TIMED_OUT}, "status=completed"),
            ({RunStatus.FAILED, RunStatus.REJECTED, RunStatus.CANCELLED}, "status=failed,cancelled,rejected"),
            ({RunStatus.CANCELLING}, "status=created,pending,running,finalizing,waiting"),
            ({RunStatus.CANCELLING, RunStatus.FAILED}, "status=created,pending,running,finalizing,waiting,failed"),
            ({RunStatus.UNKNOWN}, ""),
            ({RunStatus.UNKNOWN, RunStatus.FAILED}, ""),
        ],
    )
    def test_words_sent(self, statuses: set[RunStatus], query: str) -> None:
        assert listed(statuses=frozenset(statuses))[1] == query

    @pytest.mark.parametrize("statuses", [frozenset[RunStatus](), frozenset({RunStatus.TIMED_OUT})])
    def test_what_no_run_can_have_is_not_asked_for(self, statuses: frozenset[RunStatus]) -> None:
        provider = Provider({})
        assert provider.run(provider.adapter.list_runs(RunQuery(limit=1, statuses=statuses))) == Page(())
        assert not provider.calls

    def test_reported_rows_that_do_not_fit_are_left_out(self) -> None:
        page, _ = listed(
            row("a", "running"),
            row("b", "archived"),
            row("c", "failed"),
            statuses=frozenset({RunStatus.UNKNOWN, RunStatus.FAILED}),
        )
        assert (ids(page), page.skipped) == (["b", "c"], 0)

    def test_the_providers_word_is_taken_for_a_derived_status(self) -> None:
        """In the seed's era a waiting run looks like a running one; the provider knows."""
        waiting = row("a", None, finished=False)
        page, _ = listed(waiting, statuses=frozenset({RunStatus.WAITING}))
        assert [(run.native_id, run.status) for run in page.runs] == [("a", RunStatus.RUNNING)]

    def test_cancelling_is_picked_out_here(self) -> None:
        asked = "2026-04-11T08:00:05Z"
        page, _ = listed(
            row("a", None, finished=False),
            row("b", None, finished=False, timing__cancelRequestedAt=asked),
            row("c", "running", finished=False, timing__cancelRequestedAt=asked),
            statuses=frozenset({RunStatus.CANCELLING}),
        )
        assert ids(page) == ["b"]


class TestOtherFilters:
    def test_all_are_applied(self) -> None:
        assert EigenpalAdapter.filters == frozenset(Filter)

    @pytest.mark.parametrize(
        ("kinds", "query"),
        [
            ({RunKind.AGENT}, "type=agent"),
            ({RunKind.WORKFLOW, RunKind.PROMPT}, "type=workflow"),
            ({RunKind.AGENT, RunKind.WORKFLOW}, ""),
            ({RunKind.UNKNOWN}, ""),
            ({RunKind.UNKNOWN, RunKind.AGENT}, ""),
        ],
    )
    def test_kinds_sent(self, kinds: set[RunKind], query: str) -> None:
        assert listed(kinds=frozenset(kinds))[1] == query

    def test_kinds_that_do_not_fit_are_left_out(self) -> None:
        rows = (row("a"), row("b", type="agent"), row("c", type="pipeline"))
        page, _ = listed(*rows, kinds=frozenset({RunKind.UNKNOWN, RunKind.AGENT}))
        assert ids(page) == ["b", "c"]

    def test_kinds_that_no_run_has_are_not_asked_for(self) -> None:
        provider = Provider({})
        query = RunQuery(limit=1, kinds=frozenset({RunKind.PROMPT}))
        assert provider.run(provider.adapter.list_runs(query)) == Page(())
        assert not provider.calls

    def test_target(self) -> None:
        assert listed(target="wf_po & more")[1] == "source=wf_po+&+more"

    def test_times_are_inclusive_to_the_microsecond(self) -> None:
        moment = datetime(2026, 4, 11, 8, 0, 0, 120_000, UTC)
        rows = [
            row(str(n), timing__createdAt=(moment + timedelta(milliseconds=n)).isoformat()) for n in (-2, -1, 0, 1, 2)
        ]
        page, query = listed(*rows, row("x", timing={}), created_after=moment, created_before=moment)
        assert ids(page) == ["0", "x"]
        assert query == "createdAfter=2026-04-11T08:00:00.119Z&createdBefore=2026-04-11T08:00:00.121Z"

    def test_times_between_milliseconds_and_in_another_zone(self) -> None:
        zone = timezone(timedelta(hours=2))
        _, query = listed(
            created_after=datetime(2026, 4, 11, 10, 0, 0, 119_999, zone),
            created_before=datetime(2026, 4, 11, 10, 0, 0, 120_001, zone),
        )
        assert query == "createdAfter=2026-04-11T08:00:00.118Z&createdBefore=2026-04-11T08:00:00.122Z"

    def test_times_at_the_ends_of_the_calendar(self) -> None:
        first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        assert listed(ROW, created_after=first, created_before=last)[1] == ""


def batched(answer: object, *native_ids: str) -> tuple[dict[str, Any], Provider]:
    provider = Provider({"/runs": answer})
    return dict(provider.run(provider.adapter.fetch_many(native_ids, frozenset()))), provider


class TestBatches:
    def test_one_call_for_a_hundred(self) -> None:
        native_ids = [f"exec_{number}" for number in range(100)]
        outcomes, provider = batched({"runs": [row(n) for n in reversed(native_ids)], "nextCursor": None}, *native_ids)
        assert provider.calls == [f"GET /runs?ids={','.join(native_ids)}&limit=100"]
        assert list(outcomes) == native_ids
        assert all(outcome.native_id == native_id for native_id, outcome in outcomes.items())
        assert all(outcome.parts == {Part.ERROR} for outcome in outcomes.values())

    def test_what_is_not_in_the_answer_is_not_found(self) -> None:
        outcomes, provider = batched({"runs": [row("a")], "nextCursor": None}, "a", "b", "a")
        assert isinstance(outcomes["a"], RunRecord)
        assert isinstance(outcomes["b"], NotFound)
        assert provider.calls == ["GET /runs?ids=a,b&limit=2"]

    @pytest.mark.parametrize("answer", [{"runs": [row("z"), row("a")]}, {"runs": [row("a")], "nextCursor": "2"}])
    def test_ids_that_were_not_applied_prove_nothing(self, answer: object) -> None:
        outcomes, _ = batched(answer, "a", "b")
        assert isinstance(outcomes["a"], RunRecord)
        assert isinstance(outcomes["b"], BadResponse)
        assert list(outcomes) == ["a", "b"]

    def test_unreadable_and_repeated_rows(self) -> None:
        outcomes, _ = batched({"runs": [None, {}, row("a"), row("a", "failed")]}, "a", "b")
        assert outcomes["a"].status is RunStatus.SUCCEEDED
        assert isinstance(outcomes["b"], NotFound)

    def test_ids_that_a_list_with_commas_can_not_hold(self) -> None:
        long = "x" * 65

        def alone(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=but(WORKFLOW, id=request.url.path.rpartition("/")[2]))

        provider = Provider({"/runs": {"runs": [row("a")]}, "/runs/b,c": alone, f"/runs/{long}": alone})
        outcomes = provider.run(provider.adapter.fetch_many(["b,c", "a", long, "", "d\n", "e,f"], frozenset()))
        assert provider.calls[0] == "GET /runs?ids=a&limit=1"
        assert sorted(provider.calls[1:]) == ["GET /runs/b,c", "GET /runs/e,f", f"GET /runs/{long}"]
        kinds = {native_id: type(outcome).__name__ for native_id, outcome in outcomes.items()}
        assert list(kinds.items()) == [
            ("b,c", "EigenpalRecord"),
            ("a", "EigenpalRecord"),
            (long, "EigenpalRecord"),
            ("", "InvalidInput"),
            ("d\n", "InvalidInput"),
            ("e,f", "NotFound"),
        ]

    def test_nothing_to_batch_is_no_call(self) -> None:
        assert batched({"runs": []})[1].calls == []

    def test_a_failure_of_the_call_raises(self) -> None:
        with pytest.raises(RateLimited):
            batched(429, "a", "b")
        with pytest.raises(BadResponse):
            batched({"items": []}, "a", "b")

    def test_what_a_batch_can_bring(self) -> None:
        assert (EigenpalAdapter.max_batch, EigenpalAdapter.batch_parts) == (100, {Part.ERROR})

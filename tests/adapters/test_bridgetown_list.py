"""Listing Bridge Town's runs: the 50 latest of a project, filtered by status, read in pieces."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.bridgetown import STATUSES
from adapters.contract import Page, RunQuery
from adapters.errors import BadResponse, ErrorCode, InvalidInput, Unauthenticated, UpstreamFault
from adapters.model import Part, RunError
from adapters.status import RunStatus
from tests.support import run

from .mcp_server import Answer, Server, replying
from .test_bridgetown import RUN, answering, opened

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
KEYS = ("run_number", "commit_sha", "started_at", "finished_at")


def row(number: int, status: str = "success", **changes: object) -> dict[str, Any]:
    """The row of run `number`, which is that many minutes old at noon."""
    created_at = (NOON - timedelta(minutes=number)).isoformat()
    return {key: RUN[key] for key in KEYS} | {
        "run_id": f"{number + 1000:08x}",
        "status": status,
        "created_at": created_at,
        **changes,
    }


class Project:
    """Answers `list_runs` as documented, from `rows`. `calls` are the arguments of each call."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.rows = list(rows)
        self.calls: list[dict[str, Any]] = []

    def __call__(self, _: httpx.Request, message: Any) -> httpx.Response:
        assert message["params"]["name"] == "list_runs"
        arguments = message["params"]["arguments"]
        self.calls.append(arguments)
        found = [row for row in self.rows if arguments.get("status") in (None, row["status"])]
        found = found[: min(arguments["limit"], 50)]
        answer = {"project_name": arguments["project_name"], "runs": found, "total_returned": len(found)}
        return answering(answer)(_, message)

    def page(self, limit: int = 20, scope: str | None = "ledger", **query: Any) -> Page:
        return run(opened(Server(tool=self)).list_runs(RunQuery(limit=limit, scope=scope, **query)))

    def walk(self, *limits: int, **query: Any) -> tuple[list[str], Page]:
        """The ids of all pages, and the last page."""
        ids: list[str] = []
        cursor = None
        for number in range(60):
            page = self.page(limits[min(number, len(limits) - 1)], cursor=cursor, **query)
            ids += [record.native_id for record in page.runs]
            if (cursor := page.next_cursor) is None:
                return ids, page
        raise AssertionError("there is no end")


def ids(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [row["run_id"] for row in rows]


def test_rows() -> None:
    project = Project([row(0), row(1)])
    page = project.page(10)
    assert project.calls == [{"project_name": "ledger", "limit": 10}]
    first, _ = page.runs
    assert first.created_at == NOON
    assert first.target is not None
    assert (first.target.name, first.parts, first.output_truncated) == ("ledger", {Part.ERROR}, None)
    assert (page.next_cursor, page.skipped, page.incomplete) == (None, 0, False)


@pytest.mark.parametrize(("word", "status"), STATUSES.words.items())
def test_a_row_holds_the_error_unless_the_run_has_one(word: str, status: RunStatus) -> None:
    (record,) = Project([row(0, word)]).page().runs
    has_error = status in (RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED)
    assert (record.status, record.error) == (status, None)
    assert (Part.ERROR in record.parts) is not has_error


@pytest.mark.parametrize("message", [None, "", "out of memory"])
def test_a_row_with_an_error_message_holds_the_error(message: str | None) -> None:
    (record,) = Project([row(0, "failed", error_message=message)]).page().runs
    assert record.error == RunError(code=ErrorCode.UNKNOWN, message=message or None)
    assert record.parts == {Part.ERROR}


def test_project_name_is_the_answers_else_the_arguments() -> None:
    for answer, name in (({"project_name": "Ledger"}, "Ledger"), ({}, "ledger"), ({"project_name": None}, "ledger")):
        server = Server(tool=answering({**answer, "runs": [row(0)]}))
        page = run(opened(server).list_runs(RunQuery(limit=5, scope="ledger")))
        assert page.runs[0].target is not None
        assert page.runs[0].target.name == name


@pytest.mark.parametrize("scope", [None, ""])
def test_scope_is_required(scope: str | None) -> None:
    project = Project([])
    with pytest.raises(InvalidInput, match="project"):
        project.page(scope=scope)
    assert project.calls == []


@pytest.mark.parametrize(("limit", "sent"), [(1, 1), (50, 50), (51, 50), (1000, 50), (0, 1)])
def test_limit_is_clamped(limit: int, sent: int) -> None:
    project = Project([row(0)])
    project.page(limit)
    assert project.calls[0]["limit"] == sent


def test_pages_read_the_list_again() -> None:
    rows = [row(number) for number in range(12)]
    project = Project(rows)
    found, last = project.walk(5)
    assert found == ids(rows)
    assert not last.incomplete
    assert [call["limit"] for call in project.calls] == [5, 50, 50]
    assert Project(rows).walk(4, 1, 50)[0] == ids(rows)
    assert Project(rows).walk(12)[0] == ids(rows)


def test_end_of_what_can_be_reached() -> None:
    rows = [row(number) for number in range(60)]
    for limits in ((50,), (20,), (49,), (100,)):
        found, last = Project(rows).walk(*limits)
        assert found == ids(rows)[:50]
        assert last.incomplete
    found, last = Project(rows[:49]).walk(50)
    assert (len(found), last.incomplete) == (49, False)


def test_runs_that_arrive_while_pages_are_read() -> None:
    rows = [row(number) for number in range(12)]
    project = Project(rows)
    first = project.page(5)
    project.rows = [row(-2), row(-1), *rows]
    rest = project.page(50, cursor=first.next_cursor)
    assert [record.native_id for record in (*first.runs, *rest.runs)] == ids(rows)


def test_last_run_that_left_the_list() -> None:
    """A run that changed its status, or is no longer among the 50 latest: the older ones follow."""
    rows = [row(number, "running") for number in range(12)]
    project = Project(rows)
    first = project.page(5, statuses=frozenset({RunStatus.RUNNING}))
    project.rows[4] = row(4, "success")
    rest = project.page(50, cursor=first.next_cursor, statuses=frozenset({RunStatus.RUNNING}))
    assert [record.native_id for record in rest.runs] == ids(rows)[5:]
    project.rows = [row(-number) for number in range(60, 0, -1)]
    rest = project.page(50, cursor=first.next_cursor)
    assert (rest.runs, rest.next_cursor, rest.incomplete) == ((), None, True)


@pytest.mark.parametrize("word", STATUSES.words)
def test_one_status_is_one_call(word: str) -> None:
    rows = [row(number, status) for number, status in enumerate(STATUSES.words)]
    project = Project(rows)
    page = project.page(statuses=frozenset({STATUSES.words[word]}))
    assert project.calls == [{"project_name": "ledger", "limit": 20, "status": word}]
    assert [record.raw_status for record in page.runs] == [word]


def test_several_statuses_are_several_calls_merged() -> None:
    words = ("success", "failed", "running")
    rows = [row(number, words[number % 3]) for number in range(30)]
    wanted = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED})
    expected = ids([row for row in rows if row["status"] != "running"])
    project = Project(rows)
    page = project.page(6, statuses=wanted)
    assert sorted(call["status"] for call in project.calls) == ["failed", "success"]
    assert [record.native_id for record in page.runs] == expected[:6]
    assert Project(rows).walk(6, statuses=wanted)[0] == expected


def test_statuses_without_a_word() -> None:
    project = Project([row(0)])
    page = project.page(statuses=frozenset({RunStatus.WAITING, RunStatus.REJECTED}))
    assert (page.runs, page.next_cursor, project.calls) == ((), None, [])
    assert project.page(statuses=frozenset()).runs == ()


def test_unknown_status_is_looked_for_among_all() -> None:
    project = Project([row(0), row(1, "archived"), row(2, "failed"), row(3, "success")])
    page = project.page(1, statuses=frozenset({RunStatus.UNKNOWN}))
    assert project.calls == [{"project_name": "ledger", "limit": 50}]
    assert [record.raw_status for record in page.runs] == ["archived"]
    found, _ = project.walk(5, statuses=frozenset({RunStatus.UNKNOWN, RunStatus.FAILED}))
    assert found == ids(project.rows[1:3])


def test_server_that_ignores_the_status() -> None:
    server = Server(tool=answering({"runs": [row(0), row(1, "failed")]}))
    query = RunQuery(limit=5, scope="ledger", statuses=frozenset({RunStatus.FAILED}))
    assert [record.raw_status for record in run(opened(server).list_runs(query)).runs] == ["failed"]


def test_order() -> None:
    """Newest first, whatever the order of the answer; as answered where a row does not say when."""
    rows = [row(2), row(0), row(1), row(0)]
    assert [record.native_id for record in Project(rows).page().runs] == ids([row(0), row(1), row(2)])
    rows = [row(2), row(0, created_at=None), row(1)]
    assert [record.native_id for record in Project(rows).page().runs] == ids(rows)


def test_rows_that_are_no_runs() -> None:
    rows: list[object] = [row(0), row(1, run_id=None), {}, None, "row", [], row(2, run_id=7)]
    server = Server(tool=answering({"runs": rows}))
    page = run(opened(server).list_runs(RunQuery(limit=50, scope="ledger")))
    assert ([record.native_id for record in page.runs], page.skipped) == (ids([row(0)]), 6)


@pytest.mark.parametrize("runs", [None, {}, "x", 7])
def test_no_list(runs: object) -> None:
    with pytest.raises(BadResponse):
        run(opened(Server(tool=answering({"runs": runs}))).list_runs(RunQuery(limit=5, scope="ledger")))


def test_errors() -> None:
    """A missing project is a matter of what was asked, and not a missing run."""

    def listed(answer: Answer, **query: Any) -> None:
        run(opened(Server(tool=answer)).list_runs(RunQuery(limit=5, scope="ledger", **query)))

    with pytest.raises(InvalidInput, match="no such project"):
        listed(answering({"error": "project_not_found", "message": "project 'x' not found"}))
    with pytest.raises(UpstreamFault):
        listed(answering({"error": "storage_down"}))
    with pytest.raises(Unauthenticated):
        listed(replying(401, {}), statuses=frozenset({RunStatus.FAILED, RunStatus.SUCCEEDED}))


@pytest.mark.parametrize(
    "cursor",
    ["", "/", "abc", "/xyz", "yesterday/abc", "2026-06-03T12:00:00/abc", "2026-06-03/abc", "2026-06-03T12:00:00Z/"],
)
def test_foreign_cursor(cursor: str) -> None:
    project = Project([])
    with pytest.raises(InvalidInput):
        project.page(cursor=cursor)
    assert project.calls == []


def test_listing_and_looking_up_share_a_session() -> None:
    server = Server(tool=lambda _, message: answering({**RUN, "runs": [row(0)]})(_, message))

    async def together() -> None:
        adapter = opened(server)
        query = RunQuery(limit=5, scope="ledger")
        await asyncio.gather(adapter.list_runs(query), adapter.fetch(RUN["run_id"], frozenset()))

    run(together())
    assert [json.loads(request.content)["method"] for request in server.requests].count("initialize") == 1

"""Rightbrain: how runs are listed, and where a list ends."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given

from adapters import errors
from adapters.contract import RunQuery
from adapters.errors import AdapterError
from adapters.model import Part, RunRecord
from adapters.rightbrain import RightbrainAdapter
from adapters.testing.mutations import STABLE, mutated
from adapters.testing.validity import faults
from tests.support import run

from .rightbrain import ID, PROJECT, ROW_PARTS, TASK, Api, document


def page(*rows: object, **pagination: Any) -> httpx.Response:
    return httpx.Response(200, json={"results": list(rows), "pagination": pagination or None})


def test_a_project_and_a_task_are_listed_with_whole_runs() -> None:
    api = Api(page(document(), has_next=False, next_cursor=None))
    for scope, path in ((None, "task_run"), (TASK, f"task/{TASK}/run")):
        listed = api.list(scope=scope)
        assert api.calls.pop() == f"GET {PROJECT}/{path}?page_limit=20"
        (row,) = listed.runs
        assert row.parts == ROW_PARTS | {Part.RAW}
        assert (listed.next_cursor, listed.skipped) == (None, 0)


def test_a_row_is_what_a_look_up_gives() -> None:
    row = Api(page(document())).list().runs[0]
    assert row == Api(httpx.Response(200, json=document())).fetch(parts=frozenset({Part.RAW}))


@pytest.mark.parametrize(("limit", "sent"), [(0, 1), (1, 1), (100, 100), (1000, 100)])
def test_page_limits(limit: int, sent: int) -> None:
    api = Api(page())
    api.list(limit=limit)
    assert api.calls == [f"GET {PROJECT}/task_run?page_limit={sent}"]


def test_a_list_is_walked_to_its_end() -> None:
    async def scenario() -> list[RunRecord]:
        adapter, found, cursor = api.adapter(), list[RunRecord](), None
        while True:
            listed = await adapter.list_runs(RunQuery(limit=1, cursor=cursor))
            found += listed.runs
            cursor = listed.next_cursor
            if cursor is None:
                return found

    def reply(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("cursor", "cur-0").removeprefix("cur-"))
        row = document(id=f"019b4c13-1111-7d31-9f04-00000000000{number}")
        return page(row, next_cursor=f"cur-{number + 1}" if number < 2 else None, has_next=number < 2)

    api = Api(reply)
    assert [record.native_id[-1] for record in run(scenario())] == ["0", "1", "2"]
    query = "page_limit=1"
    assert api.calls == [f"GET {PROJECT}/task_run?{query}{more}" for more in ("", "&cursor=cur-1", "&cursor=cur-2")]


@pytest.mark.parametrize(
    ("pagination", "incomplete"),
    [
        (None, False),
        ({}, False),
        ([], False),
        ({"next_cursor": None, "has_next": False}, False),
        ({"next_cursor": "c", "has_next": False}, False),
        ({"next_cursor": None, "has_next": True}, True),
        ({"next_cursor": "", "has_next": True}, True),
        ({"next_cursor": "sent", "has_next": True}, True),
        ({"next_cursor": "sent"}, True),
        ({"next_cursor": ["c"], "has_next": True}, True),
        ({"next_cursor": "not a cursor", "has_next": True}, True),
    ],
)
def test_the_end_of_a_list(pagination: object, incomplete: bool) -> None:
    """A list that promises more and does not say where is at its end, and says that it is short."""
    api = Api(httpx.Response(200, json={"results": [document()], "pagination": pagination}))
    listed = api.list(cursor="after:sent")
    assert (len(listed.runs), listed.next_cursor, listed.incomplete) == (1, None, incomplete)


def test_a_page_without_rows_is_the_last_whatever_it_promises() -> None:
    listed = Api(page(next_cursor="c", has_next=True)).list()
    assert (listed.next_cursor, listed.incomplete) == (None, True)


def test_a_cursor_without_has_next_is_followed() -> None:
    assert Api(page(document(), next_cursor="c")).list().next_cursor == "after:c"


@pytest.mark.parametrize(
    "cursor", ["", "c", "after:", "after:a b", "after:ä", "AFTER:c", "page:2", "after:" + "x" * 201]
)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    api = Api(page())
    with pytest.raises(errors.InvalidInput, match="cursor"):
        api.list(cursor=cursor)
    assert api.requests == []


@pytest.mark.parametrize("scope", ["", "forecasts", f"{TASK}/run", ".."])
def test_a_scope_that_is_no_task_is_refused(scope: str) -> None:
    api = Api(page())
    with pytest.raises(errors.InvalidInput, match="task"):
        api.list(scope=scope)
    assert api.requests == []


def test_unreadable_rows_are_skipped_and_counted() -> None:
    listed = Api(page({"note": "no id"}, document(), None, "text", document(task_id=None))).list()
    assert [row.native_id for row in listed.runs] == [ID]
    assert listed.skipped == 4


def test_a_row_that_comes_twice_is_one_run() -> None:
    listed = Api(page(document(), document(reference="again"))).list()
    assert [row.native_id for row in listed.runs] == [ID]
    assert listed.skipped == 0


@pytest.mark.parametrize("body", [None, [], {}, {"results": None}, {"results": {}}, {"results": "x"}])
def test_a_body_that_is_no_list(body: object) -> None:
    with pytest.raises(errors.BadResponse):
        Api(httpx.Response(200, json=body)).list()


@STABLE
@given(mutated({"results": [document(created=None)], "pagination": {"next_cursor": "c", "has_next": True}}))
def test_reading_lists_is_total(body: object) -> None:
    content = json.dumps(body, default=str).encode()
    try:
        listed = Api(httpx.Response(200, content=content)).list()
    except AdapterError:
        return
    assert [fault for row in listed.runs for fault in faults(row, RightbrainAdapter, "rb")] == []


def test_check_lists_one_run() -> None:
    api = Api(page())
    run(api.adapter().check())
    assert api.calls == [f"GET {PROJECT}/task_run?page_limit=1"]
    with pytest.raises(errors.Unauthenticated):
        run(Api(httpx.Response(401)).adapter().check())

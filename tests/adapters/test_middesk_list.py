"""Listing Middesk's runs: numbered pages that move while they are read."""

from typing import Any

import httpx
import pytest

from adapters.contract import Page, RunQuery
from adapters.errors import BadResponse, InvalidInput
from adapters.model import Part
from tests.support import run

from .recorder import Recorder
from .test_middesk import RUN, opened, with_, without


def listed(transport: httpx.AsyncBaseTransport, limit: int = 20, **query: Any) -> Page:
    return run(opened(transport).list_runs(RunQuery(limit=limit, **query)))


def rows(*ids: str) -> list[dict[str, Any]]:
    return [with_(id=native_id) for native_id in ids]


def test_list_page() -> None:
    transport = Recorder({"object": "list", "data": rows("a", "b"), "has_more": True, "total_count": 9})
    page = listed(transport, limit=2)
    assert transport.targets == ["GET /v1/runs?page=1&per_page=2"]
    assert [record.native_id for record in page.runs] == ["a", "b"]
    assert page.next_cursor == "2:2:b"
    listed(transport, limit=2, cursor=page.next_cursor)
    assert transport.targets[1:] == ["GET /v1/runs?page=2&per_page=2"]
    listed(transport, limit=1000)
    assert transport.targets[2:] == ["GET /v1/runs?page=1&per_page=100"]


def test_list_rows_hold_what_they_have() -> None:
    page = listed(Recorder({"data": [RUN, without("output")], "has_more": False}))
    assert page.runs[0].parts == {Part.ERROR, Part.OUTPUT}
    page = listed(Recorder({"data": [without("output")], "has_more": False}))
    assert page.runs[0].parts == {Part.ERROR}


class Numbered(httpx.AsyncBaseTransport):
    """Lists `ids` by numbered page; `arrivals` are put in front, some before each call but the first."""

    def __init__(self, ids: list[str], *arrivals: list[str]) -> None:
        self.ids = ids
        self.arrivals = [list[str](), *arrivals]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.arrivals:
            self.ids = [*self.arrivals.pop(0), *self.ids]
        page, per_page = int(request.url.params["page"]), int(request.url.params["per_page"])
        found = self.ids[(page - 1) * per_page : page * per_page]
        return httpx.Response(200, json={"data": rows(*found), "has_more": page * per_page < len(self.ids)})


def walked(transport: httpx.AsyncBaseTransport, *limits: int) -> list[str]:
    """The ids of all pages, asked for with these limits, the last one again and again."""
    ids: list[str] = []
    cursor = None
    for number in range(100):
        page = listed(transport, limit=limits[min(number, len(limits) - 1)], cursor=cursor)
        assert len(page.runs) <= limits[min(number, len(limits) - 1)]
        ids += [record.native_id for record in page.runs]
        if (cursor := page.next_cursor) is None:
            return ids
    raise AssertionError("there is no end")


def test_pages_that_overlap_because_runs_arrive() -> None:
    ids = [f"r{number}" for number in range(11)]
    assert walked(Numbered(ids), 3) == ids
    assert walked(Numbered(ids, ["n1"], ["n2", "n3"], []), 3) == ids
    assert walked(Numbered(ids, ["n1", "n2"], ["n3"], ["n4"]), 4) == ids


def test_limits_that_change_on_the_way() -> None:
    ids = [f"r{number}" for number in range(11)]
    assert walked(Numbered(ids), 4, 3) == ids
    assert walked(Numbered(ids), 4, 1) == ids
    assert walked(Numbered(ids), 3, 100) == ids
    assert walked(Numbered(ids, ["n1"], [], ["n2"]), 5, 2) == ids


def test_server_that_ignores_the_page_number() -> None:
    transport = Recorder({"data": rows("a", "b"), "has_more": True})
    assert walked(transport, 2) == ["a", "b"]
    assert len(transport.requests) == 2
    assert listed(transport, limit=2, cursor="2:2:b").incomplete


def test_row_that_stands_twice() -> None:
    page = listed(Recorder({"data": rows("a", "b", "a"), "has_more": False}))
    assert [record.native_id for record in page.runs] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "cursor"),
    [
        ({"data": rows("a", "b"), "has_more": False}, None),
        ({"data": rows("a", "b"), "has_more": False, "total_count": 9}, None),
        ({"data": rows("a", "b"), "total_count": 2}, None),
        ({"data": rows("a", "b"), "total_count": 3}, "2:2:b"),
        ({"data": rows("a", "b")}, "2:2:b"),
        ({"data": rows("a")}, None),
        ({"data": rows("a", "b"), "has_more": "yes", "total_count": "?"}, "2:2:b"),
        ({"data": [], "has_more": True}, None),
        ({"data": None, "has_more": True}, None),
        ({"object": "list", "has_more": False}, None),
        ({"data": []}, None),
    ],
)
def test_end_of_list(body: object, cursor: str | None) -> None:
    assert listed(Recorder(body), limit=2).next_cursor == cursor


def test_rows_that_are_no_runs() -> None:
    data: list[object] = [*rows("a"), without("id"), with_(id=None), None, "row", 7, []]
    page = listed(Recorder({"data": data, "has_more": False}))
    assert ([record.native_id for record in page.runs], page.skipped) == (["a"], 6)
    page = listed(Recorder({"data": [None], "has_more": True}))
    assert (page.runs, page.next_cursor, page.skipped, page.incomplete) == ((), None, 1, True)


@pytest.mark.parametrize("body", [{}, [], None, "x", {"errors": []}, {"data": "x"}, {"data": {}, "has_more": False}])
def test_no_list(body: object) -> None:
    with pytest.raises(BadResponse):
        listed(Recorder(body))


@pytest.mark.parametrize("cursor", ["", "2", "2:2", "2:2:", "0:2:a", "2:0:a", "2:101:a", "x:2:a", "-1:2:a", " 2:2:a"])
def test_foreign_cursor(cursor: str) -> None:
    transport = Recorder({})
    with pytest.raises(InvalidInput):
        listed(transport, cursor=cursor)
    assert transport.requests == []

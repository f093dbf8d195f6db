"""Listing, for adapters that can, and the contract of those that can't."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from urllib.parse import unquote

import httpx
import pytest

from adapters.contract import Capability, ListsRuns, Page, capabilities_of
from adapters.errors import AdapterError, BadResponse, InvalidInput, RateLimited, Unavailable
from adapters.model import Json
from adapters.status import RunStatus

from .case import Listing, query_of, walk
from .fixtures import Fixture, ReplayTransport, handshake_reply
from .mutations import REMOVED, JsonPath, at, changed
from .suite_base import Suite
from .suite_errors import BROKEN_BODIES, Fault, FaultyTransport, raising, replying
from .validity import faults

HOSTILE_TEXTS = ("a/../b", "..", "", "%2e%2e", "a&b=c", "a?b", "\x00", "\ud800", "\U0001f642", "a" * 10_000, '{"a": 1}')
FOREIGN_CURSORS = ("%%%", "\x00", "\U0001f642", "-1", "1e9", "../x", "a" * 5000, '{"page": 2}', " ")
_NO_ID: Sequence[Json] = (REMOVED, None, "", 7.5, {})
_NO_ROW: Sequence[Json] = (None, "row", 7, [])
_NO_CURSOR: Sequence[Json] = (REMOVED, None, "", {})


class ListingSuite(Suite):
    """An adapter with the ability to list; the canned pages are those of the fixture that `Listing` names."""

    def test_lists(self) -> None:
        assert Capability.LIST in capabilities_of(self.case.adapter)
        adapter = self._lister(ReplayTransport(()))
        assert adapter.max_page_size > 0
        assert adapter.scope_name is not None or not adapter.scope_required

    def test_pages_join(self) -> None:
        """Every row once, in the order of the replies, and then an end."""
        pages = self._walk(self._list_fixture)
        listed = [run.native_id for page in pages for run in page.runs]
        rows = [row for rows in self._rows_of(self._list_fixture) for row in rows]
        in_replies = [row_id for row in rows if (row_id := self._id_of(row))]
        # An id may have to say more than the row's own, before a slash.
        for native_id, row_id in zip(listed, in_replies, strict=True):
            assert f"/{native_id}".endswith(f"/{row_id}")
        assert len(set(listed)) == len(listed)
        assert len(listed) > 1
        assert sum(page.skipped for page in pages) == len(rows) - len(in_replies)

    def test_rows_are_valid_records(self) -> None:
        for page in self._walk(self._list_fixture):
            for run in page.runs:
                assert faults(run, self.case.adapter, self.case.name) == []

    def test_rows_hold_what_the_adapter_says(self) -> None:
        adapter = self._lister(ReplayTransport(()))
        assert adapter.row_parts <= frozenset(self.case.adapter.parts)
        for page in self._walk(self._list_fixture):
            for run in page.runs:
                assert adapter.row_parts <= run.parts

    def test_a_page_takes_no_more_calls_than_the_adapter_says(self) -> None:
        for statuses in (None, *(frozenset({status}) for status in RunStatus), frozenset(RunStatus)):
            query = replace(query_of(self._list_fixture), statuses=statuses, cursor=None)
            transport = ReplayTransport(self._list_fixture.exchanges, strict=False, otherwise=500)
            lister = self._lister(transport)
            with contextlib.suppress(AdapterError):
                asyncio.run(lister.list_runs(query))
            calls = [request for request in transport.requests if handshake_reply(request) is None]
            assert len(calls) <= lister.calls_for(query)

    def test_row_without_id_is_skipped_and_counted(self) -> None:
        path = (*self._listing.rows, 0, *self._listing.row_id)
        position = self.case.position_of(self._list_fixture, path)
        listed, skipped = self._totals(self._list_fixture)
        for value in _NO_ID:
            assert self._totals(self._list_with(position, path, value)) == (listed - 1, skipped + 1)

    def test_same_row_twice_in_a_page(self) -> None:
        position = self._page_positions[0]
        rows = cast("list[Json]", at(self._list_fixture.exchanges[position].body, self._listing.rows))
        repeated = self._list_with(position, self._listing.rows, [rows[0], *rows])
        assert self._totals(repeated) == self._totals(self._list_fixture)

    def test_newest_first(self) -> None:
        created = [run.created_at for page in self._walk(self._list_fixture) for run in page.runs]
        assert sorted(filter(None, created), reverse=True) == list(filter(None, created))

    def test_row_that_is_no_object_is_skipped_and_counted(self) -> None:
        path = (*self._listing.rows, 0)
        position = self.case.position_of(self._list_fixture, path)
        listed, skipped = self._totals(self._list_fixture)
        for value in _NO_ROW:
            assert self._totals(self._list_with(position, path, value)) == (listed - 1, skipped + 1)

    @pytest.mark.parametrize("rows", [[], None, REMOVED], ids=["empty", "null", "absent"])
    def test_more_without_rows_stops(self, rows: object) -> None:
        """A reply that promises more and holds nothing is the end, or an answer nobody documented."""
        first = self._page_positions[0]
        fixture = self._list_with(first, self._listing.rows, rows)
        try:
            pages = self._walk(fixture, strict=False)
        except BadResponse:
            assert rows is None or rows is REMOVED
        else:
            assert [page.next_cursor for page in pages] == [None]
            assert pages[0].runs == ()

    @pytest.mark.parametrize("cursor", FOREIGN_CURSORS, ids=lambda text: ascii(text)[:16])
    def test_foreign_cursor_is_refused(self, cursor: str) -> None:
        transport = ReplayTransport((), strict=False)
        query = replace(query_of(self._list_fixture), cursor=cursor)
        with pytest.raises(InvalidInput):
            asyncio.run(self._lister(transport).list_runs(query))
        assert not transport.requests

    @pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=lambda text: ascii(text)[:20])
    def test_restriction_can_not_reach_another_resource(self, text: str) -> None:
        usual = ReplayTransport((), strict=False)
        with contextlib.suppress(AdapterError):
            asyncio.run(self._lister(usual).list_runs(query_of(self._list_fixture)))
        for name in ("target", "scope"):
            transport = ReplayTransport((), strict=False)
            query = replace(query_of(self._list_fixture), **{name: text})
            with contextlib.suppress(AdapterError):
                asyncio.run(self._lister(transport).list_runs(query))
            for request in transport.requests:
                path = request.url.raw_path.partition(b"?")[0].decode("ascii")
                assert request.url.netloc == usual.requests[0].url.netloc
                assert not {"", ".", ".."} & {unquote(segment) for segment in path.split("/")[1:]}
                assert set(request.url.params) <= {*usual.requests[0].url.params, *self._listing.restrictions}

    @pytest.mark.parametrize("limit", [10**9, 1])
    def test_limit_is_clamped(self, limit: int) -> None:
        transport = ReplayTransport((), strict=False)
        adapter = self._lister(transport)
        with pytest.raises(AdapterError):
            asyncio.run(adapter.list_runs(replace(query_of(self._list_fixture), limit=limit)))
        assert int(_parameter(transport.requests[0], self._listing.limit)) == min(limit, adapter.max_page_size)

    def test_list_errors(self) -> None:
        for fault, kind in (
            (replying(401, b"{}"), self.case.error_for(401)),
            (replying(403, b"{}"), self.case.error_for(403)),
            (replying(429, b"{}", retry_after="3"), RateLimited),
            (replying(500, b"{}"), self.case.error_for(500)),
            (raising(httpx.ConnectError("x")), Unavailable),
        ):
            assert type(self._list_error(fault)) is kind

    @pytest.mark.parametrize("what", [what for what in BROKEN_BODIES if what != "empty object"])
    def test_broken_list_body(self, what: str) -> None:
        status, content, content_type = BROKEN_BODIES[what]
        assert type(self._list_error(replying(status, content, content_type=content_type))) is BadResponse

    @property
    def _listing(self) -> Listing:
        assert self.case.listing is not None, "an adapter that lists has a Listing"
        return self.case.listing

    @property
    def _list_fixture(self) -> Fixture:
        return self.case.fixture(self._listing.scenario)

    @property
    def _page_positions(self) -> list[int]:
        return [n for n, exchange in enumerate(self._list_fixture.exchanges) if not exchange.is_handshake]

    def _rows_of(self, fixture: Fixture) -> list[list[Json]]:
        return [at(fixture.exchanges[n].body, self._listing.rows) for n in self._page_positions]  # pyright: ignore[reportReturnType]

    def _id_of(self, row: Json) -> Json:
        try:
            return at(row, self._listing.row_id)
        except LookupError:
            return None

    def _totals(self, fixture: Fixture) -> tuple[int, int]:
        """How many runs a walk lists, and how many rows it skips."""
        pages = self._walk(fixture)
        return sum(len(page.runs) for page in pages), sum(page.skipped for page in pages)

    def _list_with(self, position: int, path: JsonPath, value: Json) -> Fixture:
        return self._list_fixture.with_body(position, changed(self._list_fixture.exchanges[position].body, path, value))

    def _walk(self, fixture: Fixture, *, strict: bool = True) -> list[Page]:
        transport = ReplayTransport(fixture.exchanges, strict=strict)
        return asyncio.run(walk(self.case, transport, fixture, most=len(fixture.exchanges) + 1))

    def _lister(self, transport: httpx.AsyncBaseTransport) -> ListsRuns:
        adapter = self.case.open(transport)
        assert isinstance(adapter, ListsRuns)
        return adapter

    def _list_error(self, fault: Fault) -> AdapterError:
        transport = FaultyTransport(fault)
        with pytest.raises(AdapterError) as caught:
            asyncio.run(self._lister(transport).list_runs(query_of(self._list_fixture)))
        return caught.value


class CursorListingSuite(ListingSuite):
    """A listing whose replies hold the cursor of the next page. The fixture has at least two pages."""

    def test_repeated_cursor_stops(self) -> None:
        """A provider that gives the same cursor for ever has at most one page too many read. The last one says so."""
        cursor = self._cursor_path
        first = self.case.position_of(self._list_fixture, cursor)
        fixture = self._list_fixture
        for position in self._page_positions[1:]:
            body = changed(fixture.exchanges[position].body, cursor, at(fixture.exchanges[first].body, cursor))
            if self._listing.has_more is not None:
                body = changed(body, self._listing.has_more, True)
            fixture = fixture.with_body(position, body)
        assert self._walk(fixture, strict=False)[-1].incomplete

    def test_more_without_cursor_stops(self) -> None:
        cursor = self._cursor_path
        for value in _NO_CURSOR:
            (page,) = self._walk(self._list_with(self._page_positions[0], cursor, value), strict=False)
            # Without a word for it, the missing cursor itself says that there is no more.
            assert page.incomplete is (self._listing.has_more is not None)

    @property
    def _cursor_path(self) -> JsonPath:
        assert self._listing.cursor is not None, "such a listing says where the cursor is"
        return self._listing.cursor


class NoListingSuite(Suite):
    """An adapter that can't list does not look as if it could."""

    def test_does_not_list(self) -> None:
        assert Capability.LIST not in capabilities_of(self.case.adapter)
        assert not hasattr(self.case.adapter, "list_runs")
        assert self.case.listing is None
        assert not [fixture for fixture in self.case.all_fixtures() if fixture.ask.listing is not None]


def _parameter(request: httpx.Request, name: str) -> str:
    """A query parameter, or an argument of a tool call."""
    if name in request.url.params:
        return request.url.params[name]
    return str(json.loads(request.content)["params"]["arguments"][name])

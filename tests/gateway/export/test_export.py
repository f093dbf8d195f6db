"""Exports from the first byte to the last."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from adapters.errors import Unavailable
from adapters.model import Part, RunRecord
from adapters.status import RunStatus
from gateway.demo.world import DemoWorld
from gateway.export import parquet
from gateway.listing.streams import BATCH
from tests.gateway.asking import Gateway
from tests.gateway.calls import all_calls
from tests.gateway.fake import FakeAdapter, record
from tests.gateway.feed.asked import nodes_of, pages
from tests.gateway.usage.strategies import usage
from tests.support import run

from .exporting import SlowClient, app_over, get, listed


def rows_of(text: str) -> tuple[list[dict[str, str]], str]:
    """The rows of a CSV, and its last line."""
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(line) for line in lines}) == 1
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:-1]], lines[-1][0]


def objects_of(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of an NDJSON, and its ending."""
    assert text.endswith("\n")
    *rows, end = map(json.loads, text.splitlines())
    assert list(end) == ["_end"]
    return rows, end["_end"]


def test_all_runs_come_newest_first_from_all_sources() -> None:
    one, two = listed(250, "one"), listed(30, "two")
    answer = get(app_over(one, two), "runs.csv", columns="createdAt,id,usage.inputTokens")
    rows, end = rows_of(answer.text)
    assert end == "#end complete=true rows=280"
    assert [row["createdAt"] for row in rows] == sorted((row["createdAt"] for row in rows), reverse=True)
    assert {row["id"] for row in rows} == {run.id for run in (*one.runs, *two.runs)}
    assert {row["usage.inputTokens"] for row in rows} == {"1"}
    assert [query.limit for query in one.queries] == [100, 100, 100]
    assert one.calls == two.calls == []


def test_the_headers_say_what_it_is() -> None:
    answer = get(app_over(listed(1)), "runs.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    assert get(app_over(listed(1)), "runs.ndjson").headers["content-type"] == "application/x-ndjson"


def test_a_head_request_costs_nothing() -> None:
    adapter = listed(5)
    answer = get(app_over(adapter), "runs.csv", "HEAD")
    assert (answer.status_code, answer.content, adapter.queries) == (200, b"", [])
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("runs.csv", {"columns": "id,totalTokens"}, 400, 'columns: there is no column "totalTokens"; did you mean '),
        ("runs.csv", {"sttus": "FAILED"}, 400, 'there is no parameter "sttus"; did you mean status?'),
        ("runs.ndjson", {"providers": "nope"}, 400, 'filter.providers: there is no provider "nope"'),
        ("runs.csv", {"createdAfter": "2026-02-01", "createdBefore": "2026-01-01"}, 400, "filter: createdAfter is"),
        ("runs.xlsx", {}, 404, "there is no runs.xlsx; there are runs.csv, runs.ndjson, runs.parquet"),
    ],
)
def test_what_is_wrong_is_told_before_the_first_byte(
    path: str, query: dict[str, str], status: int, message: str
) -> None:
    adapter = listed(5)
    answer = get(app_over(adapter), path, **query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    (error,) = answer.json()["errors"]
    assert error["message"].startswith(message)
    assert error["extensions"] == {
        "code": "INVALID_INPUT",
        "retryable": False,
        "requestId": answer.headers["x-request-id"],
    }
    assert adapter.queries == []


def test_only_reading_is_allowed() -> None:
    answer = get(app_over(listed(1)), "runs.csv", "POST")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_newest_runs_are_given_and_a_cut_is_said() -> None:
    one, two = listed(250, "one"), listed(250, "two")
    answer = get(app_over(one, two), "runs.csv", maxRuns="150", columns="id")
    rows, end = rows_of(answer.text)
    assert len(rows) == 150
    assert {row["id"].partition(":")[2] for row in rows} == {f"r{number:05}" for number in range(75)}
    assert end == "#end complete=false rows=150 incomplete=one:PARTIAL;two:PARTIAL"


def test_a_filter_that_a_source_does_not_know_is_applied_within_the_bound() -> None:
    adapter = listed(300)
    adapter.runs = [
        replace(row, status=RunStatus.FAILED) if number % 50 == 0 else row for number, row in enumerate(adapter.runs)
    ]
    app = app_over(adapter)
    assert len(rows_of(get(app, "runs.csv", status="FAILED").text)[0]) == 6
    rows, end = rows_of(get(app, "runs.csv", status="FAILED", maxRuns="100").text)
    assert (len(rows), end) == (2, "#end complete=false rows=2 incomplete=fake:PARTIAL")


@pytest.mark.parametrize(("steps", "state"), [(["fail"], "FAILED"), (["ok", "fail"], "PARTIAL"), (["hang"], "FAILED")])
def test_a_source_that_fails_is_in_the_ending(steps: Sequence[Any], state: str) -> None:
    one, two = listed(250, "one", steps), listed(3, "two")
    rows, end = objects_of(get(app_over(one, two), "runs.ndjson", columns="id").text)
    given = 3 + (100 if state == "PARTIAL" else 0)
    assert (len(rows), end["complete"], end["rows"]) == (given, False, given)
    assert [(source["provider"], source["state"]) for source in end["sources"]] == [("one", state), ("two", "OK")]
    assert end["sources"][0]["error"]["code"] == ("TIMEOUT" if steps == ["hang"] else "UNAVAILABLE")
    # A source that failed once is not asked again: its runs would come out of order.
    assert len(one.queries) == len(steps)


def test_cells_that_could_not_be_fetched_are_counted() -> None:
    adapter = listed(4, parts=frozenset[Part](), usage=None)

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        if native_id.endswith("2"):
            raise Unavailable(provider="fake")
        return record(native_id, parts, usage=usage(input_tokens=7))

    adapter.answer = answer
    rows, end = rows_of(get(app_over(adapter), "runs.csv", columns="nativeId,usage.inputTokens").text)
    assert [row["usage.inputTokens"] for row in rows] == ["7", "7", "", "7"]
    assert end == "#end complete=false rows=4 rowsFailed=1"
    assert len(adapter.calls) == 4
    adapter.calls.clear()
    get(app_over(adapter), "runs.csv", columns="nativeId,status")
    assert adapter.calls == []


def test_a_mistake_of_ours_still_has_an_ending(caplog: pytest.LogCaptureFixture) -> None:
    adapter = listed(250)
    adapter.runs[120] = replace(adapter.runs[120], status="secret")  # type: ignore[arg-type]
    answer = get(app_over(adapter), "runs.ndjson", columns="id,status")
    rows, end = objects_of(answer.text)
    assert (len(rows), end["rows"], end["complete"]) == (BATCH, BATCH, False)
    assert answer.headers["x-request-id"] in end["error"]
    assert "secret" not in answer.text + caplog.text
    assert "AttributeError" in caplog.text
    assert rows_of(get(app_over(adapter), "runs.csv", columns="id,status").text)[1] == (
        f"#end complete=false rows={BATCH} error=INTERNAL"
    )


def test_a_provider_that_cannot_list_is_in_the_ending() -> None:
    answer = get(app_over(FakeAdapter(name="mute"), listed(1)), "runs.csv", columns="id")
    assert rows_of(answer.text)[1] == "#end complete=false rows=1 incomplete=mute:UNSUPPORTED"


def test_no_more_is_fetched_than_the_client_takes() -> None:
    adapter = listed(1000)

    async def exchange() -> None:
        async with SlowClient(app_over(adapter), "/export/runs.csv", "columns=id") as client:
            await client.settle()
            assert adapter.queries == []
            await client.take(2)
            assert len(adapter.queries) == 1
            await client.take(3)
            assert len(adapter.queries) == 4

    run(exchange())


def test_nothing_is_fetched_for_a_client_that_left() -> None:
    adapter = listed(1000, parts=frozenset[Part](), usage=None)
    given_up: list[str] = []

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(native_id)
        raise AssertionError

    adapter.answer = answer

    async def exchange() -> None:
        async with SlowClient(app_over(adapter), "/export/runs.csv", "columns=usage.inputTokens") as client:
            await client.take(5)
            assert 0 < len(adapter.calls) <= 16
            await client.leave()
            assert client.is_served
        assert len(adapter.queries) == 1
        assert len(given_up) == len(adapter.calls)

    run(exchange())


def test_memory_does_not_grow_with_the_runs() -> None:
    async def peak(count: int) -> int:
        adapter = listed(count, metadata={"text": "x" * 2000}, parts=frozenset({Part.USAGE}))
        tracemalloc.start()
        try:
            async with SlowClient(app_over(adapter), "/export/runs.ndjson", "columns=id,metadata") as client:
                before = len(client.sent)
                while not client.is_served:
                    await client.take(1)
                    # What was sent is gone.
                    client.sent.clear()
                assert before == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = run(peak(500)), run(peak(3000))
    assert large < small + 6_000_000


def test_parquet_holds_types_and_says_its_end() -> None:
    arrow = pytest.importorskip("pyarrow")
    table = pytest.importorskip("pyarrow.parquet")
    adapter = listed(12, usage=usage(input_tokens=2**62, cost="0.10 USD"))
    columns = "id,createdAt,durationMs,usage.inputTokens,usage.cost.amount,usage.isPartial,tags"
    answer = get(app_over(adapter), "runs.parquet", columns=columns)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    found = table.read_table(io.BytesIO(answer.content))
    assert [str(field.type) for field in found.schema] == [
        "string",
        "timestamp[us, tz=UTC]",
        "double",
        "int64",
        "decimal128(38, 18)",
        "bool",
        "string",
    ]
    assert found.num_rows == 12
    row = found.to_pylist()[0]
    assert (row["id"], row["usage.inputTokens"], str(row["usage.cost.amount"])) == (
        "fake:r00000",
        2**62,
        "0.100000000000000000",
    )
    end = json.loads(table.read_metadata(io.BytesIO(answer.content)).metadata[parquet.END_KEY.encode()])
    assert (end["complete"], end["rows"]) == (True, 12)
    with pytest.raises(arrow.ArrowInvalid):
        table.read_table(io.BytesIO(answer.content[:-20]))


def test_parquet_is_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(parquet, "ROW_GROUP", 200)
    answer = get(app_over(listed(450)), "runs.parquet")
    metadata = table.read_metadata(io.BytesIO(answer.content))
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [200, 200, 50]


def test_what_parquet_has_no_room_for_is_counted() -> None:
    table = pytest.importorskip("pyarrow.parquet")
    adapter = listed(3)
    adapter.runs[1] = replace(adapter.runs[1], usage=usage(cost=f"0.{'1' * 19} USD"))
    adapter.runs[2] = replace(adapter.runs[2], usage=usage(cost="100000000000000000000 USD"))
    answer = get(app_over(adapter), "runs.parquet", columns="usage.cost.amount")
    assert table.read_table(io.BytesIO(answer.content)).to_pylist() == [{"usage.cost.amount": None}] * 3
    end = json.loads(table.read_metadata(io.BytesIO(answer.content)).metadata[parquet.END_KEY.encode()])
    assert (end["complete"], end["rowsFailed"]) == (False, 2)


def test_parquet_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "is_installed", lambda: False)
    answer = get(app_over(listed(1)), "runs.parquet")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (501, "UNSUPPORTED")
    assert "pip install 'rungraph[parquet]'" in error["message"]


def test_the_demo_exports_what_runs_lists(gateway: Gateway, world: DemoWorld) -> None:
    columns = "id,status,createdAt,target.name,error.message,usage.totalTokens,usage.credits.amount,tags"
    selection = "id status createdAt target { name } error { message } usage { totalTokens credits { amount } } tags"
    asked = [node for page in pages(gateway, selection, first=100) for node in nodes_of(page)]
    rows, end = objects_of(gateway.get(f"/export/runs.ndjson?columns={columns}").text)
    by_id = {node["id"]: node for node in asked}
    assert sorted(by_id) == sorted(row["id"] for row in rows)
    for row in rows:
        node: dict[str, Any] = by_id[row["id"]]
        used, target, error = (cast("dict[str, Any]", node[name] or {}) for name in ("usage", "target", "error"))
        amount = (used.get("credits") or {"amount": None})["amount"]
        assert row == {
            "id": node["id"],
            "status": node["status"],
            "createdAt": node["createdAt"],
            "target.name": target.get("name"),
            "error.message": error.get("message"),
            "usage.totalTokens": used.get("totalTokens"),
            "usage.credits.amount": None if amount is None else float(amount),
            "tags": node["tags"],
        }
    assert (end["rows"], end["complete"]) == (len(asked), False)


def test_core_columns_cost_the_lists_only(uncached: Gateway, world: DemoWorld) -> None:
    uncached.get("/export/runs.csv?columns=id,status,createdAt,durationMs,target.name")
    assert {name: len(made) for name, made in all_calls(world).items()} == {
        "eigenpal": 3,
        "middesk": 3,
        "rightbrain": 3,
        "bridgetown": 4,
    }


def test_one_export_too_many_is_told_to_come_back() -> None:
    app = app_over(listed(10), places=1)

    async def exchange() -> None:
        async with SlowClient(app, "/export/runs.csv", "columns=id") as first:
            await first.settle()
            async with SlowClient(app, "/export/runs.csv", "columns=id") as second:
                await second.take(2)
                assert second.is_served
                start, body = second.sent
                assert start["status"] == 503
                assert (b"retry-after", b"5") in start["headers"]
                extensions = json.loads(body["body"])["errors"][0]["extensions"]
                assert (extensions["code"], extensions["retryAfterMs"]) == ("UNAVAILABLE", 5000)
            await first.leave()
        async with SlowClient(app, "/export/runs.csv", "columns=id") as third:
            await third.settle()
            assert third.sent[0]["status"] == 200

    run(exchange())

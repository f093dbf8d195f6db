"""Parts that rows lack: fetched for the runs of the page only, and each fails alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from adapters.contract import BatchesRuns
from adapters.errors import AdapterError, NotFound, Unavailable
from adapters.model import Part, RunRecord
from tests.gateway.asking import Gateway
from tests.gateway.fake import Answer, app_over, ended, record

from .asked import asked, nodes_of
from .simulated import ListedAdapter, run_at


def listed(count: int, answer: Answer = ended) -> ListedAdapter:
    adapter = ListedAdapter("fake", [run_at(-n, f"r{n:02}") for n in range(count)], max_page_size=100)
    adapter.answer = answer
    return adapter


async def told(native_id: str, parts: frozenset[Part]) -> RunRecord:
    """Gone, failing, failing in one part, or there; each says so in its id's last digit."""
    if native_id.endswith("1"):
        raise NotFound(provider="fake")
    if native_id.endswith("2"):
        raise Unavailable(provider="fake")
    if native_id.endswith("3"):
        error = Unavailable(provider="fake")
        return record(native_id, parts - {Part.INPUT}, part_errors={Part.INPUT: error}, output="out")
    if native_id.endswith("4"):
        raise KeyError("secret")
    return record(native_id, parts, input="in", output="out")


def test_a_part_that_fails_is_null_alone() -> None:
    with Gateway(app_over(listed(5, told))) as gateway:
        body = gateway.ask(asked("nativeId status createdAt input output"), {"first": 5}).json()

    nodes = nodes_of(body["data"]["runs"])
    assert [(node["input"], node["output"]) for node in nodes] == [
        ("in", "out"),
        (None, None),
        (None, None),
        (None, "out"),
        (None, None),
    ]
    assert [node["nativeId"] for node in nodes] == ["r00", "r01", "r02", "r03", "r04"]
    assert all(node["createdAt"] and node["status"] == "SUCCEEDED" for node in nodes)
    assert [(error["path"][2:], error["extensions"]["code"], error["message"][:30]) for error in body["errors"]] == [
        ([1, "node", "input"], "NOT_FOUND", "fake: the run was listed, and "),
        ([1, "node", "output"], "NOT_FOUND", "fake: the run was listed, and "),
        ([2, "node", "input"], "UNAVAILABLE", "fake: the provider can't be re"),
        ([2, "node", "output"], "UNAVAILABLE", "fake: the provider can't be re"),
        ([3, "node", "input"], "UNAVAILABLE", "fake: the provider can't be re"),
        ([4, "node", "input"], "INTERNAL", "Something went wrong in the ga"),
        ([4, "node", "output"], "INTERNAL", "Something went wrong in the ga"),
    ]


def test_only_the_runs_of_the_page_are_fetched() -> None:
    adapter = listed(30)
    with Gateway(app_over(adapter)) as gateway:
        gateway.data(asked("output"), first=4)

    assert [native_id for native_id, _ in adapter.calls] == ["r00", "r01", "r02", "r03"]
    assert {parts for _, parts in adapter.calls} == {frozenset({Part.OUTPUT})}


@pytest.mark.parametrize(("output", "expected"), [(True, 2), (False, 0)])
def test_variables_decide_what_is_fetched(output: bool, expected: int) -> None:
    adapter = listed(2)
    query = "query ($o: Boolean!) { runs { nodes { ...More } } } fragment More on Run { id output @include(if: $o) }"
    with Gateway(app_over(adapter)) as gateway:
        gateway.data(query, o=output)

    assert len(adapter.calls) == expected


def test_two_lists_in_one_operation_share_their_fetches() -> None:
    adapter = listed(3)
    query = "{ a: runs(first: 2) { nodes { output } } b: runs(first: 3) { nodes { input } } c: runs { nodes { id } } }"
    with Gateway(app_over(adapter)) as gateway:
        gateway.data(query)

    assert sorted(native_id for native_id, _ in adapter.calls) == ["r00", "r01", "r02"]


def test_rows_are_fetched_so_many_at_a_time() -> None:
    at_once = most = 0

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return record(native_id, parts)

    adapter = listed(50, answer)
    with Gateway(app_over(adapter)) as gateway:
        gateway.data(asked("output"), first=50)

    assert len(adapter.calls) == 50
    assert most == 16


def test_rows_come_in_batches_where_the_provider_has_them() -> None:
    class Batching(ListedAdapter, BatchesRuns):
        max_batch = 3
        batch_parts = frozenset({Part.OUTPUT})
        batches: list[list[str]] = []  # noqa: RUF012

        async def fetch_many(
            self, native_ids: Sequence[str], parts: frozenset[Part]
        ) -> Mapping[str, RunRecord | AdapterError]:
            self.batches.append(list(native_ids))
            return {native_id: record(native_id, parts) for native_id in native_ids}

    adapter = Batching("fake", [run_at(-n, f"r{n}") for n in range(5)])
    with Gateway(app_over(adapter)) as gateway:
        gateway.data(asked("output"), first=5)

    assert adapter.batches == [["r0", "r1", "r2"], ["r3", "r4"]]
    assert adapter.calls == []


def test_what_was_looked_up_is_shown_with_what_only_the_list_says() -> None:
    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        values: dict[str, Any] = {"duration_ms": 5.0, "output": "out"}
        return record(native_id, parts, **values)

    with Gateway(app_over(listed(1, answer))) as gateway:
        (node,) = nodes_of(gateway.data(asked("createdAt durationMs output"))["runs"])

    assert node == {"createdAt": "2026-06-01T00:00:00Z", "durationMs": 5.0, "output": "out"}

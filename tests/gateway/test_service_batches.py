"""Several runs in one call."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from adapters.errors import AdapterError, BadResponse, NotFound, Unavailable
from adapters.model import Part, RunRecord

from .desk import OUTPUT, STEPS, BrokenBatches, Desk, at_desk, failing
from .fake import NONE, BatchingAdapter


class ForgetfulBatches(BatchingAdapter):
    """Has an outcome for the first two ids only."""

    async def fetch_many(self, native_ids: Any, parts: frozenset[Part]) -> Mapping[str, RunRecord | AdapterError]:
        return await super().fetch_many(native_ids[:2], parts)


class StintingBatches(BatchingAdapter):
    """Leaves the output of run "b" out of a batch, although its batches bring outputs."""

    async def fetch_many(self, native_ids: Any, parts: frozenset[Part]) -> Mapping[str, RunRecord | AdapterError]:
        outcomes = dict(await super().fetch_many(native_ids, parts))
        if isinstance(record := outcomes.get("b"), RunRecord):
            outcomes["b"] = replace(record, parts=frozenset(), output=None)
        return outcomes


class TestBatches:
    def batches(self, desk: Desk) -> list[list[str]]:
        assert isinstance(desk.adapter, BatchingAdapter)
        return desk.adapter.batches

    @at_desk(BatchingAdapter)
    async def test_are_no_larger_than_they_may_be(self, desk: Desk) -> None:
        outcomes = await desk.load(dict.fromkeys("abcdefg", OUTPUT))
        assert self.batches(desk) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
        assert (desk.adapter.calls, list(outcomes)) == ([], list("abcdefg"))

    @at_desk(BatchingAdapter)
    async def test_take_no_runs_with_more_parts_than_they_bring(self, desk: Desk) -> None:
        await desk.load({"a": NONE, "b": STEPS, "c": OUTPUT, "d": OUTPUT | STEPS})
        assert self.batches(desk) == [["a", "c"]]
        assert desk.adapter.calls == [("b", STEPS), ("d", OUTPUT | STEPS)]

    @at_desk(StintingBatches)
    async def test_what_a_batch_leaves_out_is_fetched_alone(self, desk: Desk) -> None:
        outcomes = await desk.load(dict.fromkeys("abc", OUTPUT))
        assert (self.batches(desk), desk.adapter.calls) == ([["a", "b", "c"]], [("b", OUTPUT)])
        assert all(isinstance(outcome, RunRecord) and outcome.parts >= OUTPUT for outcome in outcomes.values())

    @at_desk(BatchingAdapter)
    async def test_one_run_is_fetched_alone(self, desk: Desk) -> None:
        await desk.load({"a": OUTPUT, "b": STEPS})
        assert (self.batches(desk), desk.adapter.calls) == ([], [("a", OUTPUT), ("b", STEPS)])

    @at_desk(BatchingAdapter)
    async def test_bring_runs_to_the_cache(self, desk: Desk) -> None:
        await desk.load(dict.fromkeys("ab", OUTPUT))
        await desk.load({"a": OUTPUT, "b": NONE})
        assert (self.batches(desk), desk.adapter.calls) == ([["a", "b"]], [])

    @at_desk(BatchingAdapter)
    async def test_do_not_push_known_parts_out(self, desk: Desk) -> None:
        await desk.load({"a": STEPS})
        outcomes = await desk.load(dict.fromkeys("ab", OUTPUT))
        assert self.batches(desk) == [["a", "b"]]
        assert isinstance(both := outcomes["a"], RunRecord)
        assert both.parts == OUTPUT | STEPS
        await desk.load({"a": OUTPUT | STEPS})
        assert desk.adapter.calls == [("a", STEPS)]

    @at_desk(lambda: BatchingAdapter(failing(NotFound(provider="fake"), "b")))
    async def test_one_that_is_not_there(self, desk: Desk) -> None:
        for _ in range(2):
            outcomes = await desk.load(dict.fromkeys("abc", NONE))
            assert [type(outcome) for outcome in outcomes.values()] == [RunRecord, NotFound, RunRecord]
        assert self.batches(desk) == [["a", "b", "c"]]

    @at_desk(lambda: BatchingAdapter(failing(BadResponse(provider="fake"), "b")))
    async def test_one_that_failed(self, desk: Desk) -> None:
        outcomes = await desk.load(dict.fromkeys("abc", NONE))
        assert [type(outcome) for outcome in outcomes.values()] == [RunRecord, BadResponse, RunRecord]
        await desk.load(dict.fromkeys("abc", NONE))
        assert (self.batches(desk), desk.adapter.calls) == ([["a", "b", "c"]], [("b", NONE)])

    @at_desk(BrokenBatches)
    async def test_a_batch_that_fails_fails_for_its_runs_only(self, desk: Desk) -> None:
        outcomes = await desk.load({**dict.fromkeys("abcdef", NONE), "g": STEPS})
        assert [type(outcome) for outcome in outcomes.values()] == [Unavailable] * 3 + [RunRecord] * 4

    @at_desk(ForgetfulBatches)
    async def test_one_that_the_adapter_does_not_mention_is_not_there(self, desk: Desk) -> None:
        outcomes = await desk.load(dict.fromkeys("abc", NONE))
        assert [type(outcome) for outcome in outcomes.values()] == [RunRecord, RunRecord, NotFound]

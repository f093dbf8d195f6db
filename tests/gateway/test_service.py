"""Runs from the cache, from work in progress, or from the adapter, in the fewest calls."""

import asyncio

import pytest
from msgspec.structs import replace

from adapters.errors import AdapterError, InvalidInput, NotFound, RateLimited, Unavailable
from adapters.model import Part, RunRecord, Usage
from adapters.status import RunStatus
from gateway.providers import Provider
from tests.support import run

from .desk import INPUT, OUTPUT, STEPS, USAGE, BrokenBatches, Desk, at_desk, failing, settle
from .fake import NONE, BatchingAdapter, FakeAdapter, Gate, ended, record


def in_progress() -> FakeAdapter:
    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        return record(native_id, parts, status=RunStatus.RUNNING)

    return FakeAdapter(answer)


class TestCached:
    @at_desk()
    async def test_an_ended_run_is_fetched_once(self, desk: Desk) -> None:
        assert [await desk.parts("1", USAGE) for _ in range(2)] == [USAGE, USAGE]
        assert desk.adapter.calls == [("1", USAGE)]

    @at_desk()
    async def test_fewer_parts_are_there_already(self, desk: Desk) -> None:
        await desk.parts("1", USAGE | STEPS)
        assert await desk.parts("1", STEPS) == USAGE | STEPS
        assert await desk.parts("1", NONE) == USAGE | STEPS
        assert len(desk.adapter.calls) == 1

    @at_desk()
    async def test_only_what_is_missing_is_asked_for(self, desk: Desk) -> None:
        await desk.parts("1", USAGE)
        assert await desk.parts("1", USAGE | STEPS) == USAGE | STEPS
        assert await desk.parts("1", USAGE | STEPS | OUTPUT) == USAGE | STEPS | OUTPUT
        assert desk.adapter.calls == [("1", USAGE), ("1", STEPS), ("1", OUTPUT)]

    @at_desk(lambda: FakeAdapter(lambda native_id, parts: _with_usage_only_if_asked(native_id, parts)))
    async def test_values_of_known_parts_are_kept(self, desk: Desk) -> None:
        await desk.load({"1": USAGE})
        outcome = (await desk.load({"1": STEPS}))["1"]
        assert isinstance(outcome, RunRecord)
        assert (outcome.usage, outcome.steps) == (Usage(input_tokens=7), ())

    @at_desk(in_progress)
    async def test_of_a_run_in_progress_everything_is_asked_for_again(self, desk: Desk) -> None:
        """Its parts belong together: a usage from before does not fit steps from now."""
        await desk.parts("1", USAGE)
        assert await desk.parts("1", USAGE | STEPS) == USAGE | STEPS
        assert desk.adapter.calls == [("1", USAGE), ("1", USAGE | STEPS)]
        desk.timer.now += 1.9
        await desk.parts("1", STEPS)
        assert len(desk.adapter.calls) == 2
        desk.timer.now += 0.2
        await desk.parts("1", STEPS)
        assert desk.adapter.calls[2:] == [("1", STEPS)]

    @at_desk(lambda: FakeAdapter(failing(NotFound(provider="fake"))))
    async def test_a_run_that_is_not_there(self, desk: Desk) -> None:
        for _ in range(2):
            assert isinstance((await desk.load({"1": NONE}))["1"], NotFound)
        assert len(desk.adapter.calls) == 1
        desk.timer.now += 5.1
        desk.adapter.answer = ended
        assert isinstance((await desk.load({"1": NONE}))["1"], RunRecord)

    @at_desk()
    async def test_errors_are_not_kept(self, desk: Desk) -> None:
        desk.adapter.answer = failing(error := Unavailable(provider="fake"))
        assert (await desk.load({"1": NONE}))["1"] is error
        desk.adapter.answer = ended
        assert isinstance((await desk.load({"1": NONE}))["1"], RunRecord)

    @at_desk()
    async def test_a_failed_part_is_asked_for_again_and_alone(self, desk: Desk) -> None:
        async def without_steps(native_id: str, parts: frozenset[Part]) -> RunRecord:
            return record(native_id, parts - STEPS, part_errors={Part.STEPS: error})

        error = Unavailable(provider="fake")
        desk.adapter.answer = without_steps
        outcome = (await desk.load({"1": STEPS | USAGE}))["1"]
        assert isinstance(outcome, RunRecord)
        assert outcome.part_errors == {Part.STEPS: error}
        desk.adapter.answer = ended
        assert await desk.parts("1", USAGE) == USAGE
        assert await desk.parts("1", STEPS | USAGE) == STEPS | USAGE
        assert desk.adapter.calls == [("1", STEPS | USAGE), ("1", STEPS)]


async def _with_usage_only_if_asked(native_id: str, parts: frozenset[Part]) -> RunRecord:
    usage = Usage(input_tokens=7) if Part.USAGE in parts else None
    return record(native_id, parts, usage=usage, steps=() if Part.STEPS in parts else None)


class OnlyUsage(FakeAdapter):
    parts = {Part.USAGE: FakeAdapter.parts[Part.USAGE]}  # noqa: RUF012


class TestParts:
    @at_desk(OnlyUsage)
    async def test_unsupported_ones_are_not_asked_for(self, desk: Desk) -> None:
        assert await desk.parts("1", USAGE | STEPS) == USAGE
        assert await desk.parts("1", STEPS) == USAGE
        assert desk.adapter.calls == [("1", USAGE)]

    @at_desk()
    async def test_those_that_arrive_unasked_are_kept(self, desk: Desk) -> None:
        async def generous(native_id: str, parts: frozenset[Part]) -> RunRecord:
            return record(native_id, parts | OUTPUT)

        desk.adapter.answer = generous
        assert await desk.parts("1", NONE) == OUTPUT
        assert await desk.parts("1", OUTPUT) == OUTPUT
        assert len(desk.adapter.calls) == 1


class TestIds:
    @at_desk()
    async def test_forms_of_one_id_are_one_run(self, desk: Desk) -> None:
        outcomes = await desk.load({"AB": USAGE, "ab": STEPS, "Ab": NONE})
        assert desk.adapter.calls == [("ab", USAGE | STEPS)]
        assert set(outcomes) == {"AB", "ab", "Ab"}
        assert len({id(outcome) for outcome in outcomes.values()}) == 1

    @at_desk(BatchingAdapter)
    async def test_forms_of_one_id_are_once_in_a_batch(self, desk: Desk) -> None:
        outcomes = await desk.load(dict.fromkeys(("AB", "ab", "c"), NONE))
        assert isinstance(desk.adapter, BatchingAdapter)
        assert desk.adapter.batches == [["ab", "c"]]
        assert [record.native_id for record in outcomes.values() if isinstance(record, RunRecord)] == ["ab", "ab", "c"]

    @at_desk()
    async def test_one_that_can_t_be_an_id_is_not_asked_for(self, desk: Desk) -> None:
        outcomes = await desk.load({"?": NONE, "1": NONE})
        assert isinstance(outcomes["?"], InvalidInput)
        assert isinstance(outcomes["1"], RunRecord)
        assert desk.adapter.calls == [("1", NONE)]

    @at_desk()
    async def test_a_run_found_by_the_beginning_of_its_id_is_kept_under_the_whole(self, desk: Desk) -> None:
        async def by_prefix(native_id: str, parts: frozenset[Part]) -> RunRecord:
            return record("abcdef", parts)

        desk.adapter.answer = by_prefix
        outcomes = await desk.load({"abc": USAGE})
        assert isinstance(found := outcomes["abc"], RunRecord)
        assert found.native_id == "abcdef"
        await desk.load({"abcdef": USAGE})
        assert desk.adapter.calls == [("abc", USAGE)]
        # Another run may match the beginning by now.
        await desk.load({"abc": USAGE})
        assert desk.adapter.calls == [("abc", USAGE)] * 2


class TestFailures:
    @pytest.mark.parametrize(
        "error", [RateLimited(provider="fake"), ValueError("an adapter's mistake")], ids=["expected", "unexpected"]
    )
    @pytest.mark.parametrize("adapter", [FakeAdapter, BatchingAdapter])
    def test_are_about_one_run_only(self, error: Exception, adapter: type[FakeAdapter]) -> None:
        async def body() -> None:
            desk = Desk(adapter(failing(error, "b")))
            outcomes = await desk.load({"a": STEPS, "b": STEPS, "c": STEPS})
            assert [outcome is error for outcome in outcomes.values()] == [False, True, False]

        run(body())

    @at_desk()
    async def test_in_reading_an_id_are_about_that_id_only(self, desk: Desk) -> None:
        def canonical_id(native_id: str) -> str:
            return {"a": "a", "c": "c"}[native_id]

        desk.adapter.canonical_id = canonical_id  # type: ignore[method-assign]
        outcomes = await desk.load(dict.fromkeys("abc", NONE))
        assert {native_id: type(outcome) for native_id, outcome in outcomes.items()} == {
            "a": RunRecord,
            "b": KeyError,
            "c": RunRecord,
        }

    @pytest.mark.parametrize(
        ("error", "state"),
        [
            (None, "works"),
            (NotFound(provider="fake"), "works"),
            (InvalidInput(provider="fake"), "works"),
            (Unavailable(provider="fake"), "fails"),
            (RateLimited(provider="fake"), "fails"),
        ],
    )
    @pytest.mark.parametrize("adapter", [FakeAdapter, BrokenBatches])
    def test_are_noted_in_the_provider_s_health(
        self, error: AdapterError | None, state: str, adapter: type[FakeAdapter]
    ) -> None:
        desk = Desk(adapter(ended if error is None else failing(error)))
        run(desk.load({"a": STEPS}))
        health = desk.provider.health
        assert (health.last_success_at is not None, health.last_error is error) == (
            (True, error is None) if state == "works" else (False, True)
        )


class TestSharing:
    @at_desk()
    async def test_work_in_progress(self, desk: Desk) -> None:
        desk.adapter.answer = gate = Gate()
        loads = [asyncio.create_task(desk.parts("1", parts)) for parts in (USAGE | STEPS, USAGE, NONE)]
        await settle()
        gate.opened.set()
        assert await asyncio.gather(*loads) == [USAGE | STEPS] * 3
        assert gate.waiting == ["1"]

    @at_desk()
    async def test_nothing_is_lost_where_a_flight_is_joined(self, desk: Desk) -> None:
        """One caller knows less than another when both want the same part; each has all that it wanted."""
        await desk.parts("1", USAGE)
        desk.adapter.answer = gate = Gate()
        steps = asyncio.create_task(desk.parts("1", USAGE | STEPS))
        await settle()
        # Meanwhile the input becomes known, in a way that does not pass through this service.
        cache = desk.service._cache  # pyright: ignore[reportPrivateUsage]
        await cache.keep(desk.provider.source, {"1": record("1", USAGE | INPUT)}, {})
        more = asyncio.create_task(desk.parts("1", INPUT | STEPS))
        await settle()
        gate.opened.set()
        assert gate.waiting == ["1"]
        assert (await steps) >= USAGE | STEPS
        assert (await more) >= INPUT | STEPS

    @at_desk()
    async def test_a_cancelled_load_cancels_its_work(self, desk: Desk) -> None:
        desk.adapter.answer = gate = Gate()
        load = asyncio.create_task(desk.load(dict.fromkeys("abc", NONE)))
        await settle()
        load.cancel()
        await settle()
        assert load.cancelled()
        assert (gate.waiting, gate.cancelled) == (["a", "b", "c"], ["a", "b", "c"])

    @at_desk(BatchingAdapter)
    async def test_a_cancelled_load_cancels_its_batch(self, desk: Desk) -> None:
        desk.adapter.answer = gate = Gate()
        load = asyncio.create_task(desk.load(dict.fromkeys("abc", NONE)))
        await settle()
        load.cancel()
        await settle()
        assert gate.cancelled == ["a"]

    @at_desk()
    async def test_a_cancelled_load_leaves_what_others_wait_for(self, desk: Desk) -> None:
        desk.adapter.answer = gate = Gate()
        first = asyncio.create_task(desk.load(dict.fromkeys("ab", NONE)))
        second = asyncio.create_task(desk.load(dict.fromkeys("bc", NONE)))
        await settle()
        first.cancel()
        await settle()
        assert gate.cancelled == ["a"]
        gate.opened.set()
        assert [type(outcome) for outcome in (await second).values()] == [RunRecord, RunRecord]

    @at_desk()
    async def test_providers_are_kept_apart(self, desk: Desk) -> None:
        other = Provider("other", FakeAdapter(name="other"))
        await desk.parts("1", USAGE)
        await desk.service.load(other, {"1": USAGE})
        assert isinstance(other.adapter, FakeAdapter)
        assert other.adapter.calls == [("1", USAGE)]


def test_a_record_with_the_parts_of_an_older_one() -> None:
    older = record(parts=USAGE | OUTPUT, usage=Usage(input_tokens=1), output="old", output_truncated=True)
    newer = record(parts=USAGE | STEPS, usage=Usage(input_tokens=2), steps=())
    both = newer.with_parts_of(older)
    assert both.parts == USAGE | OUTPUT | STEPS
    assert (both.usage, both.output, both.output_truncated, both.steps) == (Usage(input_tokens=2), "old", True, ())
    assert replace(both, parts=newer.parts, output=None, output_truncated=None) == newer

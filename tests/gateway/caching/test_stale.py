"""Runs that can't be looked up, and are given as they were known."""

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.errors import (
    AdapterError,
    BadResponse,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
    UpstreamFault,
    UpstreamInternal,
)
from adapters.model import Part, RunRecord
from adapters.status import RunStatus
from gateway.cache import RunCache
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from gateway.freshness import Freshness
from gateway.providers import Provider
from gateway.service import Outcome, RunService
from gateway.settings import CacheSettings
from tests.gateway.calls import ended_run, on_nodes, on_run
from tests.gateway.fake import NONE, BatchingAdapter, FakeAdapter, record
from tests.support import run

from .support import Clock, configured, replicas

OUTPUT, USAGE = frozenset({Part.OUTPUT}), frozenset({Part.USAGE})
PASSING: list[type[AdapterError]] = [Unavailable, TimedOut, RateLimited, UpstreamInternal]
LASTING: list[type[AdapterError]] = [
    NotFound, Unauthenticated, PermissionDenied, QuotaExceeded, BadResponse, UpstreamFault
]  # fmt: skip


class Desk:
    """A service over an adapter that fails when told to."""

    def __init__(self, adapter: FakeAdapter | None = None, status: RunStatus = RunStatus.SUCCEEDED) -> None:
        self.clock = Clock()
        self.error: AdapterError | None = None
        self.status = status
        self.adapter = adapter or FakeAdapter()
        self.adapter.answer = self.answer
        self.provider = Provider("fake", self.adapter)
        self.cache = RunCache.in_memory(CacheSettings(), self.clock)
        self.service = RunService(self.cache)
        self.freshness = Freshness()

    async def answer(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        if self.error is not None:
            raise self.error
        return record(native_id, parts, status=self.status)

    def load(self, wants: Mapping[str, frozenset[Part]], *, allows: bool = True) -> dict[str, Outcome]:
        self.freshness = Freshness(allows_stale=allows)
        return run(self.service.load(self.provider, wants, self.freshness))


@pytest.mark.parametrize("kind", PASSING)
def test_a_run_that_ended_stands_in_for_itself(kind: type[AdapterError]) -> None:
    desk = Desk()
    desk.load({"1": USAGE})
    desk.clock.now += 1000
    desk.error = kind(provider="fake")
    outcome = desk.load({"1": USAGE})["1"]
    assert isinstance(outcome, RunRecord)
    assert (outcome.parts, dict(outcome.part_errors)) == (USAGE, {})
    assert desk.freshness.extensions() == {"stale": [{"id": "fake:1", "ageMs": 1_000_000, "code": kind.code.value}]}
    assert not desk.freshness.is_settled
    assert desk.cache.counts.run_stale == 1
    # It is asked for again every time.
    assert len(desk.adapter.calls) == 2
    desk.error = None
    desk.load({"1": USAGE})
    assert (len(desk.adapter.calls), desk.freshness.extensions()) == (3, {})


@pytest.mark.parametrize("kind", LASTING)
def test_what_lasts_is_told(kind: type[AdapterError]) -> None:
    desk = Desk()
    desk.load({"1": USAGE})
    desk.clock.now += 1000
    desk.error = kind(provider="fake")
    assert desk.load({"1": USAGE})["1"] is desk.error
    assert not desk.freshness.stale


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_terminal is not True])
def test_a_run_in_progress_does_not_stand_in(status: RunStatus) -> None:
    desk = Desk(status=status)
    desk.load({"1": NONE})
    desk.clock.now += 10
    desk.error = Unavailable(provider="fake")
    assert desk.load({"1": NONE})["1"] is desk.error


def test_nobody_gets_one_without_being_told() -> None:
    desk = Desk()
    desk.load({"1": NONE})
    desk.clock.now += 1000
    desk.error = Unavailable(provider="fake")
    assert desk.load({"1": NONE}, allows=False)["1"] is desk.error
    assert isinstance(run(desk.service.load(desk.provider, {"1": NONE}))["1"], Unavailable)


def test_after_a_day_it_is_over() -> None:
    desk = Desk()
    desk.load({"1": NONE})
    desk.clock.now += 86_400 + 660
    desk.error = Unavailable(provider="fake")
    assert desk.load({"1": NONE})["1"] is desk.error


def test_parts_that_were_never_known_fail_alone() -> None:
    desk = Desk()
    desk.load({"1": USAGE})
    desk.clock.now += 1000
    desk.error = Unavailable(provider="fake")
    outcome = desk.load({"1": USAGE | OUTPUT})["1"]
    assert isinstance(outcome, RunRecord)
    assert (outcome.parts, dict(outcome.part_errors)) == (USAGE, {Part.OUTPUT: desk.error})
    assert list(desk.freshness.stale) == ["fake:1"]


def test_a_part_that_fails_of_a_run_that_is_known_fails_alone() -> None:
    """The run itself is fresh: nothing is stale."""
    desk = Desk()
    desk.load({"1": USAGE})
    desk.error = Unavailable(provider="fake")
    outcome = desk.load({"1": USAGE | OUTPUT}, allows=False)["1"]
    assert isinstance(outcome, RunRecord)
    assert (outcome.parts, dict(outcome.part_errors)) == (USAGE, {Part.OUTPUT: desk.error})
    assert (desk.freshness.stale, desk.freshness.is_settled) == ({}, False)


def test_a_batch_that_fails() -> None:
    desk = Desk(BatchingAdapter())
    desk.load(dict.fromkeys("ab", OUTPUT))
    desk.clock.now += 1000
    desk.error = Unavailable(provider="fake")
    outcomes = desk.load(dict.fromkeys("abc", OUTPUT))
    assert [type(outcome) for outcome in outcomes.values()] == [RunRecord, RunRecord, Unavailable]
    assert list(desk.freshness.stale) == ["fake:a", "fake:b"]


class TestOverHttp:
    def test_the_answer_says_which_runs_are_stale(self, world: DemoWorld) -> None:
        old, new = world.refactor.by_status["completed"][:2]
        middesk = ended_run(world, "middesk")

        async def body() -> None:
            clock = Clock()
            async with replicas(configured(world), clock=clock) as (gateway,):
                query = on_nodes("status output")
                fresh = (await gateway.send(query, ids=[f"refactor:{old}"])).json()
                assert "extensions" not in fresh
                clock.now += 3600
                world.refactor.faults.add(Fault(status=503))
                ids = [f"refactor:{old}", f"refactor:{new}", f"middesk:{middesk}"]
                answer: Any = (await gateway.send(query, ids=ids)).json()
                assert answer["data"]["nodes"][0] == fresh["data"]["nodes"][0]
                assert [node is None for node in answer["data"]["nodes"]] == [False, True, False]
                assert [error["path"] for error in answer["errors"]] == [["nodes", 1]]
                assert answer["extensions"] == {"stale": [{"id": ids[0], "ageMs": 3_600_000, "code": "UNAVAILABLE"}]}
                assert list(answer) == ["data", "errors", "extensions"]
                got = await gateway.get(on_run("status"), id=ids[0])
                assert got.json()["extensions"]["stale"][0]["id"] == ids[0]
                assert got.headers["cache-control"] == "no-store"
                assert "etag" not in got.headers

        run(body())

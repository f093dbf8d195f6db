"""Bounds of what is kept in memory, and how sizes are judged."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.model import Part, Step
from gateway.cache import RunCache
from gateway.caching.bounded import BoundedMap
from gateway.caching.lives import Lives
from gateway.caching.survey import survey
from gateway.settings import CacheSettings
from tests.gateway.fake import NONE, record
from tests.support import run

from .support import Clock

OUTPUT = frozenset({Part.OUTPUT})


class TestBoundedMap:
    def test_what_was_used_longest_ago_makes_room_for_bytes(self) -> None:
        kept: BoundedMap[str, str] = BoundedMap(100, 10, Clock())
        for key in "abc":
            kept.put(key, key, expires_at=float("inf"), size=3)
        assert kept.get("a") == "a"
        kept.put("d", "d", expires_at=float("inf"), size=4)
        assert [kept.get(key) for key in "abcd"] == ["a", None, "c", "d"]
        assert (kept.bytes, kept.evictions) == (10, 1)

    def test_one_large_value_takes_the_place_of_many(self) -> None:
        kept: BoundedMap[str, str] = BoundedMap(100, 10, Clock())
        for key in "abcde":
            kept.put(key, key, expires_at=float("inf"), size=2)
        kept.put("f", "f", expires_at=float("inf"), size=9)
        assert ([kept.get(key) for key in "abcdef"], kept.bytes) == ([None] * 5 + ["f"], 9)

    def test_a_value_too_large_for_the_whole_is_not_kept_and_pushes_nothing_out(self) -> None:
        kept: BoundedMap[str, str] = BoundedMap(100, 10, Clock())
        kept.put("a", "old", expires_at=float("inf"), size=5)
        kept.put("b", "b", expires_at=float("inf"), size=5)
        kept.put("a", "new", expires_at=float("inf"), size=11)
        # What it was to replace is not true any more.
        assert (kept.get("a"), kept.get("b"), kept.bytes) == (None, "b", 5)

    def test_what_is_over_makes_room_first(self) -> None:
        clock = Clock()
        kept: BoundedMap[str, str] = BoundedMap(100, 10, clock)
        kept.put("long", "x", expires_at=clock.now + 100, size=5)
        kept.put("short", "x", expires_at=clock.now + 1, size=5)
        clock.now += 2
        kept.put("new", "x", expires_at=clock.now + 100, size=5)
        assert [kept.get(key) for key in ("long", "short", "new")] == ["x", None, "x"]
        assert kept.evictions == 0

    def test_replacing_often_costs_no_memory(self) -> None:
        clock = Clock()
        kept: BoundedMap[str, int] = BoundedMap(10, 1000, clock)
        for number in range(10_000):
            kept.put("a", number, expires_at=clock.now + number, size=1)
        assert (len(kept), kept.bytes) == (1, 1)
        assert len(kept._expiring) < 100  # pyright: ignore[reportPrivateUsage]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abcdefgh"),
                st.integers(0, 12),
                st.integers(-1, 5),
                st.sampled_from(["put", "get", "wait", "remove"]),
            ),
            max_size=60,
        )
    )
    def test_bounds_always_hold(self, steps: list[tuple[str, int, int, str]]) -> None:
        clock = Clock()
        kept: BoundedMap[str, int] = BoundedMap(4, 20, clock)
        told: dict[str, tuple[int, int, float]] = {}
        for number, (key, size, life, what) in enumerate(steps):
            if what == "put":
                kept.put(key, number, expires_at=clock.now + life, size=size)
                told[key] = (number, size, clock.now + life)
            elif what == "remove":
                kept.remove(key)
                told.pop(key, None)
            elif what == "wait":
                clock.now += 1
            elif (value := kept.get(key)) is not None:
                # Whatever is found is the latest that was put, and not over.
                assert value == told[key][0]
                assert clock.now < told[key][2]
            assert len(kept) <= 4
            assert kept.bytes <= 20
            assert kept.bytes == sum(told[key][1] for key in kept._kept)  # pyright: ignore[reportPrivateUsage]


def test_runs_are_bounded_by_their_bytes() -> None:
    async def body() -> None:
        cache = RunCache.in_memory(CacheSettings(max_bytes=100_000), Clock())
        for number in range(50):
            large = record(str(number), OUTPUT, output="x" * 20_000)
            await cache.keep("p", {str(number): large}, {})
        found = await cache.find("p", dict.fromkeys(map(str, range(50)), NONE))
        assert sorted(found, key=int) == ["46", "47", "48", "49"]

    run(body())


class TestSizes:
    """Estimates against what the interpreter says it took."""

    DOCUMENTS: tuple[Callable[[], Any], ...] = (
        lambda: {"text": "x" * 100_000},
        lambda: [{"id": f"run-{n}", "count": n * 1000, "score": n / 7, "done": True} for n in range(500)],
        lambda: [[str(n) * 5 for n in range(50)] for _ in range(50)],
        lambda: {f"key {n}": {f"inner {m} {n}": None for m in range(10)} for n in range(200)},
        lambda: tuple(Step(id=f"step-{n}", name=f"name {n}", duration_ms=n + 0.5) for n in range(500)),
    )

    @pytest.mark.parametrize("make", DOCUMENTS)
    def test_are_not_far_off(self, make: Callable[[], Any]) -> None:
        make()
        gc.collect()
        tracemalloc.start()
        try:
            value = make()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        size, _ = survey([value])
        assert 0.9 * taken <= size <= 2.5 * taken

    def test_count_everything_a_record_holds(self) -> None:
        lives = Lives(CacheSettings())
        small = lives.entry(record(), 0).size
        for field, part in (
            ("output", Part.OUTPUT),
            ("raw", Part.RAW),
            ("metadata", Part.INPUT),
            ("input", Part.INPUT),
        ):
            values: dict[str, Any] = {field: {"x": "y" * 50_000}}
            large = record(parts=frozenset({part}), **values)
            assert lives.entry(large, 0).size > small + 50_000

    def test_find_every_text_with_a_url(self) -> None:
        document = json.loads('{"a": ["http://1", {"b": {"c": "x http://2"}}], "d": "no", "http://key": 1}')
        _, texts = survey([document, "http://3", None, 5])
        assert sorted(texts) == ["http://1", "http://3", "http://key", "x http://2"]

    def test_take_documents_of_any_depth(self) -> None:
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        assert survey([deep])[0] > 100_000 * 50
        while deep:
            deep = deep[0]

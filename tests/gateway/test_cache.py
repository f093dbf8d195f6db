"""What is kept of runs, and for how long."""

from typing import Any

import pytest
from msgspec.structs import replace

from adapters.errors import NotFound, Unavailable
from adapters.model import Part, RunRecord
from adapters.status import RunStatus
from gateway.cache import RunCache
from gateway.caching.memory import BoundedMemoryCache
from gateway.settings import CacheSettings
from tests.support import run

from .fake import NONE, record

SETTINGS = CacheSettings(terminal_ttl=100, live_ttl=2, waiting_ttl=20, not_found_ttl=5)


class Timer:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shelf:
    """A run cache with a timer, without `await`."""

    def __init__(self, settings: CacheSettings = SETTINGS) -> None:
        self.timer = Timer()
        self.cache = RunCache.in_memory(settings, self.timer)

    def put(self, *records: RunRecord) -> None:
        for one in records:
            run(self.cache.keep(one.provider, {one.native_id: one}, {}))

    def put_missing(self, native_id: str) -> None:
        run(self.cache.keep("fake", {native_id: NotFound(provider="fake")}, {}))

    def put_found_missing(self, native_id: str) -> None:
        """As `put_missing`, by an error that was raised while something was in hand."""
        try:
            raise NotFound(provider="fake")
        except NotFound as error:
            run(self.cache.keep("fake", {native_id: error}, {}))

    def get(self, native_id: str = "1", source: str = "fake") -> RunRecord | NotFound | None:
        """What is known and fresh."""
        entry = run(self.cache.find(source, {native_id: NONE})).get(native_id)
        fresh = None if entry is None else entry.fresh(self.timer.now)
        return None if fresh is None else fresh.outcome

    def kept_for(self, seconds: float) -> bool:
        """Whether run 1 is still there after so many seconds more."""
        self.timer.now += seconds
        return self.get() is not None


class TestLife:
    def test_the_trace_of_an_error_is_not_kept(self) -> None:
        shelf = Shelf()
        shelf.put_found_missing("1")
        kept = shelf.get()
        assert isinstance(kept, NotFound)
        assert (kept.provider, kept.__traceback__, kept.__context__) == ("fake", None, None)

    @pytest.mark.parametrize(
        ("status", "ttl"),
        [
            (RunStatus.QUEUED, 2),
            (RunStatus.RUNNING, 2),
            (RunStatus.CANCELLING, 2),
            (RunStatus.UNKNOWN, 2),
            (RunStatus.WAITING, 20),
        ],
    )
    def test_of_runs_in_progress(self, status: RunStatus, ttl: float) -> None:
        shelf = Shelf()
        shelf.put(record(status=status))
        assert [shelf.kept_for(ttl - 0.1), shelf.kept_for(0.2)] == [True, False]

    @pytest.mark.parametrize(
        "status",
        [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT, RunStatus.REJECTED],
    )
    def test_of_ended_runs_is_long_but_not_for_ever(self, status: RunStatus) -> None:
        shelf = Shelf()
        shelf.put(record(status=status))
        assert [shelf.kept_for(89), shelf.kept_for(22)] == [True, False]

    def test_of_ended_runs_is_spread(self) -> None:
        shelf = Shelf()
        shelf.put(*(record(str(number)) for number in range(200)))
        shelf.timer.now += 100
        left = sum(shelf.get(str(number)) is not None for number in range(200))
        assert 40 < left < 160

    def test_of_a_run_that_the_provider_says_has_ended(self) -> None:
        """An unknown word with a flag that says the run is over."""
        shelf = Shelf()
        shelf.put(replace(record(status=RunStatus.UNKNOWN), is_terminal=True))
        assert shelf.kept_for(50)

    def test_of_the_knowledge_that_there_is_no_such_run(self) -> None:
        shelf = Shelf()
        shelf.put_missing("1")
        assert isinstance(shelf.get(), NotFound)
        assert [shelf.kept_for(4.9), shelf.kept_for(0.2)] == [True, False]

    def test_starts_anew_with_each_put(self) -> None:
        shelf = Shelf()
        for _ in range(3):
            shelf.put(record(status=RunStatus.RUNNING))
            assert shelf.kept_for(1.5)

    @pytest.mark.parametrize("key", ["terminal_ttl", "live_ttl", "waiting_ttl", "not_found_ttl"])
    def test_zero_keeps_nothing(self, key: str) -> None:
        shelf = Shelf(SETTINGS.model_copy(update={key: 0}))
        statuses = {
            "terminal_ttl": RunStatus.SUCCEEDED,
            "live_ttl": RunStatus.RUNNING,
            "waiting_ttl": RunStatus.WAITING,
        }
        if key in statuses:
            shelf.put(record(status=statuses[key]))
        else:
            shelf.put_missing("1")
        assert shelf.get() is None


class TestWhatIsKept:
    def test_the_record_itself(self) -> None:
        shelf = Shelf()
        one = record(parts=frozenset({Part.OUTPUT}), output={"a": 1})
        shelf.put(one)
        assert shelf.get() is one

    def test_a_later_record_takes_the_place_of_an_earlier_one(self) -> None:
        shelf = Shelf()
        shelf.put_missing("1")
        shelf.put(record(status=RunStatus.RUNNING), latest := record())
        assert shelf.get() is latest

    def test_nothing_of_other_runs_and_providers(self) -> None:
        shelf = Shelf()
        shelf.put(record())
        assert (shelf.get("2"), shelf.get("1", "other")) == (None, None)
        # A provider's name and an id can't run into each other.
        shelf.put(record("b", provider="fake:a"))
        assert shelf.get("a:b") is None

    def test_not_the_parts_that_failed(self) -> None:
        shelf = Shelf()
        failed = {Part.EVENTS: Unavailable(provider="fake")}
        shelf.put(record(parts=frozenset({Part.USAGE}), part_errors=failed))
        kept = shelf.get()
        assert isinstance(kept, RunRecord)
        assert (kept.parts, dict(kept.part_errors)) == ({Part.USAGE}, {})

    @pytest.mark.parametrize("name", ["status", "parts", "output", "usage"])
    def test_records_can_t_be_changed(self, name: str) -> None:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(record(), name, None)


class TestBound:
    def test_the_run_used_longest_ago_makes_room(self) -> None:
        shelf = Shelf(SETTINGS.model_copy(update={"max_runs": 3}))
        shelf.put(record("1"), record("2"), record("3"))
        assert shelf.get("1")
        shelf.put(record("4"))
        assert [shelf.get(native_id) is not None for native_id in "1234"] == [True, False, True, True]

    def test_runs_whose_time_is_over_make_room_first(self) -> None:
        shelf = Shelf(SETTINGS.model_copy(update={"max_runs": 2}))
        shelf.put(record("1"), record("2", status=RunStatus.RUNNING))
        shelf.timer.now += 3
        shelf.put(record("3"))
        assert [shelf.get(native_id) is not None for native_id in "123"] == [True, False, True]

    def test_room_for_none(self) -> None:
        shelf = Shelf(SETTINGS.model_copy(update={"max_runs": 0}))
        shelf.put(record())
        shelf.put_missing("2")
        assert (shelf.get("1"), shelf.get("2")) == (None, None)

    def test_without_a_ttl_an_entry_stays(self) -> None:
        timer = Timer()
        cache: Any = BoundedMemoryCache(2, timer)
        run(cache.set("k", "v"))
        timer.now += 1e9
        assert run(cache.get("k")) == "v"

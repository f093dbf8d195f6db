"""How long things are kept, and what is left of them."""

from typing import Any

import pytest

from adapters.model import Part, RunFile, RunRecord
from adapters.status import RunStatus
from gateway.cache import RunCache
from gateway.caching.entry import Entry
from gateway.settings import CacheSettings
from tests.gateway.fake import NONE, record
from tests.support import run

from .support import EPOCH, Clock

OUTPUT, FILES, RAW, USAGE = (frozenset({part}) for part in (Part.OUTPUT, Part.FILES, Part.RAW, Part.USAGE))
SOURCE = "fake:1"


def url(seconds: int) -> str:
    """A URL that works for so many seconds from the start."""
    return f"https://files.test/a?Signature=x&Expires={int(EPOCH) + seconds}"


class Shelf:
    """A run cache without `await`."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.cache = RunCache.in_memory(CacheSettings.model_validate({"terminal_ttl": 600, **settings}), self.clock)

    def keep(self, one: RunRecord) -> None:
        run(self.cache.keep(SOURCE, {one.native_id: one}, {}))

    def entry(self) -> Entry | None:
        return run(self.cache.find(SOURCE, {"1": NONE})).get("1")

    def fresh(self, after: float) -> RunRecord | None:
        self.clock.now = EPOCH + after
        entry = self.entry()
        fresh = None if entry is None else entry.fresh(self.clock.now)
        return fresh.outcome if fresh is not None and isinstance(fresh.outcome, RunRecord) else None

    def spare(self, after: float) -> RunRecord | None:
        self.clock.now = EPOCH + after
        entry = self.entry()
        spare = None if entry is None else entry.spare(self.clock.now)
        return spare.outcome if spare is not None and isinstance(spare.outcome, RunRecord) else None


class TestSignedUrls:
    def test_of_a_file_end_its_part_only(self) -> None:
        shelf = Shelf()
        shelf.keep(record(parts=FILES | USAGE, files=(RunFile(name="a", download_url=url(100)),)))
        before, after = shelf.fresh(89), shelf.fresh(91)
        assert before is not None
        assert after is not None
        assert (before.parts, after.parts, after.files) == (FILES | USAGE, USAGE, None)

    def test_of_a_file_never_stand_in_for_it(self) -> None:
        shelf = Shelf()
        shelf.keep(record(parts=FILES | USAGE, files=(RunFile(name="a", download_url=url(100)),)))
        assert shelf.fresh(700) is None
        spare = shelf.spare(700)
        assert spare is not None
        assert (spare.parts, spare.files) == (USAGE, None)

    def test_that_do_not_say_when_end_soon(self) -> None:
        shelf = Shelf()
        shelf.keep(record(parts=FILES, files=(RunFile(name="a", download_url="https://files.test/a"),)))
        assert [bool(left.parts) for at in (49, 51) if (left := shelf.fresh(at))] == [True, False]

    @pytest.mark.parametrize("part", [part for part in Part if part is not Part.FILES], ids=lambda part: part.value)
    def test_anywhere_in_a_part_end_it(self, part: Part) -> None:
        field = part.value.lower()
        value: Any = {"deep": [{"in": f"see {url(100)} there"}]}
        shelf = Shelf()
        values = {"steps": (value,), "events": (value,)}.get(field, value)
        made: dict[str, Any] = {field: values}
        shelf.keep(record(parts=frozenset({part}), **made))
        assert [bool(left.parts) for at in (89, 91) if (left := shelf.fresh(at))] == [True, False]

    def test_outside_all_parts_end_the_run(self) -> None:
        shelf = Shelf()
        shelf.keep(record(metadata={"x": url(100)}, parts=USAGE))
        assert shelf.fresh(89)
        assert (shelf.fresh(91), shelf.spare(91)) == (None, None)

    def test_that_are_over_are_not_kept(self) -> None:
        shelf = Shelf()
        shelf.keep(record(parts=RAW | USAGE, raw={"x": url(5)}))
        left = shelf.fresh(0)
        assert left is not None
        assert left.parts == USAGE

    def test_lengthen_no_life(self) -> None:
        shelf = Shelf(live_ttl=2)
        shelf.keep(record(status=RunStatus.RUNNING, parts=RAW, raw={"x": url(100)}))
        assert shelf.fresh(1.9)
        assert shelf.fresh(2.1) is None


class TestParts:
    def test_each_keeps_its_own_life(self) -> None:
        """What was known before does not get a longer life from what is looked up later."""
        shelf = Shelf()
        shelf.keep(record(parts=USAGE))
        shelf.clock.now += 500
        shelf.keep(record(parts=OUTPUT))
        both, later = shelf.fresh(530), shelf.fresh(700)
        assert both is not None
        assert later is not None
        assert (both.parts, later.parts) == (USAGE | OUTPUT, OUTPUT)

    def test_what_is_looked_up_side_by_side_is_joined(self) -> None:
        shelf = Shelf()
        for parts in (USAGE, OUTPUT, RAW):
            shelf.keep(record(parts=parts))
        left = shelf.fresh(1)
        assert left is not None
        assert left.parts == USAGE | OUTPUT | RAW

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (RunStatus.RUNNING, RunStatus.RUNNING),
            (RunStatus.RUNNING, RunStatus.SUCCEEDED),
            (RunStatus.SUCCEEDED, RunStatus.RUNNING),
        ],
    )
    def test_of_runs_in_progress_are_not_joined(self, before: RunStatus, after: RunStatus) -> None:
        shelf = Shelf()
        shelf.keep(record(parts=USAGE, status=before))
        shelf.keep(record(parts=OUTPUT, status=after))
        left = shelf.fresh(0.5)
        assert left is not None
        assert left.parts == OUTPUT


class TestSpares:
    def test_are_runs_that_ended(self) -> None:
        for status in RunStatus:
            shelf = Shelf(stale_if_error_ttl=1000)
            shelf.keep(record(status=status))
            assert (shelf.spare(1000) is not None) is (status.is_terminal is True), status
            assert shelf.fresh(1000) is None

    def test_have_an_end(self) -> None:
        shelf = Shelf(stale_if_error_ttl=1000)
        shelf.keep(record())
        assert shelf.spare(600 * 0.9 + 990)
        assert shelf.spare(600 * 1.1 + 1010) is None

    @pytest.mark.parametrize("settings", [{"stale_if_error_ttl": 0}, {"terminal_ttl": 0}], ids=str)
    def test_can_be_switched_off(self, settings: dict[str, float]) -> None:
        shelf = Shelf(**settings)
        shelf.keep(record())
        assert shelf.spare(700) is None

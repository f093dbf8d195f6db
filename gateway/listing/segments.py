"""What a page of one source holds that was not given yet, and in which order. Pure.

The rules, given a page as the provider listed it and where reading stood:

- A page is sorted: newest first, equal times by id, runs without a time last.
- A run that is newer than one of an earlier page comes as soon as it is reached, at the place of that earlier one.
- A run without a time comes last of its page; where more follows the page, at the place of the run before it, since
  holding it back would hold back all that follows; at the end of its source it comes last of all.
- A run that is not older than the last one given of its page was given already, or arrived since: it is left out.
- The last row of the page before, if it is on this page, is where the unread part of it starts.
- Rows done with that have the time of the last one are left out wherever they turn up again.
- Where pages are numbered, one that only has rows newer than the page before lies in what was read already.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from msgspec.structs import replace

from adapters.model import RunRecord

from .cursors import MAX_TIED, UNDATED, End, ReadState, RowKey

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A run to give. `place` is its time in the merge; `after` is where reading stands once it was given."""

    run: RunRecord
    place: int
    after: ReadState


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page brings. `state` is where reading stands before the first entry.

    `missed` counts runs that fit the filter and whose turn is over, because the source failed when it came.
    `shifted` counts rows of a numbered page that was taken for one read already; `anchored` says that a row
    was found that is known to have been read, which proves it.
    """

    entries: Sequence[Entry]
    state: ReadState
    missed: int = 0
    shifted: int = 0
    anchored: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """How a source's rows are chosen.

    `front`: the place of the run emitted last; nothing newer may follow. `seen`: ids that this reader placed already.
    `shifts`: pages are numbered, so that runs that arrive push others onto later pages.
    """

    keeps: Callable[[RunRecord], bool] | None = None
    front: int | None = None
    seen: Container[str] = ()
    shifts: bool = False


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def mark(native_id: str) -> str:
    return blake2b(native_id.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def key_of(run: RunRecord) -> RowKey:
    return RowKey(None if run.created_at is None else microseconds(run.created_at), run.native_id)


def unread(runs: Sequence[RunRecord], state: ReadState, following: str | None, end: End, rules: Rules) -> Reading:
    """What is to be given of a page read at `state`.

    `following` is the cursor of the next page; where it is None, `end` says how the source ended.
    """
    # The same row twice: the first one counts.
    rows = list({run.native_id: run for run in reversed(runs)}.values())[::-1]
    start, anchored = 0, False
    if state.anchor is not None:
        found = _find(rows, state.anchor)
        anchored = found is not None
        if found is not None:
            start = found + 1
        elif _lies_above(rows, state) or (rules.shifts and _is_newer(rows, state.floor)):
            beyond = replace(state, cursor=following, used=0) if following else _ended(end)
            return Reading((), beyond, shifted=len(rows))
        elif state.inside:
            # The anchor left the list, as runs do whose status is asked for and changes.
            start = _first_not_newer(rows, state.floor)
    found = None if state.tail is None else _find(rows[start:], state.tail)
    stop = len(rows) if found is None else start + found + 1
    placer = _Placer(rules, state, following, end, len(rows))
    placer.place(rows[start:stop], start, state.anchor, state.last)
    if stop < len(rows):
        placer.place(rows[stop:], stop, state.tail, None)
    return Reading(placer.entries, placer.state, placer.missed, anchored=anchored or placer.knows)


class _Placer:
    """Goes through the segments of a page, one after the other. `state` is where reading stands before `entries`."""

    def __init__(self, rules: Rules, state: ReadState, following: str | None, end: End, size: int) -> None:
        self.entries: list[Entry] = []
        self.state = state
        self.missed = 0
        self.knows = False
        self._rules = rules
        self._given = frozenset(state.tied)
        self._cursor, self._following, self._end, self._size = state.cursor, following, end, size
        self._floor, self._gap, self._tail, self._tied = state.floor, state.gap, state.tail, state.tied

    def place(self, rows: Sequence[RunRecord], start: int, anchor: str | None, last: RowKey | None) -> None:
        """The next segment: `rows` of the page from `start` on, of which those up to `last` are done with."""
        keys = [key_of(run) for run in rows]
        tail = mark(rows[-1].native_id) if rows else anchor
        clamp, self._floor = self._floor, _floor(keys, self._floor)
        is_last = start + len(rows) == self._size
        ends = is_last and self._following is None
        at = ReadState(
            cursor=self._cursor,
            used=start,
            anchor=anchor,
            inside=start > 0,
            tail=tail if rows else None,
            last=last,
            floor=clamp,
            tied=self._tied,
        )
        self._stand(replace(at, gap=self._gap))
        reach, ties = start, _Ties(self._tied, last, clamp)
        for index in sorted(range(len(rows)), key=lambda index: _rank(keys[index])):
            run, key = rows[index], keys[index]
            reach = max(reach, start + index + 1)
            if last is not None and _rank(key) <= _rank(last):
                self._stand(replace(at, used=reach, gap=self._gap))
                continue
            behind = replace(at, used=reach, last=key, tied=ties.before(key))
            place = _place(key, clamp, UNDATED if ends else self._floor)
            wanted = self._is_new(run) and (self._rules.keeps is None or self._rules.keeps(run))
            if key.time is not None and self._rules.front is not None and place > self._rules.front:
                self.missed += wanted and self._gap
                self._stand(replace(behind, gap=self._gap))
                continue
            self._gap = False
            if wanted:
                self.entries.append(Entry(run, place, behind))
        self._tied = ties.marks()
        if last is not None and last not in keys and is_last and self._following is not None:
            # The page came shorter, or was pushed on: the rows done with are still to come.
            moved = replace(at, cursor=self._following, used=0, anchor=tail, inside=False, tail=self._tail)
            self._stand(replace(moved, tied=self._tied, gap=self._gap))
        else:
            self._stand(self._behind(start + len(rows), tail, is_last=is_last))

    def _is_new(self, run: RunRecord) -> bool:
        if self._given and mark(run.native_id) in self._given:
            self.knows = True
            return False
        return run.native_id not in self._rules.seen

    def _behind(self, used: int, anchor: str | None, *, is_last: bool) -> ReadState:
        """Where reading stands once the segment was read."""
        if not is_last:
            within = ReadState(cursor=self._cursor, used=used, anchor=anchor, inside=True)
            return replace(within, floor=self._floor, tied=self._tied, gap=self._gap)
        if self._following is None:
            return _ended(self._end)
        return ReadState(cursor=self._following, anchor=anchor, floor=self._floor, tied=self._tied, gap=self._gap)

    def _stand(self, state: ReadState) -> None:
        """Reading stands here now: what is done with needs no look again."""
        if self.entries:
            self.entries[-1] = Entry(self.entries[-1].run, self.entries[-1].place, state)
        else:
            self.state = state


class _Ties:
    """The rows before the next one that have its time. Rows without a time have that of the row before."""

    def __init__(self, tied: Sequence[str], last: RowKey | None, floor: int | None) -> None:
        self._marks = tuple(tied)
        self._time, self._id = (floor, None) if last is None else (last.time, last.native_id)

    def before(self, key: RowKey) -> tuple[str, ...]:
        """The marks of those before this row, which is the next one."""
        self._marks = self.marks() if key.time in (None, self._time) else ()
        self._time, self._id = key.time, key.native_id
        return self._marks

    def marks(self) -> tuple[str, ...]:
        """The marks of all so far."""
        return self._marks if self._id is None else (*self._marks, mark(self._id))[-MAX_TIED:]


def _ended(end: End) -> ReadState:
    return ReadState(end=end)


def _floor(keys: Sequence[RowKey], floor: int | None) -> int | None:
    """The oldest time so far; without any, rows that have none stand for it."""
    times = [key.time for key in keys if key.time is not None]
    if floor is not None:
        times.append(floor)
    return min(times, default=UNDATED if keys else None)


def _place(key: RowKey, clamp: int | None, undated: int | None) -> int:
    """Where a row stands in the merge: not before rows of segments before its own."""
    if key.time is None:
        return UNDATED if undated is None else undated
    return key.time if clamp is None else min(key.time, clamp)


def _rank(key: RowKey) -> tuple[bool, int, str]:
    return key.time is None, -(key.time or 0), key.native_id


def _find(rows: Sequence[RunRecord], wanted: str) -> int | None:
    return next((index for index, run in enumerate(rows) if mark(run.native_id) == wanted), None)


def _lies_above(rows: Sequence[RunRecord], state: ReadState) -> bool:
    """Whether a page that should hold the anchor ends before it: the provider gives less, or much arrived."""
    if not state.inside:
        return False
    times = _times(rows)
    if len(state.tied) == MAX_TIED:
        return not times or state.floor is None or min(times) >= state.floor
    return all(_was_read(run, state) for run in rows)


def _was_read(run: RunRecord, state: ReadState) -> bool:
    """Whether a row above the anchor was read before, or arrived since, for all that the state remembers."""
    time = key_of(run).time
    is_newer = time is not None and (state.floor is None or time > state.floor)
    return is_newer or mark(run.native_id) in state.tied


def _first_not_newer(rows: Sequence[RunRecord], floor: int | None) -> int:
    """Where the rows start that are not newer than what was read."""
    times = enumerate(key_of(run).time for run in rows)
    return next((index for index, time in times if time is None or floor is None or time <= floor), len(rows))


def _is_newer(rows: Sequence[RunRecord], floor: int | None) -> bool:
    """Whether no row is older than what was read, and some are newer."""
    times = _times(rows)
    return floor is not None and floor != UNDATED and bool(times) and min(times) >= floor and max(times) > floor


def _times(rows: Sequence[RunRecord]) -> list[int]:
    return [microseconds(run.created_at) for run in rows if run.created_at is not None]

"""What the cache keeps of a run, and until when."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from adapters.errors import NotFound
from adapters.model import PART_FIELDS, Part, RunRecord

Clock = Callable[[], float]
"""Seconds since the epoch. Lives are told in it, because replicas share them."""


class Life(NamedTuple):
    """Until when something may be given as it is, and until when it may stand in for what can't be had."""

    fresh_until: float
    usable_until: float


class Entry(Struct, frozen=True):
    """A run with the parts that are known of it, or the knowledge that there is no such run.

    `life` is that of the core and of every part that has none of its own in `part_lives`. `size` is an estimate of the
    memory it takes, in bytes.
    """

    outcome: RunRecord | NotFound
    stored_at: float
    life: Life
    part_lives: Mapping[Part, Life] = {}
    size: int = 0

    @property
    def is_terminal(self) -> bool:
        """Whether it is a run that has ended."""
        return isinstance(self.outcome, RunRecord) and self.outcome.is_terminal is True

    @property
    def is_settled(self) -> bool:
        """Whether it is a run that has ended, and nothing of it failed to come."""
        record = self.outcome
        return isinstance(record, RunRecord) and record.is_terminal is True and not record.part_errors

    def holds(self, parts: frozenset[Part]) -> bool:
        """Whether it answers for all of these parts."""
        return not isinstance(self.outcome, RunRecord) or parts <= self.outcome.parts

    def missing(self, parts: frozenset[Part]) -> frozenset[Part]:
        """Those of the parts that it does not hold."""
        return parts - self.outcome.parts if isinstance(self.outcome, RunRecord) else parts

    def fresh(self, now: float) -> "Entry | None":
        """This entry without the parts whose time is over; None where that of the whole is."""
        if now >= self.life.fresh_until:
            return None
        if not self.part_lives:
            return self
        return self._without(part for part, life in self.part_lives.items() if now >= life.fresh_until)

    def spare(self, now: float) -> "Entry | None":
        """What of this entry may stand in for a run that can't be looked up now: only a run that has ended may."""
        if not self.is_terminal or now >= self.life.usable_until:
            return None
        return self._without(part for part, life in self.part_lives.items() if now >= life.usable_until)

    def fresh_until(self, parts: Iterable[Part]) -> float:
        """Until when the core and these parts are fresh."""
        if not self.part_lives:
            return self.life.fresh_until
        lives = (self.part_lives[part] for part in parts if part in self.part_lives)
        return min([self.life.fresh_until, *(life.fresh_until for life in lives)])

    def joined(self, older: "Entry", now: float) -> "Entry":
        """This entry plus the parts that only an older one holds, for as long as they were to live there.

        Only where the run had ended by then: parts of a run in progress belong to one moment.
        """
        if not (self.is_terminal and older.is_terminal) or (left := older.fresh(now)) is None:
            return self
        record, known = self.outcome, left.outcome
        if not isinstance(record, RunRecord) or not isinstance(known, RunRecord):
            return self
        added = known.parts - record.parts
        if not added:
            return self
        lives = {**self.part_lives, **{part: left.part_lives.get(part, left.life) for part in added}}
        return replace(self, outcome=record.with_parts_of(known), part_lives=lives, size=self.size + left.size)

    def without_errors(self) -> "Entry":
        """This entry without what failed on the way to it.

        An error's trace holds whatever the call had in hand, such as the body of the answer.
        """
        if isinstance(self.outcome, NotFound):
            return replace(self, outcome=NotFound(provider=self.outcome.provider))
        if self.outcome.part_errors:
            return replace(self, outcome=replace(self.outcome, part_errors={}))
        return self

    def _without(self, parts: Iterable[Part]) -> "Entry":
        gone = frozenset(parts)
        if not gone or not isinstance(self.outcome, RunRecord):
            return self
        empty = {name: None for part in gone for name in PART_FIELDS[part]}
        record = replace(self.outcome, parts=self.outcome.parts - gone, **empty)
        lives = {part: life for part, life in self.part_lives.items() if part not in gone}
        return replace(self, outcome=record, part_lives=lives)

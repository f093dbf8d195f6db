"""Run and step statuses, and the one reader that turns a provider's word into ours."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

log = logging.getLogger(__name__)


class RunStatus(Enum):
    """Where a run stands. `SUCCEEDED` is said only where the provider said so."""

    # Members are looked for in sets all the time, and an enum's own hash is a call in Python.
    __hash__ = object.__hash__

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_terminal(self) -> bool | None:
        """Whether the run has ended; None where nobody can tell."""
        return None if self is RunStatus.UNKNOWN else self in _TERMINAL


_TERMINAL = frozenset(
    {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT, RunStatus.REJECTED}
)


class StepStatus(Enum):
    """Where a step stands: the words of a run, and `SKIPPED`."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    SKIPPED = "SKIPPED"
    UNKNOWN = "UNKNOWN"


class StatusSource(Enum):
    """Whether the provider said the status or it was worked out from other fields."""

    REPORTED = "REPORTED"
    DERIVED = "DERIVED"


S = TypeVar("S", RunStatus, StepStatus)


def fold(word: str) -> str:
    """A status word without what may differ in spelling: case, `-`, `_`, blanks, canceled/cancelled."""
    folded = "".join(word.casefold().replace("-", "").replace("_", "").split())
    return folded.replace("canceled", "cancelled").replace("canceling", "cancelling")


@dataclass(frozen=True)
class StatusTable(Generic[S]):
    """What each word of one provider means. `words` holds the documented words, as documented."""

    provider: str
    words: Mapping[str, S]
    unknown: S
    unknown_seen: Counter[str] = field(default_factory=Counter[str])
    """How often each word that is not in the table was read; bounded to 100 words."""
    _known: Mapping[str, S] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        folded = {fold(word): status for word, status in self.words.items()}
        object.__setattr__(self, "_known", {**folded, **self.words})

    def read(self, word: str) -> S:
        """The status of a word; one that is not in the table is UNKNOWN, counted, and logged the first time."""
        # Words come as documented nearly always, and folding takes several times as long as to see that.
        status = self._known.get(word) or self._known.get(fold(word))
        if status is not None:
            return status
        key = word[:40]
        if key in self.unknown_seen or len(self.unknown_seen) < 100:
            if key not in self.unknown_seen:
                log.warning("%s: status %r is not documented; reading it as UNKNOWN", self.provider, key)
            self.unknown_seen[key] += 1
        return self.unknown

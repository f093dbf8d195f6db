"""Made-up run histories: the same seed makes the same runs, and some runs progress while somebody watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

RUN_COUNT: Final = 240
HISTORY: Final = timedelta(days=30)
QUIET: Final = timedelta(minutes=10)
"""No run of the history is younger than this at the anchor, so that all that end have ended by then."""

LIVE_EVERY: Final = timedelta(seconds=20)
LIVE_LASTS: Final = timedelta(seconds=60)
LIVE_LISTED: Final = 60
"""How many live runs a list shows; older ones can still be fetched by id."""

PEOPLE: Final[Sequence[tuple[str, str]]] = (
    ("Ida Berg", "ida@example.com"),
    ("Lena Ray", "lena@example.com"),
    ("Tomas Okafor", "tomas@example.com"),
    ("Mei Tanaka", "mei@example.com"),
    ("Jonas Weber", "jonas@example.com"),
)
"""The demo's users, (name, email): the same people in every provider that names its users."""


@dataclass(frozen=True, slots=True)
class Moments:
    """When a run was created, started and, if it ends, ended; aware UTC, `created < started < ended`."""

    created: datetime
    started: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that starts and ends while somebody watches. `number` counts up from 0 and identifies it.

    `progress` goes from 0 at `moments.created` to 1 at `moments.ended` and stays there; `seen` is the last moment at
    which the run could have changed: now, or its end.
    """

    number: int
    moments: Moments
    progress: float
    seen: datetime


def seeded(*key: str | int) -> Random:
    """A source of randomness that gives the same values for the same key, in every process."""
    return Random("/".join(map(str, key)))


def random_uuid(random: Random) -> str:
    """A version 4 UUID drawn from `random`."""
    return str(UUID(int=random.getrandbits(128), version=4))


def ordered_uuid(random: Random, created: datetime) -> str:
    """A time-ordered (version 7) UUID for a moment, the rest drawn from `random`."""
    milliseconds = int(created.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return str(UUID(int=value))


def zulu(instant: datetime, timespec: str = "seconds") -> str:
    """ISO 8601 with `Z`; `timespec` as for `datetime.isoformat`."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def history(name: str, anchor: datetime, count: int = RUN_COUNT) -> list[Moments]:
    """When each of `count` runs of one simulator happened, newest first, all over by `anchor`."""
    return [_moments(seeded(name, "moments", index), index, anchor, count) for index in range(count)]


def _moments(random: Random, index: int, anchor: datetime, count: int) -> Moments:
    age = QUIET + (HISTORY - QUIET) * ((index + random.random()) / count)
    created = anchor - timedelta(milliseconds=age // timedelta(milliseconds=1))
    started = created + timedelta(milliseconds=random.randint(40, 4000))
    duration = min(random.lognormvariate(3.0, 1.0), 300.0)
    return Moments(created, started, started + timedelta(milliseconds=200 + int(duration * 1000)))


def live_run(anchor: datetime, now: datetime, number: int) -> LiveRun | None:
    """Live run `number` as it stands at `now`; None when it hasn't been created yet.

    One is created every `LIVE_EVERY`; each takes `LIVE_LASTS`. At the anchor the first ones are already under way.
    """
    created = anchor - LIVE_LASTS + LIVE_EVERY * (number + 1)
    if number < 0 or created > now:
        return None
    moments = Moments(created, created + timedelta(seconds=2), created + LIVE_LASTS)
    return LiveRun(number, moments, min((now - created) / LIVE_LASTS, 1.0), min(now, moments.ended))


def live_runs(anchor: datetime, now: datetime) -> list[LiveRun]:
    """The newest live runs at `now`, newest first, at most `LIVE_LISTED`."""
    newest = (now - anchor + LIVE_LASTS) // LIVE_EVERY - 1
    numbers = range(newest, max(newest - LIVE_LISTED, -1), -1)
    return [run for number in numbers if (run := live_run(anchor, now, number)) is not None]


def live_uuid(name: str, number: int) -> str:
    """The UUID of one simulator's live run `number`; `live_number` reads it back."""
    return f"{_live_prefix(name)}{number:012x}"


def live_number(name: str, run_id: str) -> int | None:
    """Which live run of a simulator has this UUID; None when it isn't one's."""
    prefix, digits = _live_prefix(name), run_id[24:]
    if not run_id.startswith(prefix) or len(run_id) != 36:
        return None
    try:
        number = int(digits, 16)
    except ValueError:
        return None
    return number if live_uuid(name, number) == run_id else None


def _live_prefix(name: str) -> str:
    return random_uuid(seeded(name, "live"))[:24]

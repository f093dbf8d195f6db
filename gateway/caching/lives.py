"""How long what is known of a run is kept, by its status and by the signed URLs in it."""

import random
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from adapters.errors import NotFound
from adapters.model import PART_FIELDS, Part, RunRecord
from adapters.status import RunStatus
from gateway.settings import CacheSettings

from . import signed
from .entry import Entry, Life
from .survey import survey

_PART_NAMES = frozenset(name for names in PART_FIELDS.values() for name in names)
_OVERHEAD = 1_000
"""Bytes of an entry beyond the values in it: the record, the entry, their places in the map."""


class Lives:
    """Makes entries of what was looked up."""

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings

    def entry(self, outcome: RunRecord | NotFound, now: float) -> Entry:
        """The entry of a run that was looked up just now."""
        if isinstance(outcome, NotFound):
            until = now + self._settings.not_found_ttl
            return Entry(outcome, now, Life(until, until), size=_OVERHEAD)
        life = self._by_status(outcome, now)
        if life.usable_until <= now:
            # It is kept for no time, so nobody asks how large it is.
            return Entry(outcome, now, life, size=_OVERHEAD)
        size, texts = survey(_reader(type(outcome), in_parts=True)(outcome))
        entry = Entry(outcome, now, life, size=size + _OVERHEAD)
        return _limited_by_urls(entry, now) if texts else entry

    def _by_status(self, record: RunRecord, now: float) -> Life:
        if record.is_terminal:
            # Spread, so that runs fetched together do not all expire together.
            ttl = self._settings.terminal_ttl * random.uniform(0.9, 1.1)  # noqa: S311 - no secret depends on it
            return Life(now + ttl, now + ttl + (self._settings.stale_if_error_ttl if ttl else 0))
        until = now + (self._settings.waiting_ttl if record.status is RunStatus.WAITING else self._settings.live_ttl)
        return Life(until, until)


def _limited_by_urls(entry: Entry, now: float) -> Entry:
    """The entry, each part and the rest of it no longer kept than the signed URLs in it work."""
    record = entry.outcome
    if not isinstance(record, RunRecord):
        return entry
    _, texts = survey(_reader(type(record), in_parts=False)(record))
    core = _limited(entry.life, signed.limit(texts, now))
    lives: dict[Part, Life] = {}
    for part in record.parts:
        _, texts = survey([getattr(record, name) for name in PART_FIELDS[part]])
        limits = [signed.limit(texts, now)]
        if part is Part.FILES:
            links = [file.download_url for file in record.files or () if file.download_url]
            limits.append(signed.limit_of_links(links, now))
        own = _limited(core, min((until for until in limits if until is not None), default=None))
        if own != core:
            lives[part] = own
    return replace(entry, life=core, part_lives=lives)


def _limited(life: Life, until: float | None) -> Life:
    return life if until is None else Life(min(life.fresh_until, until), min(life.usable_until, until))


@cache
def _reader(kind: type[RunRecord], *, in_parts: bool) -> Callable[[RunRecord], Any]:
    """Reads all fields of a record; without `in_parts`, those that belong to no part."""
    left_out = {"parts", "part_errors"} if in_parts else {"parts", "part_errors", *_PART_NAMES}
    return attrgetter(*(name for name in kind.__struct_fields__ if name not in left_out))

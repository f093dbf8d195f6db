"""What an export is asked for, in the query of its address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from adapters.model import RunKind
from adapters.status import RunStatus
from gateway.errors import RequestError
from gateway.listing.filters import RunFilter
from gateway.schema.scalars import parse_datetime

from .columns import DEFAULT

DEFAULT_RUNS = 10_000
MAX_RUNS = 1_000_000

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which runs, at most how many, and their columns by name."""

    wanted: RunFilter
    columns: Sequence[str]
    max_runs: int


def read(query: Sequence[tuple[str, str]]) -> ExportRequest:
    """The parameters of an address; RequestError for one that is unknown, or has a value that can't be meant.

    Lists are separated by commas, or the parameter comes several times. An empty value restricts nothing.
    """
    values: dict[str, list[str]] = {}
    for name, text in query:
        if name not in _NAMES:
            near = get_close_matches(name[:64], _NAMES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_NAMES)}"
            raise RequestError(f'there is no parameter "{name[:64]}"; {hint}')
        values.setdefault(name, []).append(text)
    lists = {
        name: list(dict.fromkeys(item for text in values.get(name, ()) for item in _items(text))) for name in _LISTS
    }
    ones = {name: _one(name, values.get(name, ())) for name in _ONES}
    wanted = RunFilter(
        providers=tuple(lists["providers"]) or None,
        statuses=_members("status", lists["status"], RunStatus),
        kinds=_members("kind", lists["kind"], RunKind),
        created_after=_time("createdAfter", ones["createdAfter"]),
        created_before=_time("createdBefore", ones["createdBefore"]),
        target=ones["target"],
        scope=ones["scope"],
    )
    columns = [item for text in values.get("columns", ()) for item in _items(text)]
    return ExportRequest(wanted, columns or DEFAULT, _max_runs(ones["maxRuns"]))


_LISTS = ("providers", "status", "kind")
_ONES = ("createdAfter", "createdBefore", "target", "scope", "maxRuns")
_NAMES = (*_LISTS, *_ONES, "columns")


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _one(name: str, texts: Sequence[str]) -> str | None:
    if len(texts) > 1:
        raise RequestError(f"{name}: expected one value, not {len(texts)}")
    return next(iter(texts), None) or None


def _members(name: str, words: Sequence[str], enum: type[E]) -> frozenset[E] | None:
    members: Mapping[str, E] = enum.__members__
    for word in words:
        if word.upper() not in members:
            raise RequestError(f'{name}: there is no "{word[:64]}"; expected some of {", ".join(members)}')
    return frozenset(members[word.upper()] for word in words) or None


def _time(name: str, text: str | None) -> datetime | None:
    """A time, or milliseconds since 1970. A blank before a zone's hours was a plus sign that nobody encoded."""
    if text is None:
        return None
    before, blank, zone = text.rpartition(" ")
    attempts: Sequence[Callable[[], datetime]] = (
        lambda: parse_datetime(int(text) if text.isdecimal() else text),
        lambda: parse_datetime(f"{before}+{zone}" if blank else text),
    )
    for attempt in attempts:
        try:
            return attempt()
        except ValueError:
            continue
    raise RequestError(f"{name}: expected a time such as 2026-03-02T09:14:05Z")


def _max_runs(text: str | None) -> int:
    if text is None:
        return DEFAULT_RUNS
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_RUNS):
        raise RequestError(f"maxRuns: expected 1 to {MAX_RUNS}")
    return int(text)

"""What a listing asks Eigenpal for, and which rows of the answer fit the query."""

from datetime import UTC, datetime, timedelta

from adapters.contract import RunQuery
from adapters.errors import InvalidInput
from adapters.model import RunKind, RunRecord
from adapters.status import RunStatus, StatusSource

from .parse import KINDS
from .status import STATUSES

MAX_LIMIT = 100
_CURSOR_PREFIX = "eigenpal:"
_MAX_CURSOR = 4096

_UNFINISHED = [word for word, status in STATUSES.words.items() if not status.is_terminal]
_WORDS: dict[RunStatus, list[str]] = {
    status: [word for word, meant in STATUSES.words.items() if meant is status] for status in STATUSES.words.values()
}
_STATUSES = frozenset({*_WORDS, RunStatus.CANCELLING, RunStatus.UNKNOWN})
"""Every status that a record can have."""
_KINDS = frozenset({*KINDS.values(), RunKind.UNKNOWN})
_TIME_STEP = timedelta(milliseconds=1)
"""The resolution of the provider's times."""


def matches_nothing(query: RunQuery) -> bool:
    """Whether no Eigenpal run can fit the query, so that there is no need to ask."""
    return (query.statuses is not None and not query.statuses & _STATUSES) or (
        query.kinds is not None and not query.kinds & _KINDS
    )


def parameters(query: RunQuery, provider: str) -> dict[str, str | int]:
    """The parameters of the call; InvalidInput where the cursor is not one of ours.

    Whether the provider's times are inclusive is not published: they are asked for a millisecond wider.
    """
    params: dict[str, str | int] = {"limit": min(max(query.limit, 1), MAX_LIMIT)}
    if query.cursor is not None:
        params["cursor"] = _provider_cursor(query.cursor, provider)
    if query.statuses is not None and (words := _words(query.statuses)):
        params["status"] = ",".join(words)
    if query.kinds is not None and len(kinds := query.kinds & _KINDS) == 1:
        params |= [("type", word) for word, kind in KINDS.items() if kind in kinds]
    if query.target is not None:
        params["source"] = query.target
    after, before = _moved(query.created_after, -_TIME_STEP), _moved(query.created_before, _TIME_STEP)
    if after is not None:
        params["createdAfter"] = after
    if before is not None:
        params["createdBefore"] = before
    return params


def shows(query: RunQuery, record: RunRecord) -> bool:
    """Whether a row belongs into the answer.

    A status that was worked out here knows less than the provider does (it has no WAITING): where the provider could
    be asked for the very statuses wanted, its word is taken for such a row.
    """
    if query.statuses is not None and record.status not in query.statuses:
        as_asked = query.statuses <= _WORDS.keys()
        if not (as_asked and record.status_source is StatusSource.DERIVED):
            return False
    if query.kinds is not None and record.kind not in query.kinds:
        return False
    created = record.created_at
    if created is None:
        return True
    return (query.created_after is None or created >= query.created_after) and (
        query.created_before is None or created <= query.created_before
    )


def cursor_to_give(next_cursor: str, *, sent: str | int | None) -> str | None:
    """Our cursor for the provider's; None for the one that was sent, which leads to where we are."""
    return None if next_cursor == sent else f"{_CURSOR_PREFIX}{next_cursor}"


def _provider_cursor(cursor: str, provider: str) -> str:
    given = cursor.removeprefix(_CURSOR_PREFIX)
    if given == cursor or not given or len(given) > _MAX_CURSOR or not given.isprintable():
        raise InvalidInput("this is not a cursor of this list", provider=provider)
    return given


def _words(statuses: frozenset[RunStatus]) -> list[str]:
    """The provider's words for what may have one of the statuses; none where that can't be said in words."""
    if RunStatus.UNKNOWN in statuses:
        return []
    wanted = {word for status in statuses for word in _WORDS.get(status, ())}
    if RunStatus.CANCELLING in statuses:
        # Only where the provider reports no status is a run CANCELLING, and then it is any that has not ended.
        wanted |= set(_UNFINISHED)
    return [word for word in STATUSES.words if word in wanted]


def _moved(moment: datetime | None, by: timedelta) -> str | None:
    """The moment, moved and cut to the provider's resolution; None for one that no calendar reaches."""
    if moment is None:
        return None
    try:
        utc = moment.astimezone(UTC)
        cut = utc.replace(microsecond=utc.microsecond // 1000 * 1000)
        if by > timedelta() and cut != utc:
            cut += _TIME_STEP
        return (cut + by).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return None

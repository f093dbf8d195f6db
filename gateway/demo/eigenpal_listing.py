"""Eigenpal's list endpoints: filters and cursors."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

from .eigenpal_run import STATUSES, Document, SimulatedRun

Item = TypeVar("Item")
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


class Refusal(Exception):
    """A request that is answered with an error: its HTTP status, and the one issue of its body."""

    def __init__(self, field: str, message: str, code: str = "invalid_value", status: int = 400) -> None:
        super().__init__(message)
        self.field, self.message, self.code, self.status = field, message, code, status


def list_runs(runs: Iterable[SimulatedRun], query: Mapping[str, str]) -> tuple[list[SimulatedRun], str | None]:
    """One page of the runs that a query keeps, newest first, and the next cursor.

    `ids` is paged like any other query: more ids than `limit` take more than one page; unknown ids are left out.
    A documented filter that isn't simulated is refused, so that nobody takes an unfiltered list for a filtered one.
    """
    kept = list(runs)
    for name, text in query.items():
        if name in _FILTERS:
            keeps = _FILTERS[name](name, text)
            kept = [run for run in kept if keeps(run)]
        elif name not in ("limit", "cursor", "sampleRate"):
            raise Refusal(name, f"{name} is not simulated")
    page, cursor = _page(kept, query, lambda run: f"{run.created.isoformat(timespec='microseconds')} {run.body['id']}")
    if "sampleRate" in query:
        # Sampling happens after paging there: a page may hold fewer rows than asked for and still have a next one.
        rate = _number("sampleRate", query["sampleRate"])
        page = [run for run in page if isinstance(rank := run.body.get("sampleRank"), float) and rank < rate]
    return page, cursor


def list_human_reviews(runs: Iterable[SimulatedRun], query: Mapping[str, str]) -> Document:
    """One page of the reviews that these runs wait for, oldest first."""
    before = _instant("waitingBefore", query["waitingBefore"]) if "waitingBefore" in query else None
    tasks: list[Document] = []
    for run in runs:
        source, waiting_since = run.body["source"], run.body["timing"]["startedAt"]
        if query.get("automationId") not in (None, source["id"]):
            continue
        if before is not None and _instant("startedAt", waiting_since) >= before:
            continue
        task = dict(run.body["execution"]["humanReview"])
        tasks.append(
            {
                "id": task.pop("taskId"),
                "executionId": run.body["id"],
                "automationId": source["id"],
                "automationName": source["name"],
                **task,
                "createdAt": waiting_since,
                "updatedAt": waiting_since,
            }
        )
    page, cursor = _page(tasks, query, lambda task: f"{task['createdAt']} {task['id']}", newest_first=False)
    return {"tasks": page, "nextCursor": cursor}


def _page(
    items: list[Item], query: Mapping[str, str], key_of: Callable[[Item], str], *, newest_first: bool = True
) -> tuple[list[Item], str | None]:
    """The items that sort after the cursor: items that come or go in the meantime don't shift later pages."""
    limit = query.get("limit", str(DEFAULT_LIMIT))
    if not limit.isdecimal() or not 1 <= int(limit) <= MAX_LIMIT:
        raise Refusal("limit", f"limit must be between 1 and {MAX_LIMIT}")
    items = sorted(items, key=key_of, reverse=newest_first)
    if "cursor" in query:
        after = _decoded(query["cursor"])
        items = [item for item in items if (key_of(item) < after if newest_first else key_of(item) > after)]
    page = items[: int(limit)]
    return page, urlsafe_b64encode(key_of(page[-1]).encode()).decode() if len(page) < len(items) else None


def _decoded(cursor: str) -> str:
    try:
        return b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Refusal("cursor", "cursor is not one of this list") from None


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refusal(field, f"{text!r} is not a number") from None


def _instant(field: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(field, f"{text!r} is not an ISO 8601 time") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


Keeps = Callable[[SimulatedRun], bool]


def _equals(*path: str) -> Callable[[str, str], Keeps]:
    """Keeps the runs whose document has exactly the text asked for at a path."""

    def keeps(_: str, text: str) -> Keeps:
        return lambda run: _at(run.body, path) == text

    return keeps


def _at(body: Document, path: Sequence[str]) -> Any:
    value: Any = body
    for key in path:
        value = cast("Document", value).get(key) if isinstance(value, dict) else None
    return value


def _has_status(field: str, text: str) -> Keeps:
    wanted = text.split(",")
    if unknown := set(wanted) - set(STATUSES):
        raise Refusal(field, f"status can't be {', '.join(sorted(unknown))}")
    return lambda run: run.status in wanted


def _has_id(_: str, text: str) -> Keeps:
    wanted = set(text.split(","))
    return lambda run: run.body["id"] in wanted


def _has_tag(_: str, text: str) -> Keeps:
    return lambda run: isinstance(tags := run.body.get("tags"), list) and text in tags


def _created_after(field: str, text: str) -> Keeps:
    instant = _instant(field, text)
    return lambda run: run.created >= instant


def _created_before(field: str, text: str) -> Keeps:
    instant = _instant(field, text)
    return lambda run: run.created < instant


_FILTERS: Final[Mapping[str, Callable[[str, str], Keeps]]] = {
    "ids": _has_id,
    "status": _has_status,
    "type": _equals("type"),
    "source": _equals("source", "id"),
    "tag": _has_tag,
    "trigger": _equals("trigger", "type"),
    "triggeredBy": _equals("trigger", "by", "id"),
    "batchId": _equals("execution", "batchId"),
    "createdAfter": _created_after,
    "createdBefore": _created_before,
}

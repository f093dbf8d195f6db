"""Which runs are listed: what a client asks for, what of it a provider applies, and what is left for the gateway."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import orjson

from adapters.contract import Filter, ListsRuns, RunQuery
from adapters.model import RunKind, RunRecord
from adapters.status import RunStatus
from gateway.errors import RequestError

MAX_TEXT = 512

Keeps = Callable[[RunRecord], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """The runs wanted; None restricts nothing. Both times are inclusive, and a run without `created_at` fits neither.

    `target` is a target's id or name, in any case. `scope` is what a provider may need in order to list.
    """

    providers: tuple[str, ...] | None = None
    statuses: frozenset[RunStatus] | None = None
    kinds: frozenset[RunKind] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    target: str | None = None
    scope: str | None = None

    def check(self) -> None:
        """RequestError where the filter makes no sense, whatever the providers are."""
        if self.created_after and self.created_before and self.created_after > self.created_before:
            raise RequestError("filter: createdAfter is later than createdBefore")
        for name, text in (("target", self.target), ("scope", self.scope)):
            if text is not None and not (0 < len(text) <= MAX_TEXT):
                raise RequestError(f"filter.{name}: expected a text of 1 to {MAX_TEXT} characters")

    def digest(self, *context: object) -> str:
        """A short text that is the same for the same filter in the same context."""
        document = [
            sorted(self.providers or ()),
            sorted(status.value for status in self.statuses or ()),
            sorted(kind.value for kind in self.kinds or ()),
            self.created_after,
            self.created_before,
            self.target,
            self.scope,
            context,
        ]
        return blake2b(orjson.dumps(document), digest_size=9).hexdigest()


@dataclass(frozen=True, slots=True)
class Division:
    """A filter, divided between a provider and the gateway.

    `query` has what the provider applies. `keeps` applies the rest; None where there is none. `oldest` is a limit
    that the provider does not know: behind the first run that is older, nothing more is wanted.
    """

    query: RunQuery
    keeps: Keeps | None
    oldest: datetime | None


def divide(wanted: RunFilter, lists: ListsRuns, scope: str | None) -> Division:
    """What the provider is asked, and what the gateway does itself."""
    upstream = lists.filters
    tests: list[Keeps] = []
    oldest: datetime | None = None
    statuses, kinds, target = wanted.statuses, wanted.kinds, wanted.target
    after, before = wanted.created_after, wanted.created_before
    if statuses is not None and Filter.STATUS not in upstream:
        tests.append(lambda run: run.status in statuses)
    if kinds is not None and Filter.KIND not in upstream:
        tests.append(lambda run: run.kind in kinds)
    if after is not None and Filter.CREATED_AFTER not in upstream:
        oldest = after
        tests.append(lambda run: run.created_at is not None and run.created_at >= after)
    if before is not None and Filter.CREATED_BEFORE not in upstream:
        tests.append(lambda run: run.created_at is not None and run.created_at <= before)
    if target is not None and Filter.TARGET not in upstream:
        tests.append(_has_target(target))
    query = RunQuery(
        limit=1,
        statuses=statuses if Filter.STATUS in upstream else None,
        kinds=kinds if Filter.KIND in upstream else None,
        created_after=after if Filter.CREATED_AFTER in upstream else None,
        created_before=before if Filter.CREATED_BEFORE in upstream else None,
        target=target if Filter.TARGET in upstream else None,
        scope=scope,
    )
    return Division(query, (lambda run: all(test(run) for test in tests)) if tests else None, oldest)


def _has_target(target: str) -> Keeps:
    wanted = target.casefold()

    def keeps(run: RunRecord) -> bool:
        names = () if run.target is None else (run.target.id, run.target.name)
        return any(name is not None and name.casefold() == wanted for name in names)

    return keeps

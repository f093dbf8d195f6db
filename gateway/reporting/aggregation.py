"""Sums over runs, by dimension and time. Runs are added one after the other; none is kept.

Sums are exact, so that the order of the runs never shows. What nobody reported is None, and a reported 0 is 0.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from enum import Enum
from zoneinfo import ZoneInfo

from adapters.model import Actor, Credits, Money, Part, RunKind, RunRecord, TokenAccounting, Usage
from adapters.status import RunStatus
from gateway.errors import RequestError

from .buckets import TimeBucket, bucket_start
from .shares import Share, shares

MAX_ROWS = 100_000

TOKENS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_write_input_tokens",
    "reasoning_output_tokens",
)
COUNTS = (*TOKENS, "model_calls", "retries", "agent_turns", "pages_processed")
_EXACT = Context(prec=1000)
"""More digits than amounts and durations have, however many of them are added up."""


class UsageDimension(Enum):
    """What runs are told apart by."""

    PROVIDER = "PROVIDER"
    TARGET = "TARGET"
    STATUS = "STATUS"
    KIND = "KIND"
    MODEL = "MODEL"
    INITIATOR = "INITIATOR"
    TAG = "TAG"


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes a row of its own: the dimensions, each once, and the bucket that `created_at` is in."""

    dimensions: frozenset[UsageDimension] = frozenset()
    bucket: TimeBucket | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def has(self, dimension: UsageDimension) -> bool:
        return dimension in self.dimensions

    @property
    def is_flat(self) -> bool:
        """Whether all runs are one row."""
        return not self.dimensions and self.bucket is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What the runs of a row have in common; None where that is not asked for, or unknown."""

    bucket_start: datetime | None = None
    provider: str | None = None
    target: str | None = None
    status: RunStatus | None = None
    kind: RunKind | None = None
    model: str | None = None
    initiator: str | None = None
    tag: str | None = None

    @property
    def order(self) -> tuple[tuple[bool, str], ...]:
        """By time, then by the dimensions; what is unknown comes last."""
        time = None if self.bucket_start is None else self.bucket_start.astimezone(UTC).isoformat()
        status, kind = self.status and self.status.value, self.kind and self.kind.value
        values = (time, self.provider, self.target, status, kind, self.model, self.initiator, self.tag)
        return tuple((value is None, value or "") for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """Sums over runs. `key` says over which; a figure that no run reported is None."""

    key: Key
    runs: int
    runs_unfinished: int
    runs_reporting_tokens: int
    runs_reporting_cost: int
    runs_reporting_credits: int
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cache_read_input_tokens: int | None
    cache_write_input_tokens: int | None
    reasoning_output_tokens: int | None
    token_accounting: TokenAccounting | None
    costs: Sequence[Money]
    credits: Sequence[Credits]
    model_calls: int | None
    retries: int | None
    agent_turns: int | None
    pages_processed: int | None
    model_duration_ms: float | None
    duration_ms: float | None
    is_complete: bool


@dataclass(slots=True)
class Sums:
    """What was added up so far. `runs_failed`: those whose usage could not be fetched."""

    runs: int = 0
    runs_unfinished: int = 0
    runs_failed: int = 0
    runs_reporting_tokens: int = 0
    runs_reporting_cost: int = 0
    runs_reporting_credits: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    costs: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    credits: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    accountings: set[TokenAccounting] = field(default_factory=set[TokenAccounting])
    model_duration_ms: Decimal | None = None
    duration_ms: Decimal | None = None

    def add(self, run: RunRecord, share: Share) -> None:
        """Add what of a run belongs here."""
        if share.is_run:
            self.runs += 1
            self.runs_unfinished += run.is_terminal is not True
            self.runs_failed += Part.USAGE in run.part_errors
            self.duration_ms = _more(self.duration_ms, run.duration_ms)
        if share.usage is not None:
            self._add(share.usage)

    def _add(self, usage: Usage) -> None:
        for name in COUNTS:
            if (count := getattr(usage, name)) is not None:
                self.counts[name] = self.counts.get(name, 0) + count
        if any(getattr(usage, name) is not None for name in TOKENS):
            self.runs_reporting_tokens += 1
            self.accountings.add(usage.token_accounting)
        if usage.cost is not None:
            self.runs_reporting_cost += 1
            _raise(self.costs, usage.cost.currency, usage.cost.amount)
        if usage.credits is not None:
            self.runs_reporting_credits += 1
            _raise(self.credits, usage.credits.provider, usage.credits.amount)
        self.model_duration_ms = _more(self.model_duration_ms, usage.model_duration_ms)

    def row(self, key: Key, *, is_complete: bool) -> UsageRow:
        return UsageRow(
            key=key,
            runs=self.runs,
            runs_unfinished=self.runs_unfinished,
            runs_reporting_tokens=self.runs_reporting_tokens,
            runs_reporting_cost=self.runs_reporting_cost,
            runs_reporting_credits=self.runs_reporting_credits,
            token_accounting=next(iter(self.accountings)) if len(self.accountings) == 1 else None,
            costs=[Money(amount, currency) for currency, amount in sorted(self.costs.items())],
            credits=[Credits(amount, provider) for provider, amount in sorted(self.credits.items())],
            model_duration_ms=None if self.model_duration_ms is None else float(self.model_duration_ms),
            duration_ms=None if self.duration_ms is None else float(self.duration_ms),
            is_complete=is_complete,
            **{name: self.counts.get(name) for name in COUNTS},
        )


class Aggregation:
    """Adds runs up by a grouping. `total` has every run once."""

    def __init__(self, grouping: Grouping) -> None:
        self.total = Sums()
        self._grouping = grouping
        self._groups: dict[Key, Sums] = {}

    def add(self, run: RunRecord) -> None:
        """Add a run; RequestError where that makes too many rows."""
        self.total.add(run, Share(None, run.usage, is_run=True))
        if self._grouping.is_flat:
            return
        of_run = shares(run) if self._grouping.has(UsageDimension.MODEL) else [Share(None, run.usage, is_run=True)]
        for share in of_run:
            for key in self._keys(run, share.model):
                sums = self._groups.get(key)
                if sums is None:
                    if len(self._groups) == MAX_ROWS:
                        raise RequestError(f"groupBy: the report would have more than {MAX_ROWS} rows; group by less")
                    sums = self._groups[key] = Sums()
                sums.add(run, share)

    def rows(self, is_covered: Callable[[str | None], bool]) -> list[UsageRow]:
        """The rows in order. `is_covered` tells whether all runs of a provider were read, or for None of all."""
        if self._grouping.is_flat:
            return [self.total_row(is_covered)]
        by_provider = self._grouping.has(UsageDimension.PROVIDER)
        return [
            sums.row(key, is_complete=not sums.runs_failed and is_covered(key.provider if by_provider else None))
            for key, sums in sorted(self._groups.items(), key=lambda item: item[0].order)
        ]

    def total_row(self, is_covered: Callable[[str | None], bool]) -> UsageRow:
        return self.total.row(Key(), is_complete=not self.total.runs_failed and is_covered(None))

    def _keys(self, run: RunRecord, model: str | None) -> Iterator[Key]:
        """The rows that a run belongs to: one for each of its tags, where they are asked for."""
        has, bucket = self._grouping.has, self._grouping.bucket
        starts = None
        if bucket is not None and run.created_at is not None:
            starts = bucket_start(run.created_at, bucket, self._grouping.zone)
        tags = (dict.fromkeys(run.tags) or (None,)) if has(UsageDimension.TAG) else (None,)
        for tag in tags:
            yield Key(
                bucket_start=starts,
                provider=run.provider if has(UsageDimension.PROVIDER) else None,
                target=_target(run) if has(UsageDimension.TARGET) else None,
                status=run.status if has(UsageDimension.STATUS) else None,
                kind=run.kind if has(UsageDimension.KIND) else None,
                model=model,
                initiator=_initiator(run.initiator) if has(UsageDimension.INITIATOR) else None,
                tag=tag,
            )


def _target(run: RunRecord) -> str | None:
    return None if run.target is None else run.target.name or run.target.id


def _initiator(actor: Actor | None) -> str | None:
    """The address before the name: two people may share a name."""
    return None if actor is None else actor.email or actor.name or actor.id


def _more(total: Decimal | None, figure: float | None) -> Decimal | None:
    if figure is None:
        return total
    exact = Decimal(figure)
    return exact if total is None else _EXACT.add(total, exact)


def _raise(amounts: dict[str, Decimal], unit: str, amount: Decimal) -> None:
    before = amounts.get(unit)
    amounts[unit] = amount if before is None else _EXACT.add(before, amount)

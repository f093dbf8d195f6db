"""What the simulated providers' runs consumed, read off their wire documents without a line of the gateway's code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from gateway.demo.world import DemoWorld


@dataclass(frozen=True, slots=True)
class Consumed:
    """One run. `figures` has the names of the schema; an unknown one is not in it."""

    provider: str
    created: datetime | None
    target: str | None
    tags: tuple[str, ...] = ()
    figures: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    credits: Decimal | None = None


def consumed(world: DemoWorld) -> Iterator[Consumed]:
    """Every run that can be listed: of Bridge Town, the fifty latest of each project."""
    for native_id in world.eigenpal.native_ids():
        yield _eigenpal(world.eigenpal.truth(native_id))
    for native_id in world.middesk.native_ids():
        document = world.middesk.truth(native_id)
        yield Consumed("middesk", _time(document.get("created_at")), document.get("agent"))
    for native_id in world.rightbrain.native_ids():
        yield _rightbrain(world.rightbrain.truth(native_id))
    for project, native_ids in world.bridgetown.projects.items():
        for native_id in native_ids[:50]:
            yield Consumed("bridgetown", _time(world.bridgetown.row(native_id).get("created_at")), project)


def _eigenpal(document: dict[str, Any]) -> Consumed:
    usage, source, timing = (_section(document, name) for name in ("usage", "source", "timing"))
    tokens = _section(usage, "tokens")
    figures = {
        "inputTokens": _count(tokens.get("input")),
        "outputTokens": _count(tokens.get("output")),
        "cacheReadInputTokens": _count(tokens.get("cacheRead")),
        "cacheWriteInputTokens": _count(tokens.get("cacheWrite")),
        "modelCalls": _count(usage.get("llmCallCount")),
        "agentTurns": _count(usage.get("agentTurns")),
        "pagesProcessed": _count(usage.get("ocrPagesProcessed")),
    }
    tokens_in, tokens_out = figures["inputTokens"], figures["outputTokens"]
    figures["totalTokens"] = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
    tags: Any = document.get("tags")
    return Consumed(
        "eigenpal",
        _time(timing.get("createdAt")),
        source.get("name") or source.get("id"),
        tuple(cast("list[str]", tags)) if isinstance(tags, list) else (),
        _known(figures),
        _amount(usage.get("creditsCharged")),
    )


def _rightbrain(document: dict[str, Any]) -> Consumed:
    seconds = _amount(document.get("llm_call_timing"))
    figures = {
        "inputTokens": _count(document.get("input_tokens")),
        "outputTokens": _count(document.get("output_tokens")),
        "totalTokens": _count(document.get("total_tokens")),
        "retries": _count(document.get("llm_retries")),
        "modelDurationMs": None if seconds is None else seconds * 1000,
    }
    return Consumed(
        "rightbrain",
        _time(document.get("created")),
        document["task_id"],
        figures=_known(figures),
        credits=_amount(document.get("charged_credits")),
    )


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    return document.get(name) or {}


def _known(figures: Mapping[str, Decimal | None]) -> Mapping[str, Decimal]:
    return {name: figure for name, figure in figures.items() if figure is not None}


def _amount(value: Any) -> Decimal | None:
    """A number, or a text that is one."""
    try:
        amount = None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() else None


def _count(value: Any) -> Decimal | None:
    amount = _amount(value)
    return amount if amount is not None and amount >= 0 else None


def _time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

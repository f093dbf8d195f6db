"""How a run is split by model.

- Where the run reports the tokens of no model, all of it belongs to the model that its target was configured with, and
  to none where another model had to take over, or none is known.
- Where it reports the tokens of one model, all of it belongs to that model.
- Where it reports those of several, the tokens of each belong to it, and all else to no model: the run itself, its
  cost, its credits, its calls and durations, and the tokens that no model accounts for. So the rows of a report add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from adapters.model import RunRecord, Usage, WarningCode

_SPLIT = ("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens")
"""The figures that are reported by model, or follow from those."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of a run belongs to a model. `is_run`: the run counts here."""

    model: str | None
    usage: Usage | None
    is_run: bool


def shares(run: RunRecord) -> Sequence[Share]:
    """The shares of a run; exactly one of them is the run's."""
    usage = run.usage
    by_model = {} if usage is None else _by_model(usage)
    if usage is None or not by_model:
        return [Share(_configured_model(run), usage, is_run=True)]
    if len(by_model) == 1:
        return [Share(next(iter(by_model)), usage, is_run=True)]
    parts = [Share(model, part, is_run=False) for model, part in by_model.items()]
    return [*parts, Share(None, _rest(usage, list(by_model.values())), is_run=True)]


def _configured_model(run: RunRecord) -> str | None:
    if any(warning.code is WarningCode.FALLBACK_MODEL for warning in run.warnings):
        return None
    return None if run.target is None else run.target.model


def _by_model(usage: Usage) -> dict[str, Usage]:
    """The tokens of each named model."""
    found: dict[str, Usage] = {}
    for used in usage.models:
        if used.model is None:
            continue
        figures = Usage(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cache_read_input_tokens=used.cache_read_input_tokens,
            token_accounting=usage.token_accounting,
        )
        before = found.get(used.model)
        if usage.total_tokens is not None:
            figures = figures.with_total()
        found[used.model] = figures if before is None else _added(before, figures)
    return found


def _added(one: Usage, other: Usage) -> Usage:
    values = {name: _sum(getattr(one, name), getattr(other, name)) for name in _SPLIT}
    return replace(one, **values)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _rest(usage: Usage, parts: Sequence[Usage]) -> Usage:
    """What no model accounts for; a figure that they account for in full, or exceed, is left to them."""
    left: dict[str, int | None] = {}
    for name in _SPLIT:
        whole, figures = getattr(usage, name), [getattr(part, name) for part in parts]
        known = [figure for figure in figures if figure is not None]
        rest = whole if whole is None or not known else whole - sum(known)
        left[name] = rest if not known or rest is None or rest > 0 else None
    return replace(usage, **left)

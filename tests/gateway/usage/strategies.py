"""Made-up runs with usage."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from adapters.errors import Unavailable
from adapters.model import (
    Actor,
    Credits,
    ModelUsage,
    Money,
    Part,
    RunKind,
    RunRecord,
    RunTarget,
    TokenAccounting,
    Usage,
)
from adapters.status import RunStatus, StatusSource

FIRST = datetime(2026, 3, 28, tzinfo=UTC)
"""The day before clocks change in Berlin."""
COUNTS = st.none() | st.integers(0, 2**63 - 1)
AMOUNTS = st.decimals(-(10**12), 10**12, places=12, allow_nan=False) | st.decimals(0, 1, places=3, allow_nan=False)
MILLISECONDS = st.none() | st.floats(0, 1e12, allow_nan=False)
MODELS = st.lists(
    st.builds(
        ModelUsage,
        model=st.sampled_from([None, "m1", "m2", "m3"]),
        input_tokens=COUNTS,
        output_tokens=COUNTS,
        cache_read_input_tokens=COUNTS,
    ),
    max_size=4,
).map(tuple)
USAGES = st.builds(
    Usage,
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    total_tokens=COUNTS,
    cache_read_input_tokens=COUNTS,
    token_accounting=st.sampled_from(TokenAccounting),
    cost=st.none() | st.builds(Money, AMOUNTS, st.sampled_from(["USD", "EUR"])),
    credits=st.none() | st.builds(Credits, AMOUNTS, st.sampled_from(["one", "two"])),
    models=MODELS,
    model_calls=COUNTS,
    model_duration_ms=MILLISECONDS,
)


@st.composite
def runs(draw: st.DrawFn) -> RunRecord:
    """A run with everything that a report looks at; some could not be asked for their usage."""
    failed = draw(st.integers(0, 9)) == 0
    values: dict[str, Any] = {"parts": frozenset({Part.USAGE}), "usage": draw(st.none() | USAGES)}
    if failed:
        values = {"part_errors": {Part.USAGE: Unavailable(provider="one")}}
    status = draw(st.sampled_from(RunStatus))
    return RunRecord(
        provider=draw(st.sampled_from(["one", "two"])),
        native_id=draw(st.uuids().map(str)),
        kind=draw(st.sampled_from(RunKind)),
        status=status,
        raw_status=None,
        status_source=StatusSource.REPORTED,
        is_terminal=status.is_terminal,
        created_at=draw(st.none() | st.timedeltas(timedelta(0), timedelta(days=5)).map(FIRST.__add__)),
        duration_ms=draw(MILLISECONDS),
        target=draw(
            st.none() | st.builds(RunTarget, name=st.sampled_from([None, "t1"]), model=st.none() | st.just("m1"))
        ),
        initiator=draw(st.none() | st.builds(Actor, id=st.just("u1"), email=st.sampled_from([None, "a@example.com"]))),
        tags=tuple(draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3))),
        **values,
    )


def usage(**figures: Any) -> Usage:
    """Usage with these figures; `cost` and `credits` as text such as "1.5 USD" and "2 one"."""
    for name, type_ in (("cost", Money), ("credits", Credits)):
        if isinstance(text := figures.get(name), str):
            amount, unit = text.split()
            figures[name] = type_(Decimal(amount), unit)
    return Usage(**figures)

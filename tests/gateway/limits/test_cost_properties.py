"""The cost of random operations against the calls that are made for them."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from graphql import parse, validate
from hypothesis import assume, event, given
from hypothesis import strategies as st

from adapters.contract import BatchesRuns, How
from adapters.errors import AdapterError
from adapters.model import Part, RunRecord
from gateway.cache import RunCache
from gateway.context import Context
from gateway.limits.cost import Prices
from gateway.limits.settings import LimitSettings
from gateway.providers import Provider, Providers
from gateway.schema import build, run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings, FeedSettings
from tests.gateway.asking import NO_CACHE
from tests.gateway.documents import documents
from tests.gateway.fake import FakeAdapter, record
from tests.support import tries

NAMES = run_type_names()
TYPES = {name.lower(): of for of, name in NAMES.items()}
CALLED = frozenset({Part.EVENTS, Part.TRACE, Part.EVALUATIONS, Part.STEPS})
SOMETIMES = frozenset({Part.FILES, Part.OUTPUT})


class Counting(FakeAdapter):
    """Makes every call that its class says it may make. `made` counts them."""

    parts: ClassVar[Mapping[Part, How]] = {part: How.CALL if part in CALLED else How.EXPAND for part in Part}
    sometimes_called = SOMETIMES

    def __init__(self, name: str) -> None:
        super().__init__(self._answer, name)
        self.made = 0

    async def _answer(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        self.made += 1 + len(parts & (CALLED | SOMETIMES))
        return record(native_id, parts, provider=self.name, of=self.record_type, **self.values())

    def values(self) -> dict[str, Any]:
        return {"task_id": "t"} if self.name == "rightbrainrun" else {}


class CountingBatches(Counting, BatchesRuns):
    """Brings several runs at a time, but an odd one leaves out what was asked for."""

    max_batch = 2
    batch_parts = frozenset({Part.ERROR, Part.USAGE})

    async def fetch_many(
        self, native_ids: Sequence[str], parts: frozenset[Part]
    ) -> Mapping[str, RunRecord | AdapterError]:
        self.made += 1
        return {
            native_id: record(
                native_id,
                parts if len(native_id) % 2 == 0 else frozenset(),
                provider=self.name,
                of=self.record_type,
                **self.values(),
            )
            for native_id in native_ids
        }


def adapter_of(name: str, of: type[RunRecord], kind: type[Counting]) -> Counting:
    """An adapter whose class says what its records are."""
    return type(of.__name__, (kind,), {"record_type": of})(name)


ADAPTERS = {
    name: adapter_of(name, of, CountingBatches if place % 2 else Counting)
    for place, (name, of) in enumerate(TYPES.items())
}
PROVIDERS = Providers(Provider(name, adapter) for name, adapter in ADAPTERS.items())
SCHEMA = build(limits=LimitSettings(max_depth=100), prices=Prices(PROVIDERS, NAMES, FeedSettings(), 500, 10**6))


async def priced(text: str, variables: dict[str, Any]) -> tuple[int, int]:
    """The cost of an operation, and the calls that it made."""
    for adapter in ADAPTERS.values():
        adapter.made = 0
    context = Context(PROVIDERS, RunService(RunCache.in_memory(CacheSettings.model_validate(NO_CACHE))), NAMES, 500)
    try:
        result = await SCHEMA.execute(text, variables, context, operation_extensions={"cost": True})
    finally:
        context.close()
    assert result.extensions is not None, result.errors
    return result.extensions["cost"]["estimated"], sum(adapter.made for adapter in ADAPTERS.values())


DECLARED = {"a": "$a: Boolean!", "b": "$b: Boolean!", "c": "$c: Boolean! = true"}
VALUES = st.fixed_dictionaries({"a": st.booleans(), "b": st.booleans()}, optional={"c": st.booleans()})


@tries(25)
@given(documents(SCHEMA.graphql_schema, list(TYPES)), VALUES)
def test_no_operation_makes_more_calls_than_it_costs(text: str, values: dict[str, bool]) -> None:
    # Variables that nobody uses are not valid.
    used = [name for name in ("a", "b", "c") if f"${name})" in text]
    text = re.sub(
        r"query \([^)]*\)", f"query ({', '.join(map(DECLARED.__getitem__, used))})" if used else "query", text
    )
    assume(not validate(SCHEMA.graphql_schema, parse(text)))
    with asyncio.Runner(debug=False) as runner:
        estimated, calls = runner.run(priced(text, dict(values)))
    event("exact" if calls == estimated else "less")
    assert calls <= estimated

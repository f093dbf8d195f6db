"""The plan against what really happens: the parts asked of an adapter are those whose fields are resolved."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, cast

import graphql
from graphql import GraphQLResolveInfo, NoUnusedFragmentsRule, parse, specified_rules, validate
from graphql.validation import NoUnusedVariablesRule
from hypothesis import assume, event, given
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from adapters.model import Debug, Part, RunEvent, RunFile, RunRecord, Step, Usage
from adapters.rightbrain_parse import RightbrainRecord
from gateway.cache import RunCache
from gateway.context import Context
from gateway.plan import PART_KEY, Plan
from gateway.providers import Provider, Providers
from gateway.schema import build, run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings
from tests.support import tries

from .asking import NO_CACHE
from .documents import documents
from .fake import ALL_PARTS, FakeAdapter, record

SCHEMA = build().graphql_schema
NAMES = run_type_names()
PROVIDERS = {name.lower(): of for of, name in NAMES.items()}
RULES = [rule for rule in specified_rules if rule not in (NoUnusedFragmentsRule, NoUnusedVariablesRule)]
Needs = Mapping[tuple[str, str], frozenset[Part]]
"""Parts by root key and concrete type."""


class OfOneType(FakeAdapter):
    """Brings every part, whatever is asked for, so that every field that is selected is resolved."""

    def __init__(self, name: str, of: type[RunRecord]) -> None:
        super().__init__(self._full, name)
        self._of = of

    async def _full(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        extra: dict[str, Any] = {"task_id": "t"} if issubclass(self._of, RightbrainRecord) else {}
        return record(
            native_id,
            ALL_PARTS,
            provider=self.name,
            of=self._of,
            usage=Usage(),
            steps=(Step(id="1"),),
            files=(RunFile(name="f"),),
            debug=Debug(),
            events=(RunEvent(),),
            **extra,
        )


def adapter_of(name: str, of: type[RunRecord]) -> OfOneType:
    """An adapter whose class says what its records are."""
    return type(of.__name__, (OfOneType,), {"record_type": of})(name, of)


class Resolved:
    """Notes each part whose field is resolved, by what the schema says of the field and nothing else."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], set[Part]] = defaultdict(set)
        self._types: dict[tuple[Any, ...], str] = {}

    def resolve(self, following: Any, root: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        path = tuple(info.path.as_list())
        if isinstance(root, RunRecord):
            self._types[path[:-1]] = info.parent_type.name
        part = self._part(info)
        if part is not None:
            key, type_name = next(
                (str(path[0]), self._types[path[:length]])
                for length in range(len(path))
                if path[:length] in self._types
            )
            self.parts[key, type_name].add(part)
        return following(root, info, **arguments)

    def _part(self, info: GraphQLResolveInfo[Any]) -> Part | None:
        if info.field_name == "debug":
            return None
        if info.parent_type.name == "Debug":
            return Part.EVENTS if info.field_name == "events" else Part.DEBUG
        definition = info.parent_type.fields.get(info.field_name)
        declared = definition.extensions.get("strawberry-definition") if definition else None
        return declared.metadata.get(PART_KEY) if declared else None


async def needs(text: str, variables: Mapping[str, bool]) -> tuple[Needs, Needs]:
    """The parts that were asked of the adapters, and the parts whose fields were resolved."""
    document = parse(text)
    adapters = {name: adapter_of(name, of) for name, of in PROVIDERS.items()}
    providers = Providers(Provider(name, adapter) for name, adapter in adapters.items())
    context = Context(providers, RunService(RunCache.in_memory(CacheSettings.model_validate(NO_CACHE))), NAMES, 500)
    context.plan = Plan(SCHEMA, document, cast(Any, document.definitions[0]))
    resolved = Resolved()
    execute = cast(Any, graphql).execute
    result = execute(
        SCHEMA,
        document,
        context_value=context,
        variable_values=dict(variables),
        middleware=[resolved],
        executor_class=StrawberryGraphQLCoreExecutionContext,
    )
    if isawaitable(result):
        result = await result
    assert result.errors is None
    asked = {
        (native_id, NAMES[type(adapter).record_type]): parts
        for adapter in adapters.values()
        for native_id, parts in adapter.calls
        if parts
    }
    return asked, {key: frozenset(parts) for key, parts in resolved.parts.items()}


VALUES = st.fixed_dictionaries({"a": st.booleans(), "b": st.booleans()}, optional={"c": st.booleans()})


@tries(50)
@given(documents(SCHEMA, list(PROVIDERS)), VALUES)
def test_parts_asked_for_are_the_parts_resolved(text: str, values: dict[str, bool]) -> None:
    assume(not validate(SCHEMA, parse(text), RULES))
    with asyncio.Runner(debug=False) as runner:
        asked, resolved = runner.run(needs(text, values))
    event(f"{min(len(resolved), 6)} runs with parts")
    assert asked == resolved

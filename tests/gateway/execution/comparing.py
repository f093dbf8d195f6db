"""Runs an operation twice, by graphql-core alone and by the gateway's runner, and takes pictures of the results."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

import graphql
from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, OperationDefinitionNode
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway import encoding
from gateway.context import Context
from gateway.execution import Runner
from gateway.loader import Asked, Batch
from gateway.providers import Provider, Providers
from gateway.schema import GatewaySchema, build, run_type_names
from gateway.schema.build import run_types
from gateway.schema.query import Query
from gateway.schema.scalars import SCALARS
from tests.gateway.fake import FakeAdapter

SCHEMA = build()
CORE = SCHEMA.graphql_schema
UNTOUCHED = GatewaySchema(
    Query, types=list(run_types().values()), config=StrawberryConfig(scalar_map=SCALARS)
).graphql_schema
"""The same types with Strawberry's own resolvers everywhere."""
NAMES = run_type_names()
PROVIDERS = Providers([Provider("fake", FakeAdapter())])


class GivenBatch(Batch):
    """Lands after so many turns of the event loop, with an outcome that need be neither a run nor an error."""

    __slots__ = ("_given",)

    def __init__(self, given: object, turns: int) -> None:
        super().__init__()
        self._given = given
        self._settle(turns)

    def _settle(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._settle, turns - 1)
        else:
            self.landed.set()

    def outcome(self, native_id: str) -> Any:
        return self._given


@dataclass(slots=True)
class FakeLoader:
    """Gives the outcomes by native id, each after as many turns of the event loop as the id's length says."""

    outcomes: Mapping[str, object]

    def look_up(self, native_id: str, _parts: object) -> Asked:
        return Asked(GivenBatch(self.outcomes.get(native_id), len(native_id) % 3), native_id)

    async def look_up_alone(self, native_id: str, parts: object) -> Any:
        return await self.look_up(native_id, parts)


class FakeContext(Context):
    """A request's context whose runs are given."""

    __slots__ = ("outcomes",)
    outcomes: Mapping[str, object]

    def loader(self, provider: Provider) -> Any:
        return FakeLoader(self.outcomes)


def context(outcomes: Mapping[str, object]) -> FakeContext:
    no_service: Any = None
    made = FakeContext(providers=PROVIDERS, service=no_service, type_names=NAMES, max_ids=500)
    made.outcomes = outcomes
    return made


def operation_of(document: DocumentNode) -> OperationDefinitionNode:
    return next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))


async def by_core(document: DocumentNode, variables: Mapping[str, Any], outcomes: Mapping[str, object]) -> "Picture":
    """The result as graphql-core alone makes it, with Strawberry's own resolvers."""
    return await finished(core(UNTOUCHED, document, context(outcomes), variables))


def core(schema: GraphQLSchema, document: DocumentNode, context_value: object, variables: Mapping[str, Any]) -> Any:
    """graphql-core's own result, now or later."""
    execute = cast(Any, graphql).execute
    return execute(
        schema,
        document,
        context_value=context_value,
        variable_values=dict(variables),
        executor_class=StrawberryGraphQLCoreExecutionContext,
    )


async def by_runner(runner: Runner, variables: Mapping[str, Any], outcomes: Mapping[str, object]) -> "Picture":
    return await finished(runner.run(variables, context(outcomes)))


async def finished(result: Any) -> "Picture":
    """The picture of a result that may still be awaited."""
    return picture(await result if isawaitable(result) else result)


@dataclass(frozen=True, slots=True)
class Picture:
    """All of a result that a client, or the log, can see."""

    data: bytes | str
    errors: Sequence[object]


def picture(result: Any) -> Picture:
    made: ExecutionResult = result
    try:
        data: bytes | str = encoding.dumps(made.data)
    except TypeError:
        # Broken records hold what is no JSON.
        data = repr(made.data)
    return Picture(data, [_error(error) for error in made.errors or ()])


def _error(error: GraphQLError) -> object:
    return (error.message, error.path, error.locations, _original(error.original_error), error.extensions)


def _original(error: BaseException | None) -> object:
    """The very object where it comes from a record, else what it says: each run makes errors of its own."""
    if isinstance(error, GraphQLError):
        return (type(error), str(error), _original(error.original_error))
    if error is None or type(error).__module__.startswith("adapters."):
        return error
    return (type(error), str(error))

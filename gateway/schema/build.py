"""Puts the schema together, and runs operations against it."""

import pkgutil
from collections.abc import Iterable, Mapping
from copy import copy
from functools import cache
from importlib import import_module
from typing import Any

import strawberry
from graphql import ExecutionResult as CoreResult
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from adapters.model import RunRecord
from gateway.documents import Documents, Operation
from gateway.execution import resolve_directly
from gateway.limits.cost import COST_KEY, Prices, shows_cost
from gateway.limits.settings import LimitSettings

from . import runs
from .query import Query
from .run import OtherRun, Run
from .scalars import SCALARS


@cache
def run_types() -> Mapping[type[RunRecord], type[Run]]:
    """The GraphQL type of each adapter's records: every module in `runs` declares one."""
    types: dict[type[RunRecord], type[Run]] = {RunRecord: OtherRun}
    for module in pkgutil.iter_modules(runs.__path__):
        declared = import_module(f"{runs.__name__}.{module.name}")
        types[declared.RECORD_TYPE] = declared.RUN_TYPE
    return types


class RunTypeNames(dict[type[RunRecord], str]):
    """Names of GraphQL types by record class; a class of an adapter from outside is an `OtherRun`."""

    def __missing__(self, record_type: type[RunRecord]) -> str:
        name = next((self[base] for base in record_type.__mro__[1:] if base in self), OtherRun.__name__)
        self[record_type] = name
        return name


def run_type_names() -> RunTypeNames:
    return RunTypeNames({record: run_type.__name__ for record, run_type in run_types().items()})


class GatewaySchema(strawberry.Schema):
    """Strawberry's schema, run through `Documents`: a document is parsed, validated and planned once."""

    @property
    def graphql_schema(self) -> GraphQLSchema:
        """The same as graphql-core knows it."""
        return self._schema

    def use(self, documents: Documents) -> None:
        self._documents = documents

    def operation(self, query: str, name: str | None) -> Operation | None:
        """The operation that a request means; None where its document is not valid, or has no such operation."""
        return self._documents.get(query).operation(name)

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        document = self._documents.get(query or "")
        if document.errors:
            return ExecutionResult(data=None, errors=list(document.errors))
        operation = document.operation(operation_name)
        if operation is None:
            raise CannotGetOperationTypeError(operation_name)
        if allowed_operation_types is not None and operation.kind not in allowed_operation_types:
            raise InvalidOperationTypeError(operation.kind)
        if context_value is not None:
            context_value.plan = operation.plan
            context_value.depends_on_runs_alone = operation.depends_on_runs_alone
            context_value.is_one_look_up = operation.is_one_look_up
        cost, extensions = operation.cost, None
        is_shown = operation_extensions is not None and shows_cost(operation_extensions)
        if cost is not None and (is_shown or cost.bound > cost.limit):
            values = operation.runner.coerce(variable_values)
            # What is wrong with variables is said when they are used.
            if not isinstance(values, list):
                estimated = cost.estimate(values)
                if estimated > cost.limit:
                    return ExecutionResult(data=None, errors=[cost.refusal(estimated)])
                extensions = {COST_KEY: cost.shown(estimated)} if is_shown else None
        result = operation.runner.run(variable_values, context_value, root_value)
        if not isinstance(result, CoreResult):
            result = await result
        if extensions is not None and context_value is not None:
            extensions[COST_KEY]["actual"] = context_value.calls_made
        return ExecutionResult(data=result.data, errors=result.errors, extensions=extensions)


def build(
    *, introspection: bool = True, limits: LimitSettings | None = None, prices: Prices | None = None
) -> GatewaySchema:
    """The schema. Without introspection, error messages do not suggest field names either.

    `limits` and `prices` are what operations are held to.
    """
    schema = copy(_schema(introspection=introspection))
    schema.use(Documents(schema.graphql_schema, introspection=introspection, limits=limits, prices=prices))
    return schema


@cache
def _schema(*, introspection: bool) -> GatewaySchema:
    """What all schemas of a process share: it takes 40 ms to make, and is the same for every configuration."""
    schema = GatewaySchema(
        query=Query,
        types=list(run_types().values()),
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not introspection),
    )
    # Names of root fields that are asked for most, and need nothing of Strawberry's.
    resolve_directly(schema.graphql_schema.type_map[Query.__name__], ("node", "nodes", "run"))
    return schema

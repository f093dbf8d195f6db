"""One operation of a document, ready to run any number of times."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import graphql
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues

from .compiler import PlainInfo
from .completers import Completers, Variant
from .executor import GatewayExecutor
from .lookups import Lookup
from .variables import Variables

_resolve_field: Callable[..., Any] = cast(Any, graphql).default_field_resolver
_resolve_type: Callable[..., Any] = cast(Any, graphql).default_type_resolver


class Runner:
    """Runs an operation of a document that is valid against the schema, as `graphql.execute` would."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        *,
        hide_suggestions: bool = False,
    ) -> None:
        self._schema = schema
        self._hide_suggestions = hide_suggestions
        self._operation = operation
        self._definitions = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._fragments = {name: FragmentDetails(node) for name, node in self._definitions.items()}
        self._variables = Variables(schema, operation, hide_suggestions)
        self._completers = Completers(schema, operation, self._fragments)

    def coerce(self, variables: Mapping[str, Any] | None) -> VariableValues | list[GraphQLError]:
        """The variables as resolvers get them, or what is wrong with them."""
        return self._variables.coerce(variables or {})

    def run(
        self, variables: Mapping[str, Any] | None, context: Any, root_value: Any = None
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        """The result, now or later. Variables that don't fit, and all that fails below, are errors in it."""
        values = self.coerce(variables)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        variant = self._completers.variant(values)
        lookups = None if variant is None else variant.lookups()
        if lookups is None:
            return self._execute(values, variant, context, root_value)
        return self._look_up(lookups, values, variant, context, root_value)

    async def _look_up(
        self,
        lookups: Sequence[Lookup],
        values: VariableValues,
        variant: Variant | None,
        context: Any,
        root_value: Any,
    ) -> ExecutionResult:
        try:
            asked = [lookup.start(context, values) for lookup in lookups]
            info = PlainInfo(context)
            data = {
                lookup.key.key: lookup.finish(await value, info) for lookup, value in zip(lookups, asked, strict=True)
            }
        except Exception:
            # graphql-core says what is wrong, and where.
            result = self._execute(values, variant, context, root_value)
            return await result if isinstance(result, Awaitable) else result
        return ExecutionResult(data, None)

    def _execute(
        self, values: VariableValues, variant: Variant | None, context: Any, root_value: Any
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        executor = GatewayExecutor(
            self._schema,
            self._definitions,
            self._fragments,
            root_value,
            context,
            self._operation,
            values,
            _resolve_field,
            _resolve_type,
            _resolve_field,
            hide_suggestions=self._hide_suggestions,
            variant=variant,
        )
        result: Any = executor.execute_operation()
        return result

"""Coerces the variables of an operation whose types are plain scalars, without graphql-core's work for each value."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from graphql import (
    GraphQLError,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

Test = Callable[[Any], bool]
"""Whether a value is certainly its own coerced value."""

MAX_ERRORS = 50

_SCALARS: Mapping[str, Test] = {
    "ID": lambda value: type(value) is str,
    "String": lambda value: type(value) is str,
    "Boolean": lambda value: type(value) is bool,
    "Int": lambda value: type(value) is int and -(2**31) <= value < 2**31,
}


class Variables:
    """The variables that an operation declares."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, hide_suggestions: bool) -> None:
        self._schema = schema
        self._hide_suggestions = hide_suggestions
        self._nodes = operation.variable_definitions or ()
        self._plain: list[tuple[VariableValueSource, Test]] | None = []
        for node in self._nodes:
            signature = get_variable_signature(schema, node)
            test = None if isinstance(signature, GraphQLError) else _test(cast(Any, signature).type)
            if test is None or isinstance(signature, GraphQLError):
                self._plain = None
                return
            self._plain.append((VariableValueSource(signature), test))

    def coerce(self, values: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced variables, or what is wrong with them."""
        return self._coerce_plain(values) or get_variable_values(
            self._schema, self._nodes, dict(values), MAX_ERRORS, self._hide_suggestions
        )

    def _coerce_plain(self, values: Mapping[str, Any]) -> VariableValues | None:
        if self._plain is None:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for (signature, _), test in self._plain:
            name = signature.name
            value = values.get(name, Undefined)
            if not test(value):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value.copy() if type(value) is list else value
        return VariableValues(sources, coerced)


def _test(type_: GraphQLNamedType | GraphQLList[Any] | GraphQLNonNull[Any]) -> Test | None:
    """The test for values of an input type; None for a type whose values may change when they are coerced."""
    if isinstance(type_, GraphQLNonNull):
        return _test(type_.of_type)
    if isinstance(type_, GraphQLList):
        item = _test(type_.of_type)
        return None if item is None else lambda value: type(value) is list and all(map(item, cast("list[Any]", value)))
    return _SCALARS.get(str(type_))

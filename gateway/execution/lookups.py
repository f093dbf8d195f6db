"""Runs operations that only look up runs by their ids, without graphql-core's executor.

The resolvers are called as graphql-core would call them, all before anything is awaited, and what they give is
completed by generated functions. Whatever does not come out as plain data is left to graphql-core from the start: its
resolvers ask for the same runs, which are known by then.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import FieldNode, GraphQLField, GraphQLNonNull, VariableNode, print_ast
from graphql.execution.collect_fields import FieldDetailsList, collect_fields
from graphql.execution.values import VariableValues, get_argument_values
from msgspec import Struct

from .compiler import Complete, NotPlain, PlainInfo, Scope, compile_value
from .roots import direct_resolver


class ResponseKey(Struct, frozen=True):
    """The last piece of a path."""

    key: str


class LookupInfo(Struct, frozen=True):
    """What resolvers of lookups may use of their `info`."""

    context: Any
    path: ResponseKey
    variable_values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One root field: how it is resolved, with which arguments, and how its value is completed."""

    key: ResponseKey
    resolve: Callable[..., Awaitable[Any]]
    info_name: str
    constants: Mapping[str, Any]
    variables: Mapping[str, str]
    """The operation's variables by the arguments that they are given to."""
    complete: Complete
    is_nullable: bool

    def start(self, context: Any, values: VariableValues) -> Awaitable[Any]:
        """Ask for the value. Raises where graphql-core would make an error of it."""
        arguments: dict[str, Any] = {self.info_name: LookupInfo(context, self.key, values.coerced), **self.constants}
        for argument, variable in self.variables.items():
            # None is refused, or not: that is graphql-core's to say.
            if (value := values.coerced[variable]) is None:
                raise NotPlain(variable)
            arguments[argument] = value
        return self.resolve(**arguments)

    def finish(self, value: Any, info: PlainInfo) -> Any:
        return None if value is None and self.is_nullable else self.complete(value, info)


def compile_lookups(scope: Scope) -> tuple[Lookup, ...]:
    """The root fields of an operation that does nothing but look up; NotPlain for any other."""
    root = scope.schema.get_root_type(scope.operation.operation)
    if root is None:
        raise NotPlain("no root")
    collected = collect_fields(scope.schema, scope.fragments, scope.variables, root, scope.operation)
    if collected.new_defer_usages:
        raise NotPlain("deferred")
    fields = dict(collected.grouped_field_set)
    lookups: list[Lookup] = []
    for key, details in fields.items():
        field = root.fields.get(details[0].node.name.value)
        if field is None:
            raise NotPlain(key)
        lookups.append(_lookup(scope, key, field, details))
    return tuple(lookups)


def _lookup(scope: Scope, key: str, field: GraphQLField, details: FieldDetailsList) -> Lookup:
    direct = direct_resolver(field)
    if direct is None or any(detail.defer_usage or detail.fragment_variable_values for detail in details):
        raise NotPlain(key)
    node: FieldNode = details[0].node
    variables = {
        argument.name.value: argument.value.name.value
        for argument in node.arguments or ()
        if isinstance(argument.value, VariableNode)
    }
    literals = [argument.value for argument in node.arguments or () if argument.name.value not in variables]
    if (variables and len(variables) != len(field.args)) or any("$" in print_ast(literal) for literal in literals):
        raise NotPlain("variables inside literals, or beside them")
    constants = {} if variables else get_argument_values(field, node, scope.variables)
    type_: Any = cast(Any, field).type
    is_nullable = not isinstance(type_, GraphQLNonNull)
    complete = compile_value(scope, type_ if is_nullable else cast(Any, type_).of_type, details)
    return Lookup(ResponseKey(key), direct.function, direct.info_name, constants, variables, complete, is_nullable)

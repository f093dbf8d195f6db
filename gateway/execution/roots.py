"""Calls resolvers of root fields without Strawberry's conversion of arguments, which costs more than small answers."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, get_named_type, is_specified_scalar_type
from strawberry.types.field import StrawberryField


class DirectResolver(NamedTuple):
    """A resolver that takes the field's arguments as they are, and `info` under its own name for it."""

    function: Callable[..., Any]
    info_name: str


def direct_resolver(field: GraphQLField) -> DirectResolver | None:
    """The resolver of a field that `resolve_directly` was told of; None for any other."""
    return field.extensions.get(_DIRECT)


_DIRECT = "direct-resolver"


def resolve_directly(root: GraphQLNamedType, names: Iterable[str]) -> None:
    """Let graphql-core call these fields' resolvers itself.

    They get graphql-core's own `info`, or less, so they may use its `context`, `path.key` and `variable_values` only,
    and must not wait before they return an awaitable: what an operation looks up is looked up together. TypeError for
    a field whose arguments Strawberry would change: others than scalars of the specification, or renamed ones.
    """
    if not isinstance(root, GraphQLObjectType):
        raise TypeError(f"{root} has no fields with resolvers")
    for name in names:
        field = root.fields[name]
        declared: StrawberryField = field.extensions["strawberry-definition"]
        resolver = cast(Any, declared).base_resolver
        types = [cast(Any, get_named_type)(argument.type) for argument in field.args.values()]
        plain = all(is_specified_scalar_type(type_) for type_ in types)
        same_names = [argument.python_name for argument in declared.arguments] == list(field.args)
        if resolver is None or resolver.info_parameter is None or declared.extensions or not plain or not same_names:
            raise TypeError(f"{name} needs Strawberry's own resolver")
        direct = DirectResolver(resolver.wrapped_func, resolver.info_parameter.name)
        field.extensions[_DIRECT] = direct
        field.resolve = _direct(*direct)


def _direct(function: Callable[..., Any], info_name: str) -> Callable[..., Any]:
    def resolve(_source: object, info: Any, **arguments: Any) -> Any:
        arguments[info_name] = info
        return function(**arguments)

    return resolve

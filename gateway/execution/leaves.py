"""How generated code completes scalars and enums.

A fast form is the text of `VALUE if TEST`: where TEST holds of `{v}`, VALUE is exactly what the type's own serialize
function would give. Everything else goes to that function itself, and what it refuses to graphql-core.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any, TypeVar

from graphql import GraphQLEnumType, GraphQLLeafType, Undefined
from graphql.type.scalars import serialize_boolean, serialize_float, serialize_id, serialize_int, serialize_string


class Unexpected(Exception):
    """A value that generated code has no answer for. graphql-core has: the value, or the error and where it belongs."""


JSON_CLASSES = frozenset({str, int, bool, float, Decimal, list, dict})
PLAIN_CLASSES = JSON_CLASSES | {tuple, datetime}
"""Classes of leaf values that are neither exceptions nor awaitable."""

NAMES: Mapping[str, Any] = {
    "datetime": datetime,
    "Decimal": Decimal,
    "isfinite": isfinite,
    "JSON_CLASSES": JSON_CLASSES,
}
"""What fast forms may refer to, beside `{v}`, the value, and `{f}`, the serialize function."""

_fast_forms: dict[Callable[[Any], Any], str] = {
    serialize_string: "{v} if type({v}) is str",
    serialize_id: "{v} if type({v}) is str",
    serialize_boolean: "{v} if type({v}) is bool",
    serialize_int: "{v} if type({v}) is int and -2147483648 <= {v} <= 2147483647",
    serialize_float: "{v} if type({v}) is float and isfinite({v})",
}

F = TypeVar("F", bound=Callable[..., Any])


def fast_form(form: str) -> Callable[[F], F]:
    """Declare the fast form of a scalar's serialize function."""

    def declare(serialize: F) -> F:
        _fast_forms[serialize] = form
        return serialize

    return declare


def leaf_code(type_: GraphQLLeafType, variable: str) -> tuple[str, dict[str, Any]] | None:
    """An expression that completes the value in `variable`, None or not, and the names that it needs.

    The expression raises where the value can't be completed. None for an enum that Python has no class for.
    """
    if isinstance(type_, GraphQLEnumType):
        members = _enum_names(type_)
        return None if members is None else (f"names_{type_.name}[id({variable})]", {f"names_{type_.name}": members})
    serialize, name = type_.coerce_output_value, f"serialize_{type_.name}"
    names = {name: serialize, f"exact_{type_.name}": _exact(serialize)}
    otherwise = f"exact_{type_.name}({variable})"
    form = _fast_forms.get(serialize)
    if form is None:
        return otherwise, names
    return f"{form.format(v=variable, f=name)} else {otherwise}", names


def _exact(serialize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The serialize function for values of plain classes, refusing what graphql-core makes an error of."""

    def exact(value: Any) -> Any:
        if type(value) not in PLAIN_CLASSES:
            raise Unexpected
        result = serialize(value)
        if result is None or result is Undefined:
            raise Unexpected
        return result

    return exact


def _enum_names(type_: GraphQLEnumType) -> Mapping[int, str] | None:
    """The GraphQL name of every member by the member's identity: an enum's own hash is a call in Python.

    Members live as long as their class, so no other object can have their identity.
    """
    enum = getattr(type_, "wrapped_cls", None)
    return None if enum is None else {id(member): type_.coerce_output_value(member) for member in enum}

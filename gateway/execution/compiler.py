"""Generates the functions that complete plain data: one for each object type and selection set.

A generated function takes a source object and `PlainInfo`, and returns the object's part of the answer. It has no
side effects and never reports an error: where graphql-core would not simply return data, it raises, and graphql-core
does the same work again, with the right error in the right place. So only fields whose resolvers may be called twice
are compiled: attribute reads, and sync resolvers without arguments, which have to be pure functions of their source
and the context.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues
from msgspec import Struct
from strawberry.types.field import StrawberryField

from .leaves import NAMES, Unexpected, leaf_code

OutputType = GraphQLNamedType | GraphQLList[Any] | GraphQLNonNull[Any]

Complete = Callable[[Any, "PlainInfo"], Any]
"""Completes one value; raises anything where graphql-core has to do it."""


class NotPlain(Exception):
    """A selection that is graphql-core's to execute."""


_by_class: set[Callable[..., Any]] = set()

F = TypeVar("F", bound=Callable[..., Any])


def by_class(function: F) -> F:
    """Declare that what a `resolve_type` or an `is_type_of` says of a value depends on the value's class alone."""
    _by_class.add(function)
    return function


class PlainInfo(Struct, frozen=True):
    """What resolvers of plain fields may use of their `info`. One that uses more is executed by graphql-core."""

    context: Any


@dataclass(slots=True)
class Budget:
    """How many more fields may be compiled for an operation, so that fragments can't multiply the work."""

    fields: int

    def spend(self, fields: int) -> None:
        self.fields -= fields
        if self.fields < 0:
            raise NotPlain("too many fields")


@dataclass(frozen=True, slots=True)
class Scope:
    """The operation that selections belong to, with the variables that its `@skip` and `@include` use."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    variables: VariableValues
    budget: Budget

    def fields(self, type_: GraphQLObjectType, details: FieldDetailsList) -> dict[str, FieldDetailsList]:
        """The fields selected of an object of this type, by response key, as graphql-core collects and orders them."""
        try:
            fields, deferred, _ = collect_subfields(
                self.schema, self.fragments, self.variables, self.operation, type_, details
            )
        except (GraphQLError, RecursionError):
            raise NotPlain("not to be collected") from None
        if deferred or any(detail.defer_usage for detail in details):
            raise NotPlain("deferred")
        self.budget.spend(len(fields))
        return fields


def compile_value(scope: Scope, type_: OutputType, details: FieldDetailsList) -> Complete:
    """A function that completes non-null values of the type; NotPlain where graphql-core has to."""
    return _Writer(scope).value(type_, details)


class _Writer:
    """The source text of one or more functions, and the objects that it names."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._names: dict[str, Any] = {
            **NAMES,
            "admit": admit,
            "admit_class": admit_class,
            "admitted": _admitted,
            "refuse": refuse,
        }
        self._lines: list[str] = []
        self._count = 0

    def value(self, type_: OutputType, details: FieldDetailsList) -> Complete:
        name = self._object(type_, details) if is_object_type(type_) else None
        if name is None:
            expression = self._present(type_, details, "value")
            self._lines += ["def complete(value, info):", f"    return {expression}"]
        # The text holds names of the schema and response keys, which are GraphQL names, and nothing else of a client.
        exec("\n".join(self._lines), self._names)  # noqa: S102
        return self._names[name or "complete"]

    def _fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _named(self, prefix: str, value: Any) -> str:
        name = self._fresh(prefix)
        self._names[name] = value
        return name

    def _completed(self, type_: OutputType, details: FieldDetailsList, variable: str) -> str:
        """An expression that completes the value in `variable`."""
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type, details, variable)
        return f"None if {variable} is None else {self._present(type_, details, variable)}"

    def _present(self, type_: OutputType, details: FieldDetailsList, variable: str) -> str:
        """An expression that completes the value in `variable` and raises where it is None."""
        if is_leaf_type(type_):
            code = leaf_code(type_, variable)
            if code is None:
                raise NotPlain(str(type_))
            self._names.update(code[1])
            return code[0]
        if isinstance(type_, GraphQLList):
            item = self._fresh("x")
            inner = self._completed(type_.of_type, details, item)
            is_sequence = f"type({variable}) is tuple or type({variable}) is list"
            return f"[{inner} for {item} in ({variable} if {is_sequence} else refuse({variable}))]"
        if is_object_type(type_):
            return f"{self._object(type_, details)}({variable}, info)"
        if is_abstract_type(type_):
            return f"{self._named('dispatch', _dispatcher(self._scope, type_, details))}({variable}, info)"
        raise NotPlain(str(type_))

    def _object(self, type_: GraphQLObjectType, details: FieldDetailsList) -> str:
        """Writes the function for objects of the type; returns its name."""
        lines: list[str] = []
        is_type = type_.is_type_of
        if is_type in _by_class:
            known = self._named("known", set[type]())
            test = self._named("is_type", is_type)
            lines.append(f"    if type(source) not in {known}: admit_class({known}, {test}, source, info)")
        else:
            lines.append("    if type(source) not in admitted: admit(source)")
            if is_type is not None:
                lines.append(f"    if {self._named('is_type', is_type)}(source, info) is not True: refuse(source)")
        items: list[str] = []
        for key, selected in self._scope.fields(type_, details).items():
            name = selected[0].node.name.value
            if name == "__typename":
                items.append(f"{key!r}: {type_.name!r}")
                continue
            field: Any = type_.fields.get(name)
            if field is None:
                raise NotPlain(name)
            variable = self._fresh("v")
            lines.append(f"    {variable} = {self._read(field)}")
            items.append(f"{key!r}: {self._completed(field.type, selected, variable)}")
        function = self._fresh("object")
        self._lines += [f"def {function}(source, info):", *lines, f"    return {{{', '.join(items)}}}"]
        return function

    def _read(self, field: GraphQLField) -> str:
        """An expression for what the field's resolver returns."""
        declared = field.extensions.get("strawberry-definition")
        if not isinstance(declared, StrawberryField) or field.args or declared.extensions:
            raise NotPlain
        resolver = cast(Any, declared).base_resolver
        if resolver is None:
            if declared.default_resolver is not getattr or not declared.python_name.isidentifier():
                raise NotPlain
            return f"source.{declared.python_name}"
        if resolver.is_async or resolver.self_parameter:
            raise NotPlain
        sources = {p.name: "source" for p in (resolver.parent_parameter, resolver.root_parameter) if p is not None}
        infos = {p.name: "info" for p in (resolver.info_parameter,) if p is not None}
        arguments = ", ".join(f"{name}={value}" for name, value in {**sources, **infos}.items())
        return f"{self._named('resolve', resolver.wrapped_func)}({arguments})"


def _dispatcher(scope: Scope, type_: GraphQLAbstractType, details: FieldDetailsList) -> Complete:
    """Completes values of an interface or union: each by the function of its own type, generated when first met."""
    resolve_type = type_.resolve_type
    if resolve_type is None:
        raise NotPlain(str(type_))
    functions: dict[Any, Complete] = {}
    of_classes: dict[type, Complete] = {}

    def complete(value: object, info: PlainInfo) -> Any:
        function = of_classes.get(type(value))
        if function is None:
            admit(value)
            name: Any = resolve_type(value, cast(Any, info), type_)
            function = functions.get(name)
            if function is None:
                function = functions[name] = _of_possible_type(scope, type_, details, name)
            if resolve_type in _by_class:
                of_classes[type(value)] = function
        return function(value, info)

    return complete


def _of_possible_type(scope: Scope, type_: GraphQLAbstractType, details: FieldDetailsList, name: Any) -> Complete:
    possible = scope.schema.get_type(name) if isinstance(name, str) else None
    if possible is None or not is_object_type(possible) or not scope.schema.is_sub_type(type_, possible):
        raise Unexpected
    try:
        return compile_value(scope, possible, details)
    except NotPlain:
        return refuse


_admitted: set[type] = set()
"""Classes whose objects are plain sources of fields."""


def admit(source: object) -> None:
    """Let objects of this class be sources; Unexpected where graphql-core would not read fields of them."""
    class_ = type(source)
    if source is None or source is Undefined or isinstance(source, BaseException) or hasattr(source, "__await__"):
        raise Unexpected
    _admitted.add(class_)


def admit_class(known: set[type], is_type: Callable[[Any, Any], Any], source: object, info: PlainInfo) -> None:
    """The same for sources of one GraphQL type, where it depends on their class whether they are of that type."""
    admit(source)
    if is_type(source, info) is not True:
        raise Unexpected
    known.add(type(source))


def refuse(_value: object, _info: object = None) -> Any:
    raise Unexpected

"""What can be a column: every field of a run in the schema, by its dotted name, such as `usage.cost.amount`.

Columns are read off the schema, so that a new field is one, too. A list of objects is one column, of JSON.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from operator import attrgetter
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_enum_type,
    is_leaf_type,
)

from adapters.model import Part, RunRecord
from gateway.errors import RequestError
from gateway.plan import PART_KEY, RUN_INTERFACE
from gateway.schema.fields import PLAIN_KEY
from gateway.schema.scalars import serialize_datetime

PROVIDER = "provider"
DEFAULT = (
    "id", "provider", "kind", "status", "createdAt", "startedAt", "endedAt", "durationMs", "target.id", "target.name",
    "target.version", "initiator.id", "tags", "error.code", "error.message", "usage.inputTokens", "usage.outputTokens",
    "usage.totalTokens", "usage.cacheReadInputTokens", "usage.cacheWriteInputTokens", "usage.reasoningOutputTokens",
    "usage.tokenAccounting", "usage.cost.amount", "usage.cost.currency", "usage.credits.amount",
    "usage.credits.provider", "usage.modelCalls", "usage.modelDurationMs",
)  # fmt: skip
"""The columns of an export that names none. Names and addresses of people are not among them."""


class Type(Enum):
    """What the cells of a column are, where they are not None."""

    TEXT = "str"
    INTEGER = "int"
    NUMBER = "float"
    DECIMAL = "Decimal"
    TIME = "aware datetime"
    BOOLEAN = "bool"
    JSON = "JSON value"


_TYPES: Mapping[str, Type] = {
    "String": Type.TEXT,
    "ID": Type.TEXT,
    "Int": Type.INTEGER,
    "BigInt": Type.INTEGER,
    "Float": Type.NUMBER,
    "Decimal": Type.DECIMAL,
    "DateTime": Type.TIME,
    "Boolean": Type.BOOLEAN,
    "JSON": Type.JSON,
}

_NAMED = "columns are named as the fields of Run in the schema"

Read = Callable[[Any], Any]


@dataclass(slots=True)
class Column:
    """A column. `reads` and `parts` say, by the GraphQL type of a run, how its cell is read, and of which part.

    A run of a type that is not there has no such cell.
    """

    name: str
    type: Type
    reads: dict[str, Read] = field(default_factory=dict[str, Read])
    parts: dict[str, Part] = field(default_factory=dict[str, Part])

    def cell(self, run: RunRecord, type_name: str) -> Any:
        """The value of a run; None also where the part that it is in could not be fetched."""
        read = self.reads.get(type_name)
        if read is None:
            return None
        try:
            return read(run)
        except Exception as error:
            if any(error is known for known in run.part_errors.values()):
                return None
            raise


class Columns:
    """All columns there are, by name. Without `suggestions` errors name no fields: the schema may be kept secret."""

    def __init__(self, schema: GraphQLSchema, *, suggestions: bool = True) -> None:
        self._suggestions = suggestions
        self._by_name: dict[str, Column] = {}
        interface = cast(GraphQLInterfaceType, schema.type_map[RUN_INTERFACE])
        for run_type in schema.get_possible_types(interface):
            for name, type_, part, read in _columns(run_type, "", None):
                column = self._by_name.setdefault(name, Column(name, type_))
                if column.type is not type_:
                    raise TypeError(f"{name} is {column.type.name} of some runs and {type_.name} of others")
                column.reads[run_type.name] = read
                if part is not None:
                    column.parts[run_type.name] = part

    @property
    def names(self) -> Sequence[str]:
        return sorted(self._by_name)

    def chosen(self, names: Sequence[str]) -> list[Column]:
        """Columns by their names; RequestError for a name that is none, or comes twice."""
        for place, name in enumerate(names):
            if name not in self._by_name:
                raise RequestError(f'columns: there is no column "{name[:64]}"; {self._hint(name)}')
            if name in names[:place]:
                raise RequestError(f'columns: "{name}" is named twice')
        return [self._by_name[name] for name in names]

    def _hint(self, name: str) -> str:
        if not self._suggestions:
            return _NAMED
        below = [known for known in self._by_name if known.startswith(f"{name}.")]
        folded = {known.casefold(): known for known in self._by_name}
        near = [folded[match] for match in get_close_matches(name.casefold()[:64], folded, n=4, cutoff=0.6)]
        ends = [known for known in self._by_name if known.casefold().endswith(f".{name.casefold()}")]
        matches = list(dict.fromkeys([*below, *ends, *near]))[:6]
        return f"did you mean {', '.join(matches)}?" if matches else _NAMED


def parts_of(columns: Sequence[Column], type_name: str) -> frozenset[Part]:
    """The parts of a run of this GraphQL type that the columns show."""
    return frozenset(column.parts[type_name] for column in columns if type_name in column.parts)


def _columns(type_: GraphQLObjectType, prefix: str, part: Part | None) -> Iterator[tuple[str, Type, Part | None, Read]]:
    """Name, type, part and reader of every column that an object has."""
    for field_name, definition in type_.fields.items():
        name = f"{prefix}{field_name}"
        if name == PROVIDER:
            yield name, Type.TEXT, None, attrgetter(PROVIDER)
            continue
        own = _declared(definition).metadata.get(PART_KEY) or part
        get, named = _reader(definition), _named(definition)
        if _is_list(definition):
            yield name, Type.JSON, own, _then(get, _list_of(_plain(named)))
        elif isinstance(named, GraphQLObjectType):
            for inner_name, inner_type, inner_part, inner in _columns(named, f"{name}.", own):
                yield inner_name, inner_type, inner_part, _then(get, inner)
        elif is_enum_type(named):
            yield name, Type.TEXT, own, _then(get, attrgetter("name"))
        else:
            yield name, _TYPES[named.name], own, get


def _plain(named: Any) -> Read:
    """What makes a JSON value of a value of this type, with the names of the schema."""
    if is_enum_type(named):
        return attrgetter("name")
    if is_leaf_type(named):
        return serialize_datetime if named.name == "DateTime" else _as_is
    members: dict[str, Read] = {}
    for name, definition in named.fields.items():
        inner = _plain(_named(definition))
        members[name] = _then(_reader(definition), _list_of(inner) if _is_list(definition) else inner)
    return lambda value: {name: read(value) for name, read in members.items()}


def _as_is(value: Any) -> Any:
    return value


def _list_of(plain: Read) -> Read:
    return lambda values: [None if value is None else plain(value) for value in values]


def _then(first: Read, second: Read) -> Read:
    def read(source: Any) -> Any:
        value = first(source)
        return None if value is None else second(value)

    return read


def _declared(definition: GraphQLField) -> Any:
    return definition.extensions["strawberry-definition"]


def _reader(definition: GraphQLField) -> Read:
    """What reads the field from its source: it is an attribute, or a resolver that needs nothing else."""
    declared = _declared(definition)
    resolver = declared.base_resolver
    if resolver is None:
        return attrgetter(declared.python_name)
    if PLAIN_KEY in declared.metadata:
        return declared.metadata[PLAIN_KEY]
    if resolver.info_parameter is not None or definition.args:
        raise TypeError(f"{declared.python_name} can't be read from its source alone")
    return resolver.wrapped_func


def _named(definition: GraphQLField) -> Any:
    return cast(Any, get_named_type(cast(Any, definition).type))


def _is_list(definition: GraphQLField) -> bool:
    type_ = cast(Any, definition).type
    return isinstance(cast(Any, type_).of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)

"""Shapes: what a provider's JSON objects look like, declared once and read at C speed.

A shape is a `msgspec.Struct` whose fields are named as the document's, or so by `rename="camel"`. `read` makes one of
`Fields`. A document that fits, as nearly every one does, is read by `msgspec.convert` in one go. Any other is read
field by field, by the reader of `Fields` that belongs to the declared type: lenient, and with a warning for each value
that is unreadable. What `convert` takes, these readers take as the same value and without a warning.

Types of fields, each with a default, which is what an absent key is read as:

- `str | None`, `bool | None`, `Count | None`, `Count32 | None`, `Integer32 | None`, `Number | None`,
  `SignedNumber | None`, `<shape> | None`: null and what is unreadable are None;
- `Instant | None` and `Amount | None`, the same, in shapes that derive from `Finished`;
- `tuple[str, ...] | None` and `tuple[<shape>, ...] | None`: what is readable of a list;
- `Any`: the JSON value as it is;
- `RequiredText`, the one without a default: BadResponse where there is none.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.inspect import (
    AnyType,
    BoolType,
    Field,
    FloatType,
    IntType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)
from msgspec.structs import force_setattr

from .wire import INT32_MAX, INT32_MIN, INT64_MAX, NUMBER_LIMIT, Fields, in_utc, read_decimal

S = TypeVar("S", bound=Struct)
_Reader = Callable[[Fields, str], Any]

RequiredText = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0, le=INT64_MAX)]
Count32 = Annotated[int, Meta(ge=0, le=INT32_MAX)]
Integer32 = Annotated[int, Meta(ge=INT32_MIN, le=INT32_MAX)]
Number = Annotated[float, Meta(ge=0, lt=NUMBER_LIMIT)]
"""Not negative."""
SignedNumber = Annotated[float, Meta(gt=-NUMBER_LIMIT, lt=NUMBER_LIMIT)]

if TYPE_CHECKING:
    Instant = datetime
    Amount = Decimal
else:
    # `extra` tells them apart from `str` and `Any`.
    Instant = Annotated[str, Meta(extra={"as": datetime})]
    Amount = Annotated[Any, Meta(extra={"as": Decimal})]


class Finished(Struct, frozen=True):
    """A shape with times or amounts, which msgspec leaves as they are and which are read here.

    Its own readers keep zones, round what is below microseconds, and take texts and sizes that are no amounts.
    """

    def __post_init__(self) -> None:
        instants, amounts = _unfinished(type(self))
        for name in instants:
            text = getattr(self, name)
            if isinstance(text, str):
                moment = datetime.fromisoformat(text)
                force_setattr(self, name, moment if moment.tzinfo is UTC else in_utc(moment))
        for name in amounts:
            value = getattr(self, name)
            if value is not None:
                amount = read_decimal(value)
                if amount is None:
                    raise ValueError(name)
                force_setattr(self, name, amount)


def read(fields: Fields, shape: type[S]) -> S:
    """The object as a shape. BadResponse where a `RequiredText` is missing; any other fault is a warning."""
    try:
        return convert(fields.value, shape)
    except ValidationError:
        return _read_each(fields, shape)


def read_rows(fields: Fields, name: str, shape: type[S]) -> Iterator[tuple[int, S]]:
    """The objects of a list, each with its position; anything else in the list is skipped with a warning."""
    for position, value in enumerate(fields.items(name)):
        try:
            yield position, convert(value, shape)
        except ValidationError:
            row = fields.item(name, position)
            if row is not None:
                yield position, _read_each(row, shape)


def _read_each(fields: Fields, shape: type[S]) -> S:
    """Field by field."""
    readers = _readers(shape)
    return shape(**{name: take(fields, key) for name, key, required, take in readers if required or fields.has(key)})


@cache
def _readers(shape: type[Struct]) -> list[tuple[str, str, bool, _Reader]]:
    """A shape's fields: their names here and in documents, whether they must be there, and their readers."""
    return [(field.name, field.encode_name, field.required, _reader(kind)) for field, kind in _declared(shape)]


@cache
def _unfinished(shape: type[Struct]) -> tuple[list[str], list[str]]:
    """The names of a shape's times, and of its amounts."""
    readers = [(name, take) for name, _, _, take in _readers(shape)]
    instants = [name for name, take in readers if take is Fields.instant]
    return instants, [name for name, take in readers if take is Fields.decimal]


def _declared(shape: type[Struct]) -> Iterator[tuple[Field, Type]]:
    """A shape's fields, each with its type but for `| None`."""
    for field in cast(StructType, type_info(shape)).fields:
        match field.type:
            case UnionType(types=(kind, NoneType())):
                yield field, kind
            case kind:
                yield field, kind


def _reader(kind: Type) -> _Reader:
    """TypeError for types that no document is read as."""
    match kind:
        case Metadata(type=StrType()):
            return Fields.instant
        case Metadata():
            return Fields.decimal
        case AnyType():
            return Fields.json
        case StrType(min_length=1):
            return Fields.required_text
        case StrType():
            return Fields.text
        case BoolType():
            return Fields.boolean
        case IntType(ge=0, le=int(most)):
            return lambda fields, key: fields.count(key, most)
        case IntType():
            return Fields.integer
        case FloatType(ge=0):
            return Fields.number
        case FloatType():
            return Fields.signed_number
        case StructType(cls=cls):
            return lambda fields, key: None if (child := fields.child(key)) is None else read(child, cls)
        case VarTupleType(item_type=StrType()):
            return _unless_null(Fields.texts)
        case VarTupleType(item_type=AnyType()):
            return _unless_null(lambda fields, key: tuple(fields.items(key)))
        case VarTupleType(item_type=StructType(cls=cls)):
            return _unless_null(lambda fields, key: tuple(row for _, row in read_rows(fields, key, cls)))
        case _:
            raise TypeError(f"documents are not read as {kind}")


def _unless_null(take: _Reader) -> _Reader:
    return lambda fields, key: None if fields.json(key) is None else take(fields, key)

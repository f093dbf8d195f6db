"""Records as typed msgpack: what a record's fields may hold is read off its annotations, and checked when reading.

Provider documents travel inside as JSON texts, which is exact for numbers of any size. Nothing is ever imported or
called because of what a value says.
"""

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from adapters import codec
from adapters.errors import AdapterError, ErrorCode
from adapters.model import RunRecord
from gateway import encoding

_OMITTED = frozenset({"part_errors"})
_NAMES = {"AdapterError": AdapterError, "ErrorCode": ErrorCode}
"""What annotations name that is imported for type checking only."""

Convert = Callable[[Any], Any]


class NotPortable(TypeError):
    """A record class whose annotations say too little, or something that has no place in msgpack."""


@dataclass(frozen=True, slots=True)
class _Field:
    """How values of one annotation travel: their type on the wire, and the ways there and back; None: as they are."""

    hint: Any
    to_wire: Convert | None = None
    from_wire: Convert | None = None


class Wire:
    """Writes and reads records of one class. `schema` tells apart versions of its fields."""

    def __init__(self, record_type: type[RunRecord]) -> None:
        """NotPortable where the class can't be written."""
        self._module = vars(sys.modules[record_type.__module__])
        self._described: list[str] = []
        self._structs: dict[type, _Field] = {}
        try:
            root = self._struct(record_type)
        except NameError as error:
            raise NotPortable(f"{record_type.__qualname__}: {error}") from None
        self._to_wire, self._from_wire = cast(Convert, root.to_wire), cast(Convert, root.from_wire)
        self._decoder = msgspec.msgpack.Decoder[Any](root.hint)
        self.schema = blake2b("\n".join(self._described).encode(), digest_size=8).digest()

    def encode(self, record: RunRecord) -> bytes:
        """NotPortable where a value is not what the annotations allow."""
        try:
            return msgspec.msgpack.encode(self._to_wire(record))
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
            raise NotPortable(str(error)) from None

    def decode(self, data: bytes) -> RunRecord:
        """ValueError where the data is not a record of this class."""
        return self._from_wire(self._decoder.decode(data))

    def _field(self, hint: Any) -> _Field:
        origin, arguments = get_origin(hint), get_args(hint)
        if hint is object or hint is Any or origin is Mapping or origin is dict:
            return _Field(bytes | None, _some(encoding.dumps), _some(codec.loads))
        if origin in (Union, types.UnionType):
            inner = [argument for argument in arguments if argument is not type(None)]
            if len(inner) != 1:
                raise NotPortable(f"{hint} is more than one type")
            field = self._field(inner[0])
            return _Field(field.hint | None, _some(field.to_wire), _some(field.from_wire))
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            field = self._field(arguments[0])
            return _Field(tuple[field.hint, ...], _each(field.to_wire), _each(field.from_wire))
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return self._variants(hint)
        return _Field(hint)

    def _variants(self, kind: type[msgspec.Struct]) -> _Field:
        """A struct, or one of those that the record's own module derives from it."""
        own = [value for value in self._module.values() if isinstance(value, type) and issubclass(value, kind)]
        kinds = [kind, *sorted({found for found in own if found is not kind}, key=lambda found: found.__qualname__)]
        found = {variant: self._struct(variant) for variant in kinds}
        if len(found) == 1:
            return found[kind]
        by_wire = {variant.hint: cast(Convert, variant.from_wire) for variant in found.values()}
        by_kind = {variant: cast(Convert, field.to_wire) for variant, field in found.items()}
        return _Field(
            Union[tuple(by_wire)],  # noqa: UP007 - made at run time
            lambda value: by_kind[type(value)](value),
            lambda value: by_wire[type(value)](value),
        )

    def _struct(self, kind: type[msgspec.Struct]) -> _Field:
        if kind in self._structs:
            return self._structs[kind]
        hints = get_type_hints(kind, localns=_NAMES)
        names = [name for name in kind.__struct_fields__ if name not in _OMITTED]
        inner = {name: self._field(hints[name]) for name in names}
        struct = msgspec.defstruct(
            kind.__name__,
            [(name, field.hint) for name, field in inner.items()],
            array_like=True,
            tag=True,
            tag_field="(class)",
            gc=False,
        )
        self._described.append(f"{kind.__module__}.{kind.__qualname__} {[(name, str(hints[name])) for name in names]}")
        there = [(name, field.to_wire) for name, field in inner.items()]
        back = [(name, field.from_wire) for name, field in inner.items()]

        def to_wire(value: Any) -> Any:
            if type(value) is not kind:
                raise TypeError(f"{type(value).__name__} in the place of {kind.__name__}")
            return struct(*_read(value, there))

        def from_wire(value: Any) -> Any:
            return kind(**dict(zip(names, _read(value, back), strict=True)))

        self._structs[kind] = _Field(struct, to_wire, from_wire)
        return self._structs[kind]


def _read(value: Any, converts: Sequence[tuple[str, Convert | None]]) -> list[Any]:
    return [getattr(value, name) if convert is None else convert(getattr(value, name)) for name, convert in converts]


def _some(convert: Convert | None) -> Convert | None:
    """Leaves None alone."""
    return None if convert is None else lambda value: None if value is None else convert(value)


def _each(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda values: tuple(map(convert, values))

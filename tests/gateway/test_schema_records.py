"""The schema against the records that its fields read: what is there, of what type, and what may be missing."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
)
from msgspec import Struct

from adapters import model
from adapters.errors import AdapterError, ErrorCode
from adapters.model import Part, RunRecord
from gateway.plan import PART_KEY
from gateway.schema import build
from gateway.schema.build import run_types

SCHEMA = build().graphql_schema
SCALARS: Mapping[type, tuple[str, ...]] = {
    str: ("String", "ID"),
    bool: ("Boolean",),
    int: ("Int", "BigInt"),
    float: ("Float",),
    datetime: ("DateTime",),
    Decimal: ("Decimal",),
    object: ("JSON",),
}
"""The GraphQL scalars that a Python type may be shown as."""

OTHER_ATTRIBUTE = {"execution": "details", "scores": "evaluations"}
"""GraphQL fields of parts that read an attribute of another name."""
ELSEWHERE = {"provider", "debug"}
"""Fields that resolve to another object than the record's attribute."""
NOT_SHOWN = {
    "parent_native_id": "as parentId",
    "parts": "what is there",
    "part_errors": "as errors",
    "events": "in debug",
    "trace": "by Eigenpal's type",
    "evaluations": "by the types of providers that have them",
    "details": "by Eigenpal's type",
    # Of what an evaluation is about, the reader knows these from the query.
    "account_id": "of the run",
    "run_id": "of the run",
}
"""Attributes that have no field of their own name, and why."""


def attributes(record: type[Struct]) -> dict[str, Any]:
    """The types of a record's fields and properties, by name."""
    names = {"ErrorCode": ErrorCode, "AdapterError": AdapterError}
    types = get_type_hints(record, localns=names)
    own = {name: types[name] for name in record.__struct_fields__}
    for name, value in (entry for base in record.__mro__ for entry in vars(base).items()):
        if isinstance(value, property) and value.fget is not None:
            own[name] = get_type_hints(value.fget, localns=names)["return"]
    return own


def without_none(hint: Any) -> tuple[Any, bool]:
    """A type without None, and whether None was in it; JSON may always be null."""
    if get_origin(hint) in (Union, UnionType):
        rest = [option for option in get_args(hint) if option is not NoneType]
        assert len(rest) == 1, hint
        return rest[0], True
    return hint, hint is object


def mismatches(path: str, shown: Any, hint: Any, nested: dict[str, type[Struct]]) -> Iterator[str]:
    """What a field promises that its attribute does not keep; records inside are added to `nested` by type."""
    hint, may_be_none = without_none(hint)
    if isinstance(shown, GraphQLNonNull):
        if may_be_none:
            yield f"{path} is never null, but the attribute may be None"
        shown = cast(Any, shown).of_type
    if isinstance(shown, GraphQLList):
        if get_origin(hint) is tuple:
            yield from mismatches(f"{path}[]", cast(Any, shown).of_type, get_args(hint)[0], nested)
        elif hint is not object:
            yield f"{path} is a list, but the attribute is {hint}"
    elif isinstance(shown, GraphQLObjectType):
        if isinstance(hint, type) and issubclass(hint, Struct):
            nested[shown.name] = hint
        elif hint is not object:
            yield f"{path} is a {shown.name}, but the attribute is {hint}"
    elif isinstance(shown, GraphQLEnumType):
        if not (isinstance(hint, type) and issubclass(hint, Enum) and set(shown.values) == set(hint.__members__)):
            yield f"{path} is a {shown.name}, but the attribute is {hint}"
    elif str(shown) != "JSON" and str(shown) not in SCALARS.get(hint, ()):
        yield f"{path} is a {shown}, but the attribute is {hint}"


def pairs() -> dict[str, type[Struct]]:
    """Every GraphQL type that reads a record, by name, with the record's class."""
    found: dict[str, type[Struct]] = {run_type.__name__: record for record, run_type in run_types().items()}
    found |= {"Debug": model.Debug, "RunEvent": model.RunEvent}
    seen: dict[str, type[Struct]] = {}
    while found:
        name, record = found.popitem()
        seen[name] = record
        nested: dict[str, type[Struct]] = {}
        for key, (shown, attribute) in read_fields(name).items():
            list(mismatches(key, shown, attributes(record).get(attribute, object), nested))
        found |= {name: record for name, record in nested.items() if name not in seen}
    return seen


def read_fields(name: str) -> dict[str, tuple[Any, str]]:
    """The fields of a GraphQL type that read an attribute: the type of each, and the attribute."""
    named = SCHEMA.type_map[name]
    assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
    read: dict[str, tuple[Any, str]] = {}
    for key, field in named.fields.items():
        definition = field.extensions["strawberry-definition"]
        if key in ELSEWHERE or (name == "Debug" and key == "events"):
            continue
        attribute = str(definition.python_name)
        if definition.metadata.get(PART_KEY) is not None:
            attribute = OTHER_ATTRIBUTE.get(attribute, attribute)
        read[key] = (field.type, attribute)
    return read


PAIRS = pairs()


def test_all_types_of_a_run_are_compared() -> None:
    assert len(PAIRS) > 20
    assert {"Usage", "Money", "Step", "RunFile", "Fallback", "EigenpalEval", "MiddeskArtifactSource"} <= set(PAIRS)


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_a_field_reads_an_attribute_that_keeps_its_promise(name: str) -> None:
    known = attributes(PAIRS[name])
    fields = read_fields(name)

    assert [key for key, (_, attribute) in fields.items() if attribute not in known] == []
    found: list[str] = []
    for key, (shown, attribute) in fields.items():
        found += mismatches(f"{name}.{key}", shown, known[attribute], {})
    assert found == []


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_every_attribute_of_a_record_is_shown(name: str) -> None:
    shown = {attribute for _, attribute in read_fields(name).values()} | ELSEWHERE | set(NOT_SHOWN)
    own = set(PAIRS[name].__struct_fields__)

    assert own - shown == ({"duration_ms"} if PAIRS[name].__name__ == "EigenpalUsage" else set())


def test_every_part_has_a_field() -> None:
    parts: set[Part] = set()
    for named in SCHEMA.type_map.values():
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__"):
            definitions = (field.extensions["strawberry-definition"] for field in named.fields.values())
            parts |= {definition.metadata.get(PART_KEY) for definition in definitions}

    assert parts >= set(Part)


def test_an_adapter_from_outside_has_the_common_type() -> None:
    assert run_types()[RunRecord].__name__ == "OtherRun"

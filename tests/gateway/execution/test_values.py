"""Every kind of field with every kind of value, right or wrong: the answer and the errors are graphql-core's."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import SimpleNamespace
from typing import Any, NewType, Union

import pytest
import strawberry
from graphql import parse, validate
from strawberry.extensions import FieldExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.utils.str_converters import to_camel_case

from adapters.errors import ErrorCode
from adapters.status import RunStatus
from gateway.execution import Runner, completers
from gateway.schema.scalars import JSON, SCALARS, BigInt
from tests.support import run

from .comparing import core, finished, operation_of
from .records import BROKEN, JSON_VALUES, SOUND


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"
    NO = "no"


Odd = NewType("Odd", str)
ODD = strawberry.scalar(name="Odd", serialize=lambda value: None if value == "text" else value, parse_value=str)
"""A scalar that has nothing for some values, which is an error."""

strawberry.enum(Level)
strawberry.enum(Word)

LEAVES: Mapping[str, Any] = {
    "text": str,
    "number": int,
    "fraction": float,
    "flag": bool,
    "key": strawberry.ID,
    "big": BigInt,
    "exact": Decimal,
    "time": datetime,
    "json": JSON,
    "status": RunStatus,
    "code": ErrorCode,
    "odd": Odd,
    "level": Level,
    "word": Word,
}


@strawberry.interface
class Thing:
    text: str | None


@strawberry.type
class Stone(Thing):
    weight: int | None


@strawberry.type
class Leaf(Thing):
    @classmethod
    def is_type_of(cls, source: object, _info: Any) -> bool:
        return getattr(source, "text", "") != "stone"


@strawberry.type
class Item:
    text: str | None


class Loud(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        return str(next_(source, info, **arguments)).upper()


def _shout(root: strawberry.Parent[Any]) -> str:
    return root.text.upper()


def _named(root: strawberry.Parent[Any], info: strawberry.Info[Any, None]) -> str:
    return f"{info.field_name} {root.text}"


def _of_context(root: strawberry.Parent[Any], info: strawberry.Info[Any, None]) -> str:
    return f"{type(info.context).__name__} {root.text}"


async def _slow(root: strawberry.Parent[Any]) -> str:
    await asyncio.sleep(0)
    return root.text


def _repeated(root: strawberry.Parent[Any], times: int = 2) -> str:
    return root.text * times


def _forms(name: str, type_: Any) -> dict[str, Any]:
    return {
        name: type_,
        f"{name}_or_null": type_ | None if isinstance(type_, type) else Union[type_, None],  # noqa: UP007
        f"{name}_list": list[type_],
        f"{name}_list_or_null": list[Union[type_, None]] | None,  # noqa: UP007
    }


COMPOSITES: Mapping[str, Any] = {"item": Item, "thing": Thing, "either": Union[Item, Stone]}  # noqa: UP007
SELECTIONS = {
    "item": ["{ __typename }", "{ text }"],
    "thing": ["{ __typename }", "{ text }"],
    "either": ["{ __typename }", "{ ... on Stone { weight } ... on Item { text } }"],
}
FIELDS: dict[str, Any] = {
    form: annotation
    for name, type_ in {**LEAVES, **COMPOSITES}.items()
    for form, annotation in _forms(name, type_).items()
} | {"table": list[list[int]], "table_or_null": list[list[int | None] | None] | None}
RESOLVED = {
    "shout": strawberry.field(resolver=_shout),
    "named": strawberry.field(resolver=_named),
    "of_context": strawberry.field(resolver=_of_context),
    "slow": strawberry.field(resolver=_slow),
    "repeated": strawberry.field(resolver=_repeated),
    "loud": strawberry.field(resolver=_shout, extensions=[Loud()]),
}
Box: Any = strawberry.type(type("Box", (), {"__annotations__": {**FIELDS, **dict.fromkeys(RESOLVED, str)}, **RESOLVED}))


def _box(info: strawberry.Info[Any, None]) -> Any:
    return info.context


ROOTS = {"box": Box | None, "sure": Box, "boxes": list[Box | None] | None}
Query: Any = strawberry.type(
    type("Query", (), {"__annotations__": ROOTS, **{name: strawberry.field(resolver=_box) for name in ROOTS}})
)
SCHEMA = strawberry.Schema(Query, types=[Stone, Leaf], config=StrawberryConfig(scalar_map={**SCALARS, Odd: ODD}))
CORE = SCHEMA._schema  # pyright: ignore[reportPrivateUsage]
VALUES = (*SOUND, *JSON_VALUES, *BROKEN, Level.HIGH, Word.YES, SimpleNamespace(text="stone", weight=1), Stone)


async def both(text: str, sources: list[Any]) -> None:
    """Ask for each source with the same runner."""
    document = parse(text)
    assert not validate(CORE, document)
    runner = Runner(CORE, document, operation_of(document))
    for source in sources:
        expected = await finished(core(CORE, document, source, {}))
        assert await finished(runner.run(None, source)) == expected, source


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code is generated the first time that a field is executed."""
    monkeypatch.setattr(completers, "WARM", 1)


@pytest.mark.parametrize("name", list(FIELDS))
def test_every_value_of_every_field(name: str) -> None:
    # A list where there should be none is wrong whatever it holds.
    inner = VALUES if "list" in name or name.startswith("json") else SOUND[:2]
    wrapped = [] if name.endswith("table") else [[value] for value in inner] + [(value, value) for value in inner]
    sources = [SimpleNamespace(**{name: value}) for value in (*VALUES, *wrapped)]
    field = to_camel_case(name)
    for selection in SELECTIONS.get(name.removesuffix("_or_null").removesuffix("_list"), [""]):
        run(both(f"{{ box {{ {field} {selection} }} }}", sources))
        # What becomes of an error further up has nothing to do with the value's kind.
        run(both(f"{{ sure {{ a: {field} {selection} __typename }} }}", sources[: len(VALUES)] + sources[-2:]))


@pytest.mark.parametrize("name", [*RESOLVED, "shout slow", "text named", "slow loud text"])
def test_fields_with_resolvers(name: str) -> None:
    fields = " ".join(to_camel_case(part) for part in name.split())
    sources = [SimpleNamespace(text=value) for value in VALUES]
    run(both(f"{{ box {{ {fields} }} }}", sources))
    run(both(f"{{ boxes {{ {fields} }} }}", [[source, None, source] for source in sources] + [sources]))

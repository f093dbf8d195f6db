"""Records of every adapter: those its fixtures give, and ones made up from its annotations."""

import asyncio
import importlib
import json
import types
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec import Struct

from adapters import codec, registry
from adapters.errors import AdapterError, ErrorCode
from adapters.model import RunRecord
from adapters.testing.case import Case, fetch, fetch_many
from adapters.testing.fixtures import ReplayTransport
from gateway import encoding

RECORD_TYPES: tuple[type[RunRecord], ...] = tuple(registry.load(name).record_type for name in registry.BUILT_IN)


def from_fixtures(adapter: str) -> Iterator[RunRecord]:
    """What an adapter makes of its recorded replies."""
    case = _case(adapter)
    for fixture in case.all_fixtures():
        transport = ReplayTransport(fixture.exchanges)
        ask = fixture.ask
        if ask.id is not None:
            outcomes = [asyncio.run(fetch(case, transport, ask.id, ask.parts))]
        elif ask.ids is not None:
            outcomes = list(asyncio.run(fetch_many(case, transport, ask.ids, ask.parts)).values())
        else:
            continue
        yield from (outcome for outcome in outcomes if isinstance(outcome, RunRecord))


def _case(adapter: str) -> Case:
    module = importlib.import_module(f"tests.conformance.test_{adapter}")
    return next(value.case for name, value in vars(module).items() if name.startswith("Test") and "case" in vars(value))


def documents() -> st.SearchStrategy[Any]:
    """JSON values as providers' documents hold them, after they were read."""
    numbers = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
    texts = st.text(st.characters(codec="utf-8"), max_size=20)
    values = st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=4,
    )
    # Twice, because a whole number with an exponent is written without, and then is an int.
    return values.map(lambda value: codec.loads(encoding.dumps(codec.loads(json.dumps(value).encode()))))


def made_up(record_type: type[RunRecord]) -> st.SearchStrategy[RunRecord]:
    """Any record that the annotations allow."""
    return cast("st.SearchStrategy[RunRecord]", _built(record_type))


@cache
def _built(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, localns={"AdapterError": AdapterError, "ErrorCode": ErrorCode})
    names = [name for name in kind.__struct_fields__ if name != "part_errors"]
    return st.fixed_dictionaries({name: _values(hints[name]) for name in names}).map(lambda values: kind(**values))


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is object:
        return documents()
    if origin is Mapping:
        return st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), documents(), max_size=2)
    if origin in (Union, types.UnionType):
        return st.none() | _values(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is frozenset:
        return st.frozensets(_values(arguments[0]))
    if issubclass(hint, Struct):
        return st.deferred(lambda: _built(hint))
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return _SIMPLE[hint]


_SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec="utf-8"), max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
}

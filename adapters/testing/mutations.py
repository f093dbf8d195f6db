"""Changes to a JSON document: every field removed, nulled and retyped, and deeper ones for Hypothesis to pick."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from adapters.model import Json

STABLE = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)
"""The same examples in every run, so that a failure is one of the change at hand."""

JsonPath = tuple[str | int, ...]
"""Keys and positions that lead from a document's root to a value."""

REMOVED = object()
"""Stands for a value that is taken out."""

_EMPTY_OBJECT: Json = {}
_EMPTY_LIST: Json = []
WRONG_TYPES: Sequence[Json] = (None, "", 7, True, _EMPTY_LIST, _EMPTY_OBJECT)
"""A value of each JSON type."""

_ODD_TEXTS: Sequence[Json] = (" text \u202e\x00", "9999-12-31T23:59:59.999999999-14:00", "NaN")
_ODD_NUMBERS: Sequence[Json] = (-1, 2**40, 2**70, Decimal("1.5"), Decimal("1E+999999"))
_ODD_LISTS: Sequence[Json] = ([None, _EMPTY_LIST, "x"], [_EMPTY_OBJECT])
_ODD_OBJECTS: Sequence[Json] = ({"id": _EMPTY_OBJECT, "": _EMPTY_LIST},)


def oddities(value: Json) -> Sequence[Json]:
    """Values of the same type as this one that usually trip readers; of each type for a null."""
    match value:
        case str():
            return _ODD_TEXTS
        case bool():
            return ()
        case int() | Decimal():
            return _ODD_NUMBERS
        case list():
            return _ODD_LISTS
        case dict():
            return _ODD_OBJECTS
        case _:
            return (*_ODD_TEXTS, *_ODD_NUMBERS, *_ODD_LISTS, *_ODD_OBJECTS)


def at(document: Json, path: JsonPath) -> Json:
    """The value a path leads to. LookupError where there is none."""
    value: Any = document
    for key in path:
        if not isinstance(value, dict | list) or isinstance(value, dict) is isinstance(key, int):
            raise LookupError(f"nothing at {path}")
        value = cast(Any, value)[key]
    return value


def changed(document: Json, path: JsonPath, value: Json) -> Any:
    """The document with another value at a path, or with none where `value` is REMOVED. The last key may be new.

    What is not on the path is shared with `document`.
    """
    if not path:
        return None if value is REMOVED else value
    result: Any = cast(Any, document).copy()
    key, *rest = path
    if rest:
        result[key] = changed(result[key], tuple(rest), value)
    elif value is REMOVED:
        del result[key]
    else:
        result[key] = value
    return result


def with_unknown_fields(document: Json) -> Any:
    """The document with a field more in each of its objects."""
    if isinstance(document, dict):
        known = {key: with_unknown_fields(value) for key, value in cast("dict[str, Json]", document).items()}
        return {**known, "zz_unknown": [{"id": 7, "status": "zz"}]}
    if isinstance(document, list):
        return [with_unknown_fields(item) for item in cast("list[Json]", document)]
    return document


def paths(document: Json, path: JsonPath = ()) -> Iterator[JsonPath]:
    """The paths of all values below a document's root."""
    if isinstance(document, dict):
        entries: list[tuple[str | int, Json]] = list(cast("dict[str, Json]", document).items())
    elif isinstance(document, list):
        entries = list(enumerate(cast("list[Json]", document)))
    else:
        return
    for key, value in entries:
        yield (*path, key)
        yield from paths(value, (*path, key))


def sweep(document: Json, seen: set[object], *, odd: bool = True) -> Iterator[tuple[JsonPath, Json, Any]]:
    """Every path removed, retyped and, if `odd`, given odd values of its type: path, new value, changed document.

    Changes that `seen` holds are left out, and added to it: two places count as one where only positions in lists
    differ and the values replaced are of one type.
    """
    for path in paths(document):
        original = at(document, path)
        pattern = tuple(key if isinstance(key, str) else 0 for key in path)
        for value in (REMOVED, *WRONG_TYPES, *(oddities(original) if odd else ())):
            change = (pattern, type(original), id(value))
            if change in seen or (type(value) is type(original) and value == original):
                continue
            seen.add(change)
            yield path, value, changed(document, path, value)


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01 00:00", "+1", "1e5", "..", "%2e%2e/x", "completed", "id"])
)
json_values: st.SearchStrategy[Json] = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["id", "status", "error", "steps"]), inner, max_size=4)
    ),
    max_leaves=8,
)
"""Any JSON value of moderate size, as `codec.loads` gives it."""


@st.composite
def mutated(draw: st.DrawFn, document: Json) -> Any:
    """A document with one to four changes, each at a place of the document as it is by then."""
    result: Any = document
    for _ in range(draw(st.integers(1, 4))):
        places = list(paths(result))
        if not places:
            break
        path = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["value", "value", "removed", "moved", "doubled"]))
        if kind == "removed":
            result = changed(result, path, REMOVED)
        elif kind == "moved":
            result = changed(result, path, at(result, draw(st.sampled_from(places))))
        elif kind == "doubled" and isinstance(path[-1], int):
            result = changed(result, path[:-1], [*cast("list[Json]", at(result, path[:-1])), at(result, path)])
        else:
            result = changed(result, path, draw(json_values))
    return result

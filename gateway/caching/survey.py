"""How much memory the values of a record take, and which texts in them hold a URL."""

from collections.abc import Callable, Iterable
from itertools import chain
from operator import attrgetter
from sys import getsizeof
from typing import Any

from msgspec import Struct

Inner = Callable[[Any], Iterable[Any]]


def survey(values: Iterable[object]) -> tuple[int, list[str]]:
    """The bytes that some values take, and all texts in them that may hold a URL.

    Counts every object by `sys.getsizeof`, level by level. What several values share is counted each time (keys of
    JSON objects mostly), and what allocators lose is not, so that the figure is rather too high than too low.
    """
    size = 0
    texts: list[str] = []
    level: list[Any] = list(values)
    while level:
        size += sum(map(getsizeof, level))
        texts += [value for value in level if type(value) is str and "://" in value]
        below = [inner(value) for value in level if (inner := _INNER[type(value)]) is not None]
        level = list(chain.from_iterable(below))
    return size, texts


def _keys_and_values(value: dict[Any, Any]) -> Iterable[Any]:
    return chain(value, value.values())


def _fields_of(kind: type[Struct]) -> Inner | None:
    names = kind.__struct_fields__
    if len(names) == 1:
        return lambda value: [getattr(value, names[0])]
    return attrgetter(*names) if names else None


class _Inner(dict[type[Any], Inner | None]):
    """How to get at what is inside a value, by its type; None where nothing is."""

    def __missing__(self, kind: type[Any]) -> Inner | None:
        inner: Inner | None = None
        if issubclass(kind, list | tuple | frozenset):
            inner = iter
        elif issubclass(kind, dict):
            inner = _keys_and_values
        elif issubclass(kind, Struct):
            inner = _fields_of(kind)
        self[kind] = inner
        return inner


_INNER = _Inner()

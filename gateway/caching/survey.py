"""How much memory the values of a record take, and which texts in them hold a URL."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from operator import attrgetter
from sys import getsizeof
from typing import Any, cast

_SEQUENCES = (list, tuple, frozenset)
_SIMPLE = {type(None), bool, int, float, str, Decimal, datetime, dict, *_SEQUENCES}


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
        objects: list[dict[Any, Any]] = [value for value in level if type(value) is dict]
        size += sum(map(getsizeof, chain.from_iterable(objects)))
        below: list[Iterable[Any]] = [value.values() for value in objects]
        below += [value for value in level if type(value) in _SEQUENCES]
        below += [_values(value) for value in level if type(value) not in _SIMPLE and is_dataclass(value)]
        level = list(chain.from_iterable(below))
    return size, texts


def _values(value: Any) -> Sequence[Any]:
    return _reader(cast("type[Any]", type(value)))(value)


@cache
def _reader(kind: type[Any]) -> Callable[[Any], Sequence[Any]]:
    """Reads all fields of a dataclass at once."""
    names = [f.name for f in fields(kind)]
    if len(names) < 2:
        return lambda value: [getattr(value, name) for name in names]
    return attrgetter(*names)

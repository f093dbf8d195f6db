"""How much the variables of an operation hold."""

from collections.abc import Mapping, Sequence
from typing import Any, cast


def holds_more(variables: Mapping[str, Any], most: int) -> bool:
    """Whether the lists and objects of the variables hold more than so many values in all.

    A body of 1 MiB has room for half a million of them, which take seconds to be checked one by one.
    """
    count = 0
    pending: list[Any] = [variables]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            inside: Sequence[Any] = list(cast("dict[str, Any]", value).values())
        elif isinstance(value, list):
            inside = cast("list[Any]", value)
        else:
            continue
        count += len(inside)
        if count > most:
            return True
        pending += inside
    return False

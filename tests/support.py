"""Helpers for tests of any part."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import settings

T = TypeVar("T")

LONG_MS = 60_000
"""What a test makes somebody wait for who is not to wait so long, however busy the machine is."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, on an event loop of its own."""
    return asyncio.run(coroutine, debug=False)


def tries(count: int) -> settings:
    """Settings for a property whose examples are dear; somebody who explores gets twenty times as many."""
    return settings(max_examples=count * (20 if settings.get_current_profile_name() == "explore" else 1))


def patiently(check: Callable[[int], None], first_ms: int = 100) -> None:
    """Runs a check that waits for a limit to pass, and in which all else has to be done before.

    The check takes the limit, in milliseconds. A busy machine may not keep up with a short one: where the check fails
    it is made again with a limit ten times as long, twice at most.
    """
    for limit_ms in (first_ms, first_ms * 10):
        try:
            return check(limit_ms)
        except AssertionError:
            continue
    return check(first_ms * 100)


@contextmanager
def no_collection() -> Generator[None]:
    """While the block runs only what nothing refers to any more goes, at once; circles stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

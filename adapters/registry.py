"""Adapter name -> class. Adapters from other distributions join through the entry point group `rungraph.adapters`."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from .contract import RunAdapter
from .settings import ProviderSettings

ENTRY_POINT_GROUP = "rungraph.adapters"

AnyAdapter = RunAdapter[Any]
AdapterClass = type[RunAdapter[ProviderSettings]]

BUILT_IN: Mapping[str, str] = {
    "refactor": "adapters.refactor:RefactorAdapter",
    "eigenpal": "adapters.eigenpal:EigenpalAdapter",
    "middesk": "adapters.middesk:MiddeskAdapter",
    "rightbrain": "adapters.rightbrain:RightbrainAdapter",
    "bridgetown": "adapters.bridgetown:BridgeTownAdapter",
}


def names() -> tuple[str, ...]:
    """All adapter names that a configuration may use, built in ones first."""
    outside = sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))
    return (*BUILT_IN, *(name for name in outside if name not in BUILT_IN))


def load(name: str) -> AdapterClass:
    """The class of an adapter; LookupError with a sentence for a person where there is none or it can't be loaded."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return cast(AdapterClass, getattr(import_module(module), attribute))
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        try:
            loaded = point.load()
        except Exception as error:
            raise LookupError(f'adapter "{name}" of {point.value} can\'t be loaded: {error}') from error
        if not (isinstance(loaded, type) and issubclass(loaded, RunAdapter)):
            raise LookupError(f'adapter "{name}" of {point.value} is not a RunAdapter')
        return cast(AdapterClass, loaded)
    raise LookupError(f'there is no adapter "{name}"; known ones: {", ".join(names())}')

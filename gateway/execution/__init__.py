"""Runs operations: graphql-core's executor, with plain data completed by functions generated once per operation."""

from .compiler import by_class
from .operation import Runner
from .roots import resolve_directly

__all__ = ["Runner", "by_class", "resolve_directly"]

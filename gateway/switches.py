"""What decides which fields of a document are selected."""

from collections.abc import Iterable, Iterator
from typing import Any

from graphql import SelectionSetNode, VariableNode


def condition_variables(selection_sets: Iterable[SelectionSetNode]) -> tuple[str, ...]:
    """The names of the variables used by directives anywhere in selection sets, fragment spreads not followed."""
    return tuple(sorted(set(_used(list(selection_sets)))))


def _used(pending: list[SelectionSetNode]) -> Iterator[str]:
    while pending:
        for selection in pending.pop().selections:
            for directive in selection.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        yield argument.value.name.value
            inner: Any = getattr(selection, "selection_set", None)
            if inner is not None:
                pending.append(inner)

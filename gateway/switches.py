"""What decides which fields of a document are selected."""

from collections.abc import Iterator
from typing import Any

from graphql import SelectionSetNode, VariableNode


def condition_variables(selection_set: SelectionSetNode) -> Iterator[str]:
    """The variables used by directives anywhere in a selection set, fragment spreads not followed."""
    pending = [selection_set]
    while pending:
        for selection in pending.pop().selections:
            for directive in selection.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        yield argument.value.name.value
            inner: Any = getattr(selection, "selection_set", None)
            if inner is not None:
                pending.append(inner)

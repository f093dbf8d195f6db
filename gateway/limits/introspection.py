"""Questions about the schema: whole once, and each thing in it once.

What they cost is work of the gateway alone, and aliases multiply it: fifty keep it busy for
seconds.
"""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from .shape import refusal

_ROOTS = frozenset({"__schema", "__type"})


def multiplied(document: DocumentNode) -> list[GraphQLError]:
    """Errors for a document that asks for `__schema` more than once, or has aliases inside `__schema` or `__type`."""
    whole: set[str] = set()
    for field, is_inside in _fields(document):
        if is_inside and field.alias is not None:
            return [refusal("The document has an alias inside __schema or __type.")]
        if field.name.value == "__schema":
            whole.add((field.alias or field.name).value)
            if len(whole) > 1:
                return [refusal("The document asks for __schema more than once.")]
    return []


def _fields(document: DocumentNode) -> Iterator[tuple[FieldNode, bool]]:
    """All fields as written, and whether each is about the schema: below its roots, or in a fragment on its types."""
    pending: list[tuple[SelectionSetNode, bool]] = []
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            pending.append((definition.selection_set, definition.type_condition.name.value.startswith("__")))
        elif isinstance(definition, OperationDefinitionNode):
            pending.append((definition.selection_set, False))
    while pending:
        selection_set, is_inside = pending.pop()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                yield selection, is_inside
                if selection.selection_set is not None:
                    pending.append((selection.selection_set, is_inside or selection.name.value in _ROOTS))
            elif isinstance(selection, InlineFragmentNode):
                pending.append((selection.selection_set, is_inside))

"""Which operations have answers that depend on nothing but the runs in them."""

from collections.abc import Iterator, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
)

ROOT_FIELDS = frozenset({"node", "nodes", "run", "__typename"})
"""Fields of the query type that look up runs by their ids, or are always the same. Lists grow at any time."""
LIVE_FIELDS = frozenset({"health"})
"""Fields below runs that tell of the gateway's own calls."""


def depends_on_runs_alone(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether an operation's answer stays the same for as long as the runs do that it asks for by id."""
    if operation.operation is not OperationType.QUERY:
        return False
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    roots = {field.name.value for field in _fields(operation.selection_set, fragments, below=False)}
    if not roots <= ROOT_FIELDS:
        return False
    return LIVE_FIELDS.isdisjoint(f.name.value for f in _fields(operation.selection_set, fragments, below=True))


def _fields(
    selection_set: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], *, below: bool
) -> Iterator[FieldNode]:
    """The fields of a selection, fragments followed; with `below` also all fields inside them."""
    seen: set[str] = set()
    pending: list[Sequence[SelectionNode]] = [selection_set.selections]
    while pending:
        for selection in pending.pop():
            if isinstance(selection, FieldNode):
                yield selection
                if below and selection.selection_set is not None:
                    pending.append(selection.selection_set.selections)
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set.selections)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                pending.append(fragments[selection.name.value].selection_set.selections)

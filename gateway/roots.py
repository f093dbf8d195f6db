"""What the root fields of an operation say about it as a whole."""

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
SINGLE_FIELDS = frozenset({"node", "run"})
LIVE_FIELDS = frozenset({"health"})
"""Fields below runs that tell of the gateway's own calls."""


def depends_on_runs_alone(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether an operation's answer stays the same for as long as the runs do that it asks for by id."""
    if operation.operation is not OperationType.QUERY:
        return False
    fragments = _fragments(document)
    roots = {field.name.value for field in _fields(operation.selection_set, fragments, below=False)}
    if not roots <= ROOT_FIELDS:
        return False
    return LIVE_FIELDS.isdisjoint(f.name.value for f in _fields(operation.selection_set, fragments, below=True))


def is_one_look_up(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether an operation asks for a single run by its id, and for nothing else."""
    roots = list(_fields(operation.selection_set, _fragments(document), below=False))
    keys = {(field.alias or field.name).value for field in roots}
    return len(keys) == 1 and {field.name.value for field in roots} <= SINGLE_FIELDS


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


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

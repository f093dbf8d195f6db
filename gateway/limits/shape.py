"""The size of a document: how deep, how wide, how often. Looked at once, before it is validated.

Nothing is taken for granted of the document but that it was parsed: fragments may be missing, spread themselves, or
double what they spread. Each definition is walked once, and each selection set up to the bound on its selections.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableDefinitionNode,
)

from gateway.errors import RequestError

from .settings import LimitSettings

_Directed = SelectionNode | OperationDefinitionNode | FragmentDefinitionNode | VariableDefinitionNode


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a document; of several operations, the largest of each figure.

    `depth`: fields inside one another. `aliases`: fields with an alias, each as often as its fragments are spread.
    `selections`: fields, spreads and inline fragments of one selection set, fragments followed, each once.
    `field_aliases`: the most aliases of one field there. `root_fields`: fields at the root.
    `directives` and `directives_per_location` are as written.
    """

    depth: int
    aliases: int
    field_aliases: int
    directives: int
    directives_per_location: int
    selections: int
    root_fields: int


def exceeded(document: DocumentNode, limits: LimitSettings) -> list[GraphQLError]:
    """An error for each limit that the document is over."""
    if (count := len(document.definitions)) > limits.max_definitions:
        # Each is walked below, and rules of validation look at them pair by pair.
        most = limits.max_definitions
        return [refusal(f"The document has {count} definitions; the limit is {most} (limits.max_definitions).")]
    shape = shape_of(document, limits.max_selections)
    found = (
        ("max_depth", shape.depth, limits.max_depth, "nests fields {} deep"),
        ("max_aliases", shape.aliases, limits.max_aliases, "has {} aliases"),
        ("max_field_aliases", shape.field_aliases, limits.max_field_aliases, "has {} aliases of one field"),
        ("max_directives", shape.directives, limits.max_directives, "has {} directives"),
        (
            "max_directives_per_location",
            shape.directives_per_location,
            limits.max_directives_per_location,
            "has {} directives at one location",
        ),
        (
            "max_selections",
            shape.selections,
            limits.max_selections,
            f"has more than {limits.max_selections} selections in one selection set",
        ),
        (
            "max_root_fields",
            shape.root_fields,
            limits.max_root_fields,
            f"has more than {limits.max_root_fields} fields at the root",
        ),
    )
    return [
        refusal(f"The document {what.format(_shown(count))}; the limit is {most} (limits.{name}).")
        for name, count, most, what in found
        if count > most
    ]


def refusal(message: str) -> GraphQLError:
    """An error about what a client asks for, as a whole."""
    return GraphQLError(message, original_error=RequestError(message))


def _shown(count: int) -> str:
    # Fragments that double each other make numbers of any length.
    return str(count) if count < 1_000_000 else "more than a million"


def shape_of(document: DocumentNode, most_selections: int) -> Shape:
    """The shape of a document. Selections are counted up to one more than `most_selections`."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    walk = _Walk(fragments, most_selections)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    sums = [walk.sums(operation.selection_set) for operation in operations]
    for fragment in fragments.values():
        # One that no operation spreads is refused later, and its directives and selection sets are looked at till then.
        walk.fragment(fragment.name.value)
    roots = [walk.level(operation.selection_set) for operation in operations]
    directives = [len(node.directives or ()) for node in _with_directives(document)]
    return Shape(
        depth=max((depth for depth, _ in sums), default=0),
        aliases=max((aliases for _, aliases in sums), default=0),
        field_aliases=walk.field_aliases,
        directives=sum(directives),
        directives_per_location=max(directives, default=0),
        selections=walk.selections,
        root_fields=max(roots, default=0),
    )


class _Walk:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], most_selections: int) -> None:
        self._fragments = fragments
        self._most = most_selections
        self._known: dict[str, tuple[int, int]] = {}
        self.selections = 0
        self.field_aliases = 0

    def sums(self, selection_set: SelectionSetNode) -> tuple[int, int]:
        """The depth of a selection set, and its aliases."""
        depth = aliases = 0
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                below = (0, 0)
                if selection.selection_set is not None:
                    self.level(selection.selection_set)
                    below = self.sums(selection.selection_set)
                inside = below[0] + 1, below[1] + (selection.alias is not None)
            elif isinstance(selection, FragmentSpreadNode):
                inside = self.fragment(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                inside = self.sums(selection.selection_set)
            else:
                continue
            depth, aliases = max(depth, inside[0]), aliases + inside[1]
        return depth, aliases

    def fragment(self, name: str) -> tuple[int, int]:
        """The same for a fragment: nothing for one that is missing, or is being walked already."""
        found = self._known.get(name)
        if found is None:
            self._known[name] = found = (0, 0)
            if name in self._fragments:
                self._known[name] = found = self.sums(self._fragments[name].selection_set)
        return found

    def level(self, selection_set: SelectionSetNode) -> int:
        """Note how much one selection set selects, and how often the same; the number of its fields."""
        aliases: dict[str, int] = {}
        count = fields = 0
        for selection in self._level(selection_set):
            count += 1
            if isinstance(selection, FieldNode):
                fields += 1
                if selection.alias is not None:
                    aliases[selection.name.value] = aliases.get(selection.name.value, 0) + 1
            if count > self._most:
                break
        self.selections = max(self.selections, count)
        self.field_aliases = max(self.field_aliases, *aliases.values(), 0)
        return fields

    def _level(self, selection_set: SelectionSetNode) -> Iterator[SelectionNode]:
        """What one selection set selects, each fragment of it once."""
        seen: set[str] = set()
        pending: list[Sequence[SelectionNode]] = [selection_set.selections]
        while pending:
            for selection in pending.pop():
                yield selection
                if isinstance(selection, InlineFragmentNode):
                    pending.append(selection.selection_set.selections)
                elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                    seen.add(selection.name.value)
                    if (fragment := self._fragments.get(selection.name.value)) is not None:
                        pending.append(fragment.selection_set.selections)


def _with_directives(document: DocumentNode) -> Iterator[_Directed]:
    """Everything in a document that may have directives."""
    pending: list[SelectionSetNode] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            yield definition
            yield from definition.variable_definitions or ()
            pending.append(definition.selection_set)
    while pending:
        for selection in pending.pop().selections:
            yield selection
            below = getattr(selection, "selection_set", None)
            if below is not None:
                pending.append(below)

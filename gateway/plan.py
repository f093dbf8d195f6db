"""What an operation needs of each run, worked out once per document.

For every field below `Query` that returns runs, the plan knows which parts are selected and for which concrete type.
It follows fragments, inline fragments and aliases, and leaves out what `@skip` and `@include` leave out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from adapters.model import Part

from .switches import condition_variables

RUN_INTERFACE = "Run"
PART_KEY = "part"
"""Where a schema field's metadata says which part it reads."""
MAX_KEPT = 64
"""How many combinations of an operation's switches are kept worked out."""

NOTHING: frozenset[Part] = frozenset()
NO_RUN = ""
"""Stands for the type of run where a field below the root is about many runs, such as a sum."""


class Plan:
    """What one operation, of a document that is valid against the schema, needs of the runs below its root fields."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._switches = condition_variables(node.selection_set for node in (operation, *self._fragments.values()))
        self._known: LRUCache[tuple[bool, ...], _Needs] = LRUCache(MAX_KEPT)
        self._all: _Walk | None = None

    def root_fields(self) -> Mapping[str, str]:
        """The names of all root fields by their response keys, whatever `@skip` and `@include` leave out."""
        return self._everything().roots

    def most_parts(self, response_key: str, type_name: str) -> frozenset[Part]:
        """The same as `parts` where `@skip` and `@include` leave nothing out."""
        return frozenset(self._everything().needs.get((response_key, type_name), ()))

    def _everything(self) -> "_Walk":
        if self._all is None:
            self._all = _Walk(self._schema, self._fragments, None)
            self._all.of(self._operation)
        return self._all

    def parts(self, response_key: str, type_name: str, variables: Mapping[str, Any]) -> frozenset[Part]:
        """The parts of a run of this concrete type, below the root field with this response key.

        `NO_RUN` as the type: the parts that figures about many runs are made of.
        `variables` are the operation's, coerced and with their defaults.
        """
        values = tuple([variables.get(name) is True for name in self._switches])
        needs = self._known.get(values)
        if needs is None:
            switches = dict(zip(self._switches, values, strict=True))
            needs = self._known[values] = _Walk(self._schema, self._fragments, switches).of(self._operation)
        return needs.get((response_key, type_name), NOTHING)


_Needs = Mapping[tuple[str, str], frozenset[Part]]
"""Parts by response key at the root and concrete type."""


class _Walk:
    """One walk through an operation with all switches set, so that its work grows with the document only.

    Without switches it goes everywhere.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        switches: Mapping[str, bool] | None,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._switches = switches
        run = schema.type_map.get(RUN_INTERFACE)
        self._run_types = self._names(run) if isinstance(run, GraphQLInterfaceType) else frozenset[str]()
        self.needs: dict[tuple[str, str], set[Part]] = {}
        self.roots: dict[str, str] = {}
        self._seen: set[tuple[str, _Place]] = set()

    def of(self, operation: OperationDefinitionNode) -> _Needs:
        root = self._schema.get_root_type(operation.operation)
        if root is not None:
            self._walk(operation.selection_set, root, _Place())
        return {key: frozenset(parts) for key, parts in self.needs.items()}

    def _walk(self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, place: "_Place") -> None:
        for selection in selection_set.selections:
            if not self._is_selected(selection):
                continue
            if isinstance(selection, FieldNode):
                self._field(selection, parent, place)
            elif isinstance(selection, FragmentSpreadNode):
                self._fragment(selection.name.value, place)
            else:
                condition = getattr(selection, "type_condition", None)
                inside = self._schema.type_map[condition.name.value] if condition is not None else parent
                self._narrowed(selection.selection_set, inside, place)  # type: ignore[attr-defined]

    def _fragment(self, name: str, place: "_Place") -> None:
        # Each fragment is walked once per place, so that nested spreads can't multiply the work.
        seen = (name, place)
        if seen in self._seen:
            return
        self._seen.add(seen)
        fragment = self._fragments[name]
        self._narrowed(fragment.selection_set, self._schema.type_map[fragment.type_condition.name.value], place)

    def _narrowed(self, selection_set: SelectionSetNode, inside: Any, place: "_Place") -> None:
        here = replace(place, types=place.types & self._names(inside)) if place.at_run else place
        self._walk(selection_set, inside, here)

    def _field(self, node: FieldNode, parent: GraphQLCompositeType, place: "_Place") -> None:
        key = place.key or (node.alias or node.name).value
        if place.key is None:
            self.roots[key] = node.name.value
        definition = _field_of(parent, node.name.value)
        own = _part_of(definition)
        named = _named_type(definition) if definition is not None else None
        if named is None or not is_composite_type(named) or node.selection_set is None:
            self._need(key, place.types, own or place.part)
        elif own is not None and not _has_parts(named):
            # Whatever is selected below it, even nothing: the field itself has to know whether it is null.
            self._need(key, place.types, own)
        else:
            runs = self._names(named) & self._run_types
            below = _Place(key, runs or place.types, own or place.part, at_run=bool(runs))
            self._walk(node.selection_set, named, below)

    def _need(self, key: str, types: frozenset[str], part: Part | None) -> None:
        if part is not None:
            for name in types or (NO_RUN,):
                self.needs.setdefault((key, name), set()).add(part)

    def _names(self, named: Any) -> frozenset[str]:
        """The object types that a composite type can be."""
        if isinstance(named, GraphQLObjectType):
            return frozenset({named.name})
        return frozenset(t.name for t in self._schema.get_possible_types(named))

    def _is_selected(self, selection: SelectionNode) -> bool:
        switches = self._switches
        return switches is None or all(_value(value, switches) is wanted for value, wanted in _conditions(selection))


def _value(value: ValueNode, switches: Mapping[str, bool]) -> bool:
    return switches[value.name.value] if isinstance(value, VariableNode) else cast(Any, value).value


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: root response key, the run types it can be about, and the part it is inside."""

    key: str | None = None
    types: frozenset[str] = frozenset()
    part: Part | None = None
    at_run: bool = False


def _field_of(parent: GraphQLCompositeType, name: str) -> GraphQLField | None:
    """The field's definition; None for `__typename` and the other introspection fields."""
    return parent.fields.get(name) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None


def _named_type(definition: GraphQLField) -> GraphQLNamedType:
    """The type of a field without its list and non-null wrappers."""
    return cast(GraphQLNamedType, get_named_type(cast(Any, definition).type))


def _part_of(definition: GraphQLField | None) -> Part | None:
    declared = definition.extensions.get("strawberry-definition") if definition is not None else None
    return declared.metadata.get(PART_KEY) if declared is not None else None


def _has_parts(named: GraphQLNamedType) -> bool:
    """Whether some fields of a type read parts of their own."""
    if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return False
    return any(_part_of(definition) is not None for definition in named.fields.values())


def _conditions(selection: SelectionNode) -> Iterator[tuple[ValueNode, bool]]:
    """What `@skip` and `@include` ask for: a literal or a variable, and the value it must have."""
    for directive in selection.directives or ():
        if directive.name.value in ("skip", "include"):
            value = next(argument.value for argument in directive.arguments or () if argument.name.value == "if")
            yield value, directive.name.value == "include"

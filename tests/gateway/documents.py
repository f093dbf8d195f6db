"""Random operations over the real schema, for Hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import (
    GraphQLCompositeType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
)
from hypothesis import strategies as st

SWITCHES = ("a", "b", "c")
"""The Boolean variables of every operation. `c` is true unless a value is given."""
KEYS = ("one", "two", "three")
"""Response keys at the root."""
DIRECTIVES = (
    *([""] * 30),
    *(f"@{name}(if: {value})" for name in ("skip", "include") for value in ("$a", "$b", "$c", "true", "false")),
    "@skip(if: $a) @include(if: $b)",
)
MAX_DEPTH = 5
INTERESTING = frozenset(
    {"debug", "events", "steps", "usage", "output", "outputs", "evaluations", "execution", "artifacts"}
)
"""Fields that are drawn more often: those that need parts, not all of them."""


@dataclass(slots=True)
class _Writer:
    """Writes one document. Fragments are written before they are spread, so that none spreads itself."""

    draw: st.DrawFn
    schema: GraphQLSchema
    fragments: list[tuple[str, GraphQLCompositeType]] = field(default_factory=list[tuple[str, GraphQLCompositeType]])
    definitions: list[str] = field(default_factory=list[str])

    def one_of(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def selection_set(self, parent: GraphQLCompositeType, depth: int = 0) -> str:
        count = self.draw(st.integers(1, 4))
        return "{ " + " ".join(self.selection(parent, depth) for _ in range(count)) + " }"

    def selection(self, parent: GraphQLCompositeType, depth: int) -> str:
        kind = self.one_of("field", "field", "field", "field", "inline", "spread") if depth < MAX_DEPTH else "field"
        directives = self.one_of(*DIRECTIVES)
        if kind == "field":
            return self.field(parent, directives, depth)
        if kind == "inline":
            inside = self.one_of(None, *self.overlapping(parent))
            condition = "" if inside is None else f"on {inside.name}"
            return f"... {condition} {directives} {self.selection_set(inside or parent, depth + 1)}"
        return f"...{self.fragment(parent, depth)} {directives}"

    def field(self, parent: GraphQLCompositeType, directives: str, depth: int) -> str:
        fields: dict[str, Any] = parent.fields if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else {}
        usable = [
            name
            for name, definition in sorted(fields.items())
            if depth < MAX_DEPTH or not is_composite_type(_named_type(definition))
        ]
        heavy = [name for name in usable if name in INTERESTING]
        name: str = self.one_of("__typename", *usable, *heavy * 5)
        # An alias names its field, so that one key can't stand for two.
        alias = self.one_of("", "", f"x_{name}:")
        below = ""
        if name in fields and is_composite_type(named := _named_type(fields[name])):
            below = self.selection_set(named, depth + 1)
        return f"{alias} {name} {directives} {below}"

    def fragment(self, parent: GraphQLCompositeType, depth: int) -> str:
        usable = [name for name, on in self.fragments if self.is_overlapping(parent, on)]
        if usable and self.draw(st.booleans()):
            return self.one_of(*usable)
        on: GraphQLCompositeType = self.one_of(*self.overlapping(parent))
        body = self.selection_set(on, depth + 1)
        name = f"F{len(self.fragments)}"
        self.fragments.append((name, on))
        self.definitions.append(f"fragment {name} on {on.name} {body}")
        return name

    def overlapping(self, parent: GraphQLCompositeType) -> Sequence[GraphQLCompositeType]:
        types = (named for named in self.schema.type_map.values() if is_composite_type(named))
        return [named for named in types if self.is_overlapping(parent, named) and not named.name.startswith("__")]

    def is_overlapping(self, one: GraphQLCompositeType, other: GraphQLCompositeType) -> bool:
        return not self.possible(one).isdisjoint(self.possible(other))

    def possible(self, named: GraphQLCompositeType) -> frozenset[str]:
        if isinstance(named, GraphQLObjectType):
            return frozenset({named.name})
        return frozenset(t.name for t in self.schema.get_possible_types(named))

    def root(self, roots: dict[str, str]) -> str:
        """A selection at the root; one key always stands for the same field with the same arguments."""
        key = self.one_of(*roots)
        call = roots[key]
        named = self.schema.type_map["Run" if call.startswith("run(") else "Node"]
        assert is_composite_type(named)
        text = f"{key}: {call} {self.one_of(*DIRECTIVES)} {self.selection_set(named)}"
        wrapped = self.one_of("", "", "inline", "named")
        if wrapped == "inline":
            return f"... on Query {self.one_of(*DIRECTIVES)} {{ {text} }}"
        if wrapped == "named":
            name = f"R{len(self.definitions)}"
            self.definitions.append(f"fragment {name} on Query {{ {text} }}")
            return f"...{name} {self.one_of(*DIRECTIVES)}"
        return text


def _named_type(definition: Any) -> GraphQLNamedType:
    return cast(GraphQLNamedType, get_named_type(definition.type))


@st.composite
def documents(draw: st.DrawFn, schema: GraphQLSchema, providers: Sequence[str]) -> str:
    """A document with one operation, nearly always valid. Below the root key k, runs have the native id k."""
    writer = _Writer(draw, schema)
    roots: dict[str, str] = {}
    for key in KEYS:
        ids = ", ".join(f'"{provider}:{key}"' for provider in providers)
        one = draw(st.sampled_from(providers))
        roots[key] = draw(
            st.sampled_from([f'run(id: "{one}:{key}")', f'node(id: "{one}:{key}")', f"nodes(ids: [{ids}])"])
        )
    selections = " ".join(writer.root(roots) for _ in range(draw(st.integers(1, 4))))
    operation = f"query ($a: Boolean!, $b: Boolean!, $c: Boolean! = true) {{ {selections} }}"
    return "\n".join((operation, *writer.definitions))

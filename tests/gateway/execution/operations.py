"""Operations made up by a seeded random number generator, valid against a schema but for name conflicts."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, cast

from graphql import (
    GraphQLCompositeType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
)

SWITCHES: Mapping[str, str] = {"a": "Boolean!", "b": "Boolean!", "c": "Boolean! = true"}
"""Variables of the directives."""
MAX_DEPTH = 5


class Operations:
    """Makes operations whose root fields are the `roots`, given with their arguments."""

    def __init__(self, random: Random, schema: GraphQLSchema, roots: Mapping[str, str]) -> None:
        self._random = random
        self._schema = schema
        self._roots = roots
        self._fragments: list[tuple[str, str]] = []
        self._bodies: dict[str, str] = {}
        self._query: GraphQLObjectType = schema.type_map["Query"]  # type: ignore[assignment]

    def text(self) -> str:
        """The text of a document with one operation."""
        targets = ["Node", "Run", *self._runs(), "Usage", "Step", "RunError", "Provider"]
        self._fragments = [(f"F{place}", self._random.choice(targets)) for place in range(self._random.randint(0, 4))]
        for place, (name, target) in enumerate(self._fragments):
            self._bodies[name] = self._selection(self._type(target), MAX_DEPTH - 2, place + 1)
        body = " ".join(self._root() for _ in range(self._random.randint(1, 3)))
        used = self._reachable(body)
        everything = body + "".join(self._bodies[name] for name in used)
        declared = {"ids": "[ID!]!", "id": "ID!", **SWITCHES}
        variables = ", ".join(f"${name}: {type_}" for name, type_ in declared.items() if _uses(everything, name))
        fragments = (
            f"fragment {name} on {target} {self._bodies[name]}" for name, target in self._fragments if name in used
        )
        return "\n".join([f"query{f'({variables})' if variables else ''} {{ {body} }}", *fragments])

    def variables(self) -> dict[str, Any]:
        """Values of the switches."""
        return {name: self._random.random() < 0.5 for name in SWITCHES if name != "c" or self._random.random() < 0.5}

    def _runs(self) -> Iterator[str]:
        run: GraphQLInterfaceType = self._schema.type_map["Run"]  # type: ignore[assignment]
        return (type_.name for type_ in self._schema.get_possible_types(run))

    def _type(self, name: str) -> GraphQLCompositeType:
        return self._schema.type_map[name]  # type: ignore[return-value]

    def _root(self) -> str:
        name = self._random.choice(list(self._roots))
        if name == "__typename":
            return name
        alias = self._random.choice(["", f"{name}_1: ", f"{name}_2: "])
        type_ = _named_type(self._query.fields[name])
        selection = self._selection(type_, MAX_DEPTH, 0)
        return f"{alias}{name}{self._roots[name]}{self._directive()} {selection}"

    def _selection(self, type_: GraphQLCompositeType, depth: int, fragment: int) -> str:
        """A selection set; it may spread the fragments from number `fragment` on, so that there are no cycles."""
        count = self._random.randint(1, 6 if depth > 2 else 4)
        items = [self._item(type_, depth, fragment) for _ in range(count)]
        return f"{{ {' '.join(items)} }}"

    def _item(self, type_: GraphQLCompositeType, depth: int, fragment: int) -> str:
        draw = self._random.random()
        if draw < 0.1:
            return f"{self._random.choice(['', 't: '])}__typename{self._directive()}"
        if draw < 0.25:
            spreads = [name for name, target in self._fragments[fragment:] if self._overlap(type_, self._type(target))]
            if spreads:
                return f"...{self._random.choice(spreads)}{self._directive()}"
        if draw < 0.5 and depth > 0:
            inside = self._random.choice([t for t in self._composites() if self._overlap(type_, t)])
            condition = self._random.choice(["", f" on {inside.name}"])
            body = self._selection(inside if condition else type_, depth - 1, fragment)
            return f"...{condition}{self._directive()} {body}"
        return self._field(type_, depth, fragment)

    def _field(self, type_: GraphQLCompositeType, depth: int, fragment: int) -> str:
        fields = getattr(type_, "fields", {})
        if depth <= 0:
            fields = {n: f for n, f in fields.items() if not is_composite_type(_named_type(f))}
        if not fields:
            return "__typename"
        name = self._random.choice(list(fields))
        named = _named_type(fields[name])
        # The same alias always stands for the same field, so that most merges are valid.
        alias = self._random.choice(["", "", f"{name}_: "])
        selection = f" {self._selection(named, depth - 1, fragment)}" if is_composite_type(named) else ""
        return f"{alias}{name}{self._directive()}{selection}"

    def _directive(self) -> str:
        if self._random.random() < 0.85:
            return ""
        value = self._random.choice(["true", "false", *(f"${name}" for name in SWITCHES)])
        return f" @{self._random.choice(['skip', 'include'])}(if: {value})"

    def _composites(self) -> list[Any]:
        return [
            type_
            for type_ in self._schema.type_map.values()
            if is_composite_type(type_) and not type_.name.startswith("__")
        ]

    def _overlap(self, one: GraphQLCompositeType, other: GraphQLCompositeType) -> bool:
        return bool(self._possible(one) & self._possible(other))

    def _possible(self, type_: GraphQLCompositeType) -> set[str]:
        if isinstance(type_, GraphQLObjectType):
            return {type_.name}
        return {possible.name for possible in self._schema.get_possible_types(type_)}

    def _reachable(self, body: str) -> set[str]:
        used: set[str] = set()
        pending = [body]
        while pending:
            text = pending.pop()
            for name, _ in self._fragments:
                if name not in used and f"...{name}" in text:
                    used.add(name)
                    pending.append(self._bodies[name])
        return used


def _named_type(field: Any) -> Any:
    return cast(Any, get_named_type)(field.type)


def _uses(text: str, variable: str) -> bool:
    return any(f"${variable}{end}" in text for end in (")", " ", ","))

"""The generated functions of one operation, made when it has run often enough for them to pay."""

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails
from graphql.execution.values import VariableValues

from gateway.switches import condition_variables

from .compiler import Budget, Complete, NotPlain, OutputType, Scope, compile_value
from .lookups import Lookup, compile_lookups

MAX_FIELDS = 2000
"""Of one operation, in all its variants. Generating code takes about 25 us a field, less than validating it."""
MAX_VARIANTS = 16
WARM = 10
"""Objects that graphql-core completes first: it does about so many in the time that generating the code takes."""


@dataclass(slots=True)
class _Entry:
    """One field with a selection set. `complete` is None until it is warm, and for good where it is not plain."""

    complete: Complete | None = None
    seen: int = 0
    settled: bool = False


@dataclass(slots=True)
class _Lookups:
    """The same for the root of an operation."""

    compiled: tuple[Lookup, ...] | None = None
    seen: int = 0
    settled: bool = False


@dataclass(slots=True)
class Variant:
    """The functions of an operation for one choice of the variables in its `@skip` and `@include`."""

    scope: Scope
    _lookups: _Lookups = field(default_factory=_Lookups)
    _entries: dict[tuple[int, ...], _Entry] = field(default_factory=dict[tuple[int, ...], _Entry])

    def lookups(self) -> tuple[Lookup, ...] | None:
        """The root fields of an operation that only looks up; None where graphql-core has to run it."""
        if not self._lookups.settled:
            self._lookups.seen += 1
            if self._lookups.seen >= WARM:
                self._lookups.settled = True
                left = self.scope.budget.fields
                try:
                    self._lookups.compiled = compile_lookups(self.scope)
                except NotPlain:
                    # Nothing came of it.
                    self.scope.budget.fields = left
        return self._lookups.compiled

    def get(self, type_: OutputType, details: FieldDetailsList, count: int) -> Complete | None:
        """The function that completes `count` objects at these field nodes; None where graphql-core has to."""
        # Types and nodes live as long as the document, and this object is part of it.
        key = (id(type_), id(details[0].node)) if len(details) == 1 else _key(type_, details)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
        if not entry.settled:
            entry.seen += count
            if entry.seen >= WARM:
                entry.settled = True
                entry.complete = self._compile(type_, details)
        return entry.complete

    def _compile(self, type_: OutputType, details: FieldDetailsList) -> Complete | None:
        try:
            return compile_value(self.scope, type_, details)
        except NotPlain:
            return None


def _key(type_: OutputType, details: FieldDetailsList) -> tuple[int, ...]:
    return (id(type_), *(id(detail.node) for detail in details))


class Completers:
    """The generated functions of one operation."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: dict[str, FragmentDetails]
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        nodes = (operation, *(fragment.definition for fragment in fragments.values()))
        self._conditions = condition_variables(node.selection_set for node in nodes)
        self._budget = Budget(MAX_FIELDS)
        self._variants: dict[tuple[Any, ...], Variant] = {}

    def variant(self, variables: VariableValues) -> Variant | None:
        """The functions for these variables; None for conditions that are null, or too many variants."""
        choice = tuple([variables.coerced.get(name) for name in self._conditions])
        for value in choice:
            if type(value) is not bool:
                return None
        variant = self._variants.get(choice)
        if variant is None and len(self._variants) < MAX_VARIANTS:
            kept = VariableValues(*({name: values[name] for name in self._conditions} for values in variables))
            scope = Scope(self._schema, self._operation, self._fragments, kept, self._budget)
            variant = self._variants[choice] = Variant(scope)
        return variant

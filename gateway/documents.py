"""Parsed, validated and planned documents, kept by their text: validating costs more than answering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cachetools import LRUCache
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.graphql import OperationType

from .execution import Runner
from .limits.cost import OperationCost, Prices
from .limits.introspection import multiplied
from .limits.settings import LimitSettings
from .limits.shape import exceeded, refusal
from .plan import Plan
from .roots import depends_on_runs_alone, is_one_look_up

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
"""What Strawberry validates by."""
KEPT_BYTES = 64 * 1024 * 1024
"""Memory for documents, and what is made of them: 1,000 of 160 tokens. No document has more than an eighth of it, since
it would push out many."""
BYTES_PER_TOKEN = 400
"""Of memory, with the plan and the functions that are made of a document."""

# Comparing fields of the same name takes quadratic time, and graphql-core's own bound lets 20 kB keep the server busy
# for seconds. A quarter second still compares 200 such fields of one selection set, far more than queries have.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, ready to run."""

    kind: OperationType
    plan: Plan
    runner: Runner
    depends_on_runs_alone: bool
    is_one_look_up: bool
    cost: OperationCost | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is ready to run, or why it is not. `size` is the memory it takes, roughly, in bytes."""

    size: int
    errors: Sequence[GraphQLError] = ()
    operations: Mapping[str | None, Operation] = field(default_factory=dict[str | None, Operation])

    def operation(self, name: str | None) -> Operation | None:
        """The operation with this name, or the only one where no name is given."""
        if not name:
            return next(iter(self.operations.values())) if len(self.operations) == 1 else None
        return self.operations.get(name)


class Documents:
    """Documents for one schema; those used last stay ready, in `kept_bytes` of memory.

    Without `prices` nothing is too dear.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool = True,
        limits: LimitSettings | None = None,
        prices: Prices | None = None,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._schema = schema
        self._introspection = introspection
        self._limits = limits or LimitSettings()
        self._prices = prices
        self._rules: tuple[type[ASTValidationRule], ...] = RULES
        if not introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._kept: LRUCache[str, Document] = LRUCache(kept_bytes, lambda document: document.size)

    def get(self, text: str) -> Document:
        """The document of this text. Its errors, if any, are all that it has."""
        document = self._kept.get(text)
        if document is None:
            try:
                document = self._prepare(text)
            except RecursionError:
                document = Document(len(text), [GraphQLError("The document is nested too deeply.")])
            if document.size <= self._kept.maxsize / 8:
                self._kept[text] = document
        return document

    def _prepare(self, text: str) -> Document:
        size = len(text)
        if size > (most := self._limits.max_length):
            # Comments and texts of any length are few tokens, and take as long as many.
            words = f"The document has {size} characters; the limit is {most} (limits.max_length)."
            return Document(size, [refusal(words)])
        try:
            node = parse(text, max_tokens=self._limits.max_tokens)
        except GraphQLError as error:
            return Document(size, [error])
        _unchain(node)
        size += node.token_count * BYTES_PER_TOKEN
        # First, because validating takes longer the larger a document is.
        if errors := exceeded(node, self._limits) or multiplied(node):
            return Document(size, errors)
        errors = validate(self._schema, node, self._rules, hide_suggestions=not self._introspection)
        if errors:
            # What a scalar raised about a literal, such as one of 5000 digits, is the client's mistake, too.
            return Document(size, [GraphQLError(error.message, error.nodes) for error in errors])
        operations = {
            definition.name.value if definition.name else None: self._operation(node, definition)
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        return Document(size, (), operations)

    def _operation(self, node: DocumentNode, definition: OperationDefinitionNode) -> Operation:
        plan = Plan(self._schema, node, definition)
        return Operation(
            OperationType(definition.operation.value),
            plan,
            Runner(self._schema, node, definition, hide_suggestions=not self._introspection),
            depends_on_runs_alone(node, definition),
            is_one_look_up(node, definition),
            None if self._prices is None else OperationCost(self._schema, node, definition, plan, self._prices),
        )


def _unchain(document: DocumentNode) -> None:
    """Take the tokens apart, which are needed for nothing but where they are in the text.

    Each has the one before it and the one after it: a document would wait for the garbage collection once it is no
    longer kept, and much of what waits with it is a good part of the process.
    """
    token = document.loc.start_token if document.loc else None
    while token is not None:
        token.prev, token.next, token = None, None, token.next

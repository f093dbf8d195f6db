"""graphql-core's executor with generated functions for plain data."""

from typing import Any

from graphql import GraphQLList, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from .compiler import PlainInfo
from .completers import Variant

_SEQUENCES = frozenset({list, tuple})


class GatewayExecutor(StrawberryGraphQLCoreExecutionContext):
    """Completes lists and objects of plain data by the operation's generated functions, where they can.

    They have no side effects. Whatever they can't complete, graphql-core completes from the start: first the list,
    then each item, then each object's fields, so that only what is wrong is executed field by field.
    """

    NOT_COMPLETED = object()

    def __init__(self, *args: Any, variant: Variant | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variant = variant
        self._plain_info = PlainInfo(self.context_value)

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        count = len(result) if type(result) in _SEQUENCES else 0
        completed = self._complete_plain(return_type, field_details_list, result, count)
        if completed is not self.NOT_COMPLETED:
            return completed
        core: Any = super()
        return core.complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        completed = self._complete_plain(return_type, field_details_list, result, 1)
        if completed is not self.NOT_COMPLETED:
            return completed
        core: Any = super()
        return core.complete_object_value(return_type, field_details_list, info, path, result, position_context)

    def _complete_plain(
        self, type_: GraphQLList[Any] | GraphQLObjectType, details: FieldDetailsList, value: Any, count: int
    ) -> Any:
        if self._variant is None or details[0].node.selection_set is None:
            return self.NOT_COMPLETED
        complete = self._variant.get(type_, details, count)
        if complete is None:
            return self.NOT_COMPLETED
        try:
            return complete(value, self._plain_info)
        except Exception:
            # graphql-core says what is wrong, and where.
            return self.NOT_COMPLETED

"""What an operation costs: the upstream calls that its plan can make, before any is made.

The figure is for the worst case: nothing is cached, no other request asks for the same, every run has every part that
is selected, and a list with a filter is looked through as far as it may be. Two things are taken on trust: that rows
hold what their adapters say, and that list pages are full. Tokens and sessions are got once for many
operations, and are not counted.

Most operations are cheaper than the limit whatever their variables are. That is known once per document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import VariableValues, get_argument_values

from adapters.contract import How, ListsRuns, RunQuery
from adapters.model import Part, RunRecord
from adapters.status import RunStatus
from gateway import ids
from gateway.errors import RequestError
from gateway.listing import feed, filters
from gateway.listing.streams import BATCH
from gateway.plan import NO_RUN, Plan
from gateway.providers import Provider, Providers
from gateway.reporting.aggregation import UsageDimension
from gateway.reporting.usage import MAX_RUNS
from gateway.settings import FeedSettings

Parts = Callable[[str], frozenset[Part]]
"""The parts of a run of a GraphQL type that are selected."""

COST_KEY = "cost"
"""What a request's `extensions` set to true in order to be told the cost."""


def shows_cost(extensions: Mapping[str, Any] | None) -> bool:
    """Whether a request with these extensions asks for the cost of its operation."""
    return extensions is not None and extensions.get(COST_KEY) is True


@dataclass(frozen=True, slots=True)
class Prices:
    """What the configured providers' calls are. `max_cost`: the most calls that one operation may be able to make."""

    providers: Providers
    type_names: Mapping[type[RunRecord], str]
    feed: FeedSettings
    max_ids: int
    max_cost: int

    def parts(self, provider: Provider, parts: Parts) -> frozenset[Part]:
        """The parts that a provider has of those that are selected of its runs."""
        return provider.supported(parts(self.type_names[provider.adapter.record_type]))

    def run(self, provider: Provider, parts: frozenset[Part]) -> int:
        """The calls for one run."""
        adapter = provider.adapter
        return 1 + sum(adapter.parts[part] is How.CALL or part in adapter.sometimes_called for part in parts)

    def runs(self, provider: Provider, parts: frozenset[Part], count: int, alone: int = 0) -> int:
        """The calls for several runs, of which `alone` share no call with others."""
        batches = provider.batches
        if count <= 1 or batches is None or not parts <= batches.batch_parts:
            return count * self.run(provider, parts)
        together = min(count, ceil(count / batches.max_batch) + alone)
        # A run of which a batch does not bring all that is wanted is looked up again, alone.
        return together + count * self.run(provider, parts) if parts else together

    def each(self, provider: Provider, parts: frozenset[Part]) -> int:
        """The calls for each of several runs, however many they are."""
        batches = provider.batches
        again = batches is not None and bool(parts) and parts <= batches.batch_parts
        return self.run(provider, parts) + again

    def rows(self, provider: Provider, parts: frozenset[Part], count: int) -> int:
        """The calls for what the rows of a list lack."""
        missing = self.lacking(provider, parts)
        return self.runs(provider, missing, count) if missing else 0

    def lacking(self, provider: Provider, parts: frozenset[Part]) -> frozenset[Part]:
        """The parts that rows of the provider's lists may lack."""
        return parts if provider.lists is None else parts - provider.lists.row_parts


class OperationCost:
    """The cost of one operation. `bound`: no more than this, whatever the variables are. `limit`: the most allowed."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        plan: Plan,
        prices: Prices,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._plan = plan
        self._prices = prices
        self.limit = prices.max_cost
        self._fragments = {
            node.name.value: FragmentDetails(node)
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self.bound = sum(self._most(key, name) for key, name in plan.root_fields().items())

    def refusal(self, estimated: int) -> GraphQLError:
        """The error for an operation that costs too much, with the figure in its extensions."""
        message = (
            f"The operation could make {estimated} calls to providers; the limit is {self.limit} (limits.max_cost)."
        )
        error = RequestError(message, extensions={"cost": self.shown(estimated)})
        return GraphQLError(message, original_error=error)

    def shown(self, estimated: int) -> dict[str, int]:
        """What clients are told before anything is called."""
        return {"estimated": estimated, "limit": self.limit}

    def estimate(self, variables: VariableValues) -> int:
        """The most upstream calls that the operation makes with these coerced variables."""
        root = cast(GraphQLObjectType, self._schema.get_root_type(self._operation.operation))
        try:
            selected = collect_fields(self._schema, self._fragments, variables, root, self._operation)
        except GraphQLError:
            # Whoever runs the operation meets the same error, before any call.
            return 0
        total = 0
        for key, details in selected.grouped_field_set.items():
            node: FieldNode = details[0].node
            price = _PRICES.get(node.name.value)
            if price is None:
                continue
            try:
                arguments = get_argument_values(root.fields[node.name.value], node, variables)
                total += price(
                    self._prices,
                    arguments,
                    lambda type_name, key=key: self._plan.parts(key, type_name, variables.coerced),
                )
            except (GraphQLError, RequestError):
                # As above: the field is refused before it calls anybody.
                continue
        return total

    def _most(self, key: str, name: str) -> int:
        bound = _BOUNDS.get(name)
        return 0 if bound is None else bound(self._prices, lambda type_name: self._plan.most_parts(key, type_name))


def _of_run(prices: Prices, arguments: Mapping[str, Any], parts: Parts) -> int:
    provider = _provider_of(prices, arguments["id"])
    return 0 if provider is None else prices.run(provider[0], prices.parts(provider[0], parts))


def _of_nodes(prices: Prices, arguments: Mapping[str, Any], parts: Parts) -> int:
    if len(arguments["ids"]) > prices.max_ids:
        return 0
    asked: dict[str, set[str]] = {}
    for run_id in arguments["ids"]:
        if (found := _provider_of(prices, run_id)) is not None:
            asked.setdefault(found[0].name, set()).add(found[1])
    total = 0
    for name, native_ids in asked.items():
        provider = cast(Provider, prices.providers.get(name))
        batches = provider.batches
        alone = 0 if batches is None else sum(not batches.shares_call(native_id) for native_id in native_ids)
        total += prices.runs(provider, prices.parts(provider, parts), len(native_ids), alone)
    return total


def _of_runs(prices: Prices, arguments: Mapping[str, Any], parts: Parts) -> int:
    first = 20 if arguments.get("first") is None else arguments["first"]
    if not 1 <= first <= feed.MAX_PAGE_SIZE:
        return 0
    wanted = _filter(arguments.get("filter"))
    listing = feed.plan(wanted, prices.providers)
    behind = bool(arguments.get("after"))
    pages = sum(
        _pages(prices, source.lists, wanted, first, behind=behind) * source.lists.calls_for(source.wanted.query)
        for source in listing.sources
    )
    return pages + _of_rows(prices, [source.provider for source in listing.sources], parts, first)


def _of_rows(prices: Prices, providers: list[Provider], parts: Parts, count: int) -> int:
    """The calls for what `count` rows lack, whoever of the providers they are of."""
    lacking = {
        provider.name: (provider, prices.lacking(provider, prices.parts(provider, parts))) for provider in providers
    }
    found = [(provider, missing) for provider, missing in lacking.values() if missing]
    all_of_each = sum(prices.runs(provider, missing, count) for provider, missing in found)
    dearest = max((prices.each(provider, missing) for provider, missing in found), default=0)
    return min(all_of_each, count * dearest)


def _of_usage(prices: Prices, arguments: Mapping[str, Any], parts: Parts) -> int:
    most = 1000 if arguments.get("maxRuns") is None else arguments["maxRuns"]
    if not 1 <= most <= MAX_RUNS:
        return 0
    by_model = UsageDimension.MODEL in (arguments.get("groupBy") or ())
    with_usage = by_model or Part.USAGE in parts(NO_RUN)
    wanted = _filter(arguments.get("filter"))
    return sum(
        _source_of_usage(prices, source.provider, source.lists.calls_for(source.wanted.query), most, with_usage)
        for source in feed.plan(wanted, prices.providers).sources
    )


def _source_of_usage(prices: Prices, provider: Provider, calls: int, most: int, with_usage: bool) -> int:
    # One page more than is full: on lists with numbered pages, what arrives meanwhile makes room for itself.
    pages = calls * (1 + ceil(most / cast(ListsRuns, provider.lists).max_page_size))
    if not with_usage:
        return pages
    parts = provider.supported({Part.USAGE})
    whole, rest = divmod(most, BATCH)
    return pages + whole * prices.rows(provider, parts, BATCH) + prices.rows(provider, parts, rest)


def _pages(prices: Prices, lists: ListsRuns, wanted: filters.RunFilter, first: int, *, behind: bool) -> int:
    """The pages that one source is read for a page of `first` runs; `behind` a cursor or at the start."""
    # One run more shows whether there is a next page.
    pages = ceil((first + 1) / lists.max_page_size)
    if behind:
        # The page that the cursor is on is read again. Numbered pages stay as small as the first one was.
        pages = first + 2 if lists.pages_shift else pages + 1
    restricted = (wanted.statuses, wanted.kinds, wanted.created_after, wanted.created_before, wanted.target)
    if any(value is not None for value in restricted):
        pages = max(pages, ceil(prices.feed.max_scanned_rows / lists.max_page_size))
    return pages


def _filter(value: Mapping[str, Any] | None) -> filters.RunFilter:
    given = value or {}
    return filters.RunFilter(
        providers=tuple(dict.fromkeys(given.get("providers") or ())) or None,
        statuses=frozenset(given.get("status") or ()) or None,
        kinds=frozenset(given.get("kind") or ()) or None,
        created_after=given.get("createdAfter"),
        created_before=given.get("createdBefore"),
        target=given.get("target"),
        scope=given.get("scope"),
    )


def _provider_of(prices: Prices, run_id: str) -> tuple[Provider, str] | None:
    """The provider and native id; None for an id that nobody is asked for."""
    try:
        name, native_id = ids.parse(run_id)
    except ValueError:
        return None
    provider = prices.providers.get(name)
    return None if provider is None else (provider, native_id)


_PRICES: Mapping[str, Callable[[Prices, Mapping[str, Any], Parts], int]] = {
    "node": _of_run,
    "run": _of_run,
    "nodes": _of_nodes,
    "runs": _of_runs,
    "usage": _of_usage,
}
"""What a field of the query type costs, by its name. Other fields call nobody."""


def _most_of_run(prices: Prices, parts: Parts) -> int:
    return max((prices.each(provider, prices.parts(provider, parts)) for provider in prices.providers), default=0)


def _most_of_nodes(prices: Prices, parts: Parts) -> int:
    return prices.max_ids * _most_of_run(prices, parts)


def _most_of_runs(prices: Prices, parts: Parts) -> int:
    anything = filters.RunFilter(statuses=frozenset(RunStatus))
    pages = sum(
        _pages(prices, provider.lists, anything, feed.MAX_PAGE_SIZE, behind=True) * _most_calls(provider.lists) * scopes
        for provider, scopes in _listing(prices)
        if provider.lists is not None
    )
    return pages + _of_rows(prices, [provider for provider, _ in _listing(prices)], parts, feed.MAX_PAGE_SIZE)


def _most_of_usage(prices: Prices, _parts: Parts) -> int:
    return sum(
        scopes * _source_of_usage(prices, provider, _most_calls(provider.lists), MAX_RUNS, with_usage=True)
        for provider, scopes in _listing(prices)
        if provider.lists is not None
    )


def _most_calls(lists: ListsRuns) -> int:
    return max(lists.calls_for(RunQuery(limit=1, statuses=statuses)) for statuses in (None, frozenset(RunStatus)))


def _listing(prices: Prices) -> list[tuple[Provider, int]]:
    """The providers that list, and how many sources each is."""
    return [
        (provider, max(1, len(set(provider.lists.default_scopes()))))
        for provider in prices.providers
        if provider.lists is not None
    ]


_BOUNDS: Mapping[str, Callable[[Prices, Parts], int]] = {
    "node": _most_of_run,
    "run": _most_of_run,
    "nodes": _most_of_nodes,
    "runs": _most_of_runs,
    "usage": _most_of_usage,
}
"""The most that a field can cost, whatever its arguments are."""

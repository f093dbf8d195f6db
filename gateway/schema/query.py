"""The root of all queries."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from adapters.model import Part, RunRecord
from gateway.errors import RequestError
from gateway.loader import Asked, RunLoader

from .feed import AfterArgument, FilterArgument, FirstArgument, RunConnection, list_runs
from .provider import Provider
from .run import Info, Node, Run, RunId
from .usage import BucketArgument, GroupByArgument, MaxRunsArgument, TimeZoneArgument, UsageReport, report


def run(info: Info, id: RunId) -> Any:  # noqa: A002 - the argument's name is the schema's
    context = info.context
    provider, native_id = context.locate(id)
    parts = context.parts(str(info.path.key), provider, info.variable_values)
    loader = context.loader(provider)
    return loader.look_up_alone(native_id, parts) if context.is_one_look_up else loader.look_up(native_id, parts)


def nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Ids of runs; the answer keeps their order.")],
) -> Any:
    context, response_key = info.context, str(info.path.key)
    if len(ids) > context.max_ids:
        raise RequestError(f"at most {context.max_ids} ids may be asked for at once, not {len(ids)}")
    # All are asked for at once, so that an operation's fields and ids are looked up together.
    asked: list[Asked | RequestError] = []
    places: dict[str, tuple[RunLoader, frozenset[Part]]] = {}
    for run_id in ids:
        try:
            provider, native_id = context.locate(run_id)
        except RequestError as error:
            asked.append(error)
            continue
        if provider.name not in places:
            parts = context.parts(response_key, provider, info.variable_values)
            places[provider.name] = context.loader(provider), parts
        loader, parts = places[provider.name]
        asked.append(loader.look_up(native_id, parts))
    return _Outcomes(asked)


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """The outcome of each look-up, in order. Nothing is left behind where nobody awaits it."""

    asked: Sequence[Asked | RequestError]

    def __await__(self) -> Generator[Any, None, list[RunRecord | Exception | None]]:
        return self._all().__await__()

    async def _all(self) -> list[RunRecord | Exception | None]:
        for batch in {one.batch for one in self.asked if isinstance(one, Asked)}:
            await batch.landed.wait()
        # An exception as the value of an item nulls that item only.
        return [one.batch.outcome(one.native_id) if isinstance(one, Asked) else one for one in self.asked]


async def runs(
    info: Info,
    filter: FilterArgument = strawberry.UNSET,  # noqa: A002 - the argument's name is the schema's
    first: FirstArgument = 20,
    after: AfterArgument = strawberry.UNSET,
) -> Any:
    return await list_runs(info, filter or None, first, after or None)


async def usage(
    info: Info,
    filter: FilterArgument = strawberry.UNSET,  # noqa: A002 - the argument's name is the schema's
    group_by: GroupByArgument = strawberry.UNSET,
    bucket: BucketArgument = strawberry.UNSET,
    time_zone: TimeZoneArgument = "UTC",
    max_runs: MaxRunsArgument = 1000,
) -> Any:
    return await report(info, filter or None, group_by or None, bucket or None, time_zone, max_runs)


def providers(info: Info) -> Any:
    return list(info.context.providers)


@strawberry.type(description="The root of all queries.")
class Query:
    node: Node | None = strawberry.field(
        resolver=run, description="Anything by its id; null without an error where there is no such thing."
    )
    nodes: list[Node | None] = strawberry.field(
        resolver=nodes,
        description="Several things by their ids. An id that is unknown, malformed or can't be reached nulls its item.",
    )
    run: Run | None = strawberry.field(
        resolver=run,
        description="A run by its id. Null without an error: there is no such run. Null with one: could not look.",
    )
    runs: RunConnection = strawberry.field(
        resolver=runs,
        description="Runs of all providers that can list them, newest first. What a provider can't do, or did not do"
        " this time, is in sources; it costs the runs of that provider only.",
    )
    usage: UsageReport = strawberry.field(
        resolver=usage,
        description="What runs consumed: sums over all providers that can list runs. With no figure selected but runs,"
        " runsUnfinished and durationMs, it costs the lists only; else providers whose lists lack usage are asked for"
        " it, run by run where they have no other way.",
    )
    providers: list[Provider] = strawberry.field(resolver=providers, description="All configured providers.")

"""`usage`: sums over the runs of all providers. The source of a report is a `gateway.reporting.usage.UsageReport`."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from adapters.model import Part, RunKind, TokenAccounting
from adapters.status import RunStatus
from gateway.listing import filters
from gateway.reporting import usage
from gateway.reporting.aggregation import Grouping, UsageDimension
from gateway.reporting.aggregation import UsageRow as UsageRowRecord
from gateway.reporting.buckets import TimeBucket, time_zone

from .enums import describe
from .feed import RunFilter, SourceReport
from .fields import described
from .run import Info
from .scalars import BigInt
from .values import Credits, Money

describe(
    UsageDimension,
    "What runs are told apart by. A run of which it is unknown is in a row where it is null.",
    {
        UsageDimension.PROVIDER: "The configured provider.",
        UsageDimension.TARGET: "What was executed.",
        UsageDimension.STATUS: "Where the run stands.",
        UsageDimension.KIND: "What sort of thing was executed.",
        UsageDimension.MODEL: "The language model. The tokens of a run that used several are split between their rows"
        " where it reports them by model; all else about it is in the row without a model. Rows add up to the total.",
        UsageDimension.INITIATOR: "Who or what started the run.",
        UsageDimension.TAG: "A label. A run with several is in the row of each, so that rows do not add up to the"
        " total.",
    },
)
describe(
    TimeBucket,
    "How long a stretch of time is, as the clocks and the calendar of the time zone have it.",
    {
        TimeBucket.HOUR: "An hour.",
        TimeBucket.DAY: "A day; of 23 or 25 hours where clocks change.",
        TimeBucket.WEEK: "A week, from Monday (ISO 8601).",
        TimeBucket.MONTH: "A month of the calendar.",
    },
)


def _key(name: str, description: str) -> Any:
    def resolve(root: strawberry.Parent[UsageRowRecord]) -> Any:
        return getattr(root.key, name)

    return strawberry.field(resolver=resolve, description=description)


def _figure(description: str) -> Any:
    return described(description, needs=Part.USAGE)


@strawberry.type(
    description="Sums over some runs. A figure that no run reported is null; a reported 0 is 0. The figures are as"
    " reported: nothing is converted, estimated or priced."
)
class UsageRow:
    bucket_start: datetime | None = _key(
        "bucket_start", "Start of the stretch of time that createdAt is in; null without bucket or createdAt."
    )
    provider: str | None = _key("provider", "Name of the provider.")
    target: str | None = _key("target", "Name of what was executed, else its id.")
    status: RunStatus | None = _key("status", "Where the runs stand.")
    kind: RunKind | None = _key("kind", "What sort of thing was executed.")
    model: str | None = _key(
        "model",
        "The language model: the one that usage was reported for, else the one that the target was configured with.",
    )
    initiator: str | None = _key("initiator", "E-mail address of who or what started the runs, else name, else id.")
    tag: str | None = _key("tag", "The label.")
    runs: int = described("Number of runs.")
    runs_unfinished: int = described("Runs among them that have not ended, as far as is known: figures may grow.")
    runs_reporting_tokens: int = _figure("Runs whose tokens are in these figures.")
    runs_reporting_cost: int = _figure("Runs among them that reported a cost in money.")
    runs_reporting_credits: int = _figure("Runs among them that reported a cost in credits.")
    input_tokens: BigInt | None = _figure("Tokens read by models; see tokenAccounting.")
    output_tokens: BigInt | None = _figure("Tokens written by models.")
    total_tokens: BigInt | None = _figure("All tokens.")
    cache_read_input_tokens: BigInt | None = _figure("Tokens read from a prompt cache.")
    cache_write_input_tokens: BigInt | None = _figure("Tokens written to a prompt cache.")
    reasoning_output_tokens: BigInt | None = _figure("Output tokens spent on reasoning.")
    token_accounting: TokenAccounting | None = _figure(
        "Whether inputTokens contains the cached tokens; null where runs differ in that, so that the sum mixes both,"
        " and where no run reported tokens."
    )
    costs: list[Money] = _figure("Costs in money: one for each currency.")
    credits: list[Credits] = _figure("Costs in credits: one for each provider, whose unit it is.")
    model_calls: BigInt | None = _figure("Calls to models.")
    retries: BigInt | None = _figure("Calls to models that were repeated.")
    agent_turns: BigInt | None = _figure("Turns that agents took.")
    pages_processed: BigInt | None = _figure("Pages of documents that were read.")
    model_duration_ms: float | None = _figure("Time spent in models, in milliseconds.")
    duration_ms: float | None = described("How long the runs took together, in milliseconds.")
    is_complete: bool = described(
        "Whether no run is missing here and none lacks figures that its provider has: sources that may hold runs of"
        " this row were read to their end, and the usage of every run could be fetched."
    )


@strawberry.type(description="Sums over the runs of all providers.")
class UsageReport:
    rows: list[UsageRow] = described(
        "One row for each stretch of time and combination of dimensions that has runs, in this order: by time, then by"
        " the dimensions, unknown ones last. Without bucket and groupBy it is one row, the total."
    )
    total: UsageRow = described("Sums over all runs, each counted once.")
    is_complete: bool = described(
        "Whether every source is OK and no run failed. What is not complete is in sources and runsFailed."
    )
    scanned_runs: int = described("Rows read, also of runs that do not fit the filter.")
    runs_failed: int = described("Runs that are counted, and whose usage could not be fetched.")
    sources: list[SourceReport] = described(
        "How each provider did: those chosen by the filter, or all. One that can't list runs is UNSUPPORTED, and its"
        " runs are missing here."
    )


GroupByArgument = Annotated[
    list[UsageDimension] | None, strawberry.argument(description="What makes a row of its own; nothing by default.")
]
BucketArgument = Annotated[
    TimeBucket | None, strawberry.argument(description="Rows by time of creation; no time by default.")
]
TimeZoneArgument = Annotated[
    str | None, strawberry.argument(description="IANA name of the time zone of the buckets, such as Europe/Berlin.")
]
MaxRunsArgument = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many runs of each source are read at most, the newest first, 1 to {usage.MAX_RUNS}. A source"
        " that has more is PARTIAL."
    ),
]


async def report(
    info: Info,
    wanted: RunFilter | None,
    group_by: list[UsageDimension] | None,
    bucket: TimeBucket | None,
    zone: str | None,
    max_runs: int | None,
) -> usage.UsageReport:
    """The report, for which runs are looked at on their own only if a figure of their usage is selected."""
    grouping = Grouping(frozenset(group_by or ()), bucket, time_zone(zone or "UTC"))
    return await usage.report(
        filters.RunFilter() if wanted is None else wanted.record(),
        grouping,
        info.context,
        max_runs=1000 if max_runs is None else max_runs,
        with_usage=Part.USAGE in info.context.sums(str(info.path.key), info.variable_values),
    )

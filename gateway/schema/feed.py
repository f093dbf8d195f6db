"""`runs`: lists over all providers. A connection reads a page of `gateway.listing.feed` with completed rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from adapters.errors import ErrorCode
from adapters.model import RunKind, RunRecord
from adapters.status import RunStatus
from gateway.errors import RequestError
from gateway.listing import feed, filters
from gateway.listing.feed import MAX_PAGE_SIZE, FeedPage, FeedRow
from gateway.listing.rows import complete
from gateway.listing.sources import SourceReport as SourceReportRecord
from gateway.listing.sources import SourceState

from .enums import describe
from .fields import described
from .run import Info, Run

describe(
    SourceState,
    "How a source of a list did.",
    {
        SourceState.OK: "It gave all that was asked of it.",
        SourceState.PARTIAL: "It gave some of what was asked of it; see reason and error.",
        SourceState.FAILED: "It gave nothing; see error.",
        SourceState.SKIPPED: "It was not asked, because something that it needs is not in the filter; see reason.",
        SourceState.UNSUPPORTED: "It can't list runs.",
    },
)


@strawberry.input(description="Which runs to list. What is left out, null or an empty list restricts nothing.")
class RunFilter:
    providers: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Names of configured providers; one that is not configured is refused."
    )
    status: list[RunStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Runs that stand at one of these."
    )
    kind: list[RunKind] | None = strawberry.field(default=strawberry.UNSET, description="Runs of one of these sorts.")
    created_after: datetime | None = strawberry.field(default=strawberry.UNSET, description="Created then or later.")
    created_before: datetime | None = strawberry.field(default=strawberry.UNSET, description="Created then or earlier.")
    target: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Id or name of what was executed, in any case. A provider that applies this itself may know ids"
        " only.",
    )
    scope: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What a provider needs, or takes, in order to list, such as a project or a task. Providers without"
        " scopes are skipped then.",
    )

    def record(self) -> filters.RunFilter:
        """What the client asks for, in the gateway's words."""
        given = {name: value for name, value in vars(self).items() if value is not strawberry.UNSET}
        return filters.RunFilter(
            providers=tuple(dict.fromkeys(given.get("providers") or ())) or None,
            statuses=frozenset(given.get("status") or ()) or None,
            kinds=frozenset(given.get("kind") or ()) or None,
            created_after=given.get("created_after"),
            created_before=given.get("created_before"),
            target=given.get("target"),
            scope=given.get("scope"),
        )


FilterArgument = Annotated[RunFilter | None, strawberry.argument(description="Which runs; all of them without it.")]
FirstArgument = Annotated[int | None, strawberry.argument(description=f"How many runs at most, 1 to {MAX_PAGE_SIZE}.")]
AfterArgument = Annotated[
    str | None, strawberry.argument(description="A cursor of the same list: runs behind it are given.")
]


@dataclass(frozen=True, slots=True)
class EdgeView:
    """A row with its run completed."""

    row: FeedRow
    node: RunRecord

    @property
    def cursor(self) -> str:
        return self.row.cursor


@dataclass(frozen=True, slots=True)
class PageInfoView:
    """Where a page stands. Cursors are made only if somebody selects them."""

    page: FeedPage

    @property
    def has_next_page(self) -> bool:
        return self.page.has_next

    @property
    def has_previous_page(self) -> bool:
        return False

    @property
    def start_cursor(self) -> str | None:
        return self.page.rows[0].cursor if self.page.rows else None

    @property
    def end_cursor(self) -> str:
        return self.page.end_cursor


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A page with its runs completed."""

    page: FeedPage
    nodes: Sequence[RunRecord]

    @property
    def edges(self) -> Sequence[EdgeView]:
        return [EdgeView(row, node) for row, node in zip(self.page.rows, self.nodes, strict=True)]

    @property
    def page_info(self) -> PageInfoView:
        return PageInfoView(self.page)

    @property
    def sources(self) -> Sequence[SourceReportRecord]:
        return self.page.sources


@strawberry.type(description="Why a source could not be read.")
class SourceError:
    code: ErrorCode = described("What went wrong.")
    message: str = described("One sentence.")
    retry_after_ms: int | None = described("How long the provider asks to wait, in milliseconds.")


@strawberry.type(description="How one source of a list did: a provider, or one scope of it.")
class SourceReport:
    provider: str = described("Name of the provider.")
    scope: str | None = described("The scope that was listed, such as a project.")
    state: SourceState = described("The short of it.")
    error: SourceError | None = described("What the source failed with.")
    fetched: int = described("Rows read for this page, given or not.")
    skipped: int = described("Rows among them that were no readable runs.")
    missing: int = described("Runs left out for good: the source failed when their page was made.")
    has_more: bool = described("Whether a later page may hold more of it.")
    reason: str | None = described("What keeps the state from being OK, in words.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = described(
        "Whether to ask for another page. It may turn out empty. Where only failing sources are left, and this page"
        " has no runs, it is false; endCursor still tries them again."
    )
    has_previous_page: bool = described("Always false: lists are read forwards.")
    start_cursor: str | None = described("Cursor of the first run; null where there is none.")
    end_cursor: str | None = described("Where the next page starts, also behind a page without runs.")


@strawberry.type(description="A run of a list.")
class RunEdge:
    cursor: str = described("Where a page behind this run starts.")
    node: Run = described("The run.")


@strawberry.type(description="A page of a list of runs, newest first by createdAt; runs without one come last.")
class RunConnection:
    edges: list[RunEdge] = described("The runs with their cursors.")
    nodes: list[Run] = described("The runs.")
    page_info: PageInfo = described("Where the page stands.")
    sources: list[SourceReport] = described("How each provider did for this page: those chosen by the filter, or all.")


async def list_runs(info: Info, wanted: RunFilter | None, first: int | None, after: str | None) -> ConnectionView:
    """A page of runs, with the parts that the operation selects."""
    size = 20 if first is None else first
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise RequestError(f"first: expected 1 to {MAX_PAGE_SIZE}, not {size}")
    context = info.context
    listing = feed.plan(filters.RunFilter() if wanted is None else wanted.record(), context.providers)
    reader = feed.Feed(listing, listing.position(after), context.service, context.feed_settings)
    page = await reader.page(size)
    runs = [row.run for row in page.rows]
    return ConnectionView(page, await complete(runs, context, str(info.path.key), info.variable_values))

"""What a provider's test file says about its adapter, and how the suite runs the adapter against fixtures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from adapters.contract import BatchesRuns, ListsRuns, Page, RunAdapter, RunQuery
from adapters.errors import AdapterError, for_status
from adapters.model import Json, Part, RunKind, RunRecord
from adapters.settings import ProviderSettings
from adapters.status import RunStatus

from .fixtures import Fixture, ReplayTransport, load, load_all
from .golden import outcome_to_json, page_to_json
from .mutations import JsonPath, at

TOKEN = "conformance-token-5f2e9c71"  # noqa: S105
"""The credential of every adapter under test; it must never show in a text."""

Outcome = RunRecord | AdapterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Where the things of a listing are in its replies. Paths lead from the reply body; `row_id` from a row.

    `scenario` is a fixture that asks for a list; with `cursor` or `has_more` it has at least two pages.
    `limit` names the query parameter or the tool argument for the page size, `restrictions` the query parameters that
    `RunQuery.target` and `scope` may add.
    """

    rows: JsonPath
    row_id: JsonPath
    limit: str
    restrictions: Sequence[str] = ()
    cursor: JsonPath | None = None
    has_more: JsonPath | None = None
    scenario: str = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Where the rows of a batch reply are. `scenario` is a fixture that asks for a batch, one id of it not there."""

    rows: JsonPath
    scenario: str = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A file: the native id of its run, its path there, and the place that it is asked for at: path, from the host's
    root, and query, both decoded."""

    run: str
    path: str
    place: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """An error reply as the provider documents it, and what is to be read from it."""

    status: int
    body: Json
    kind: type[AdapterError]
    message: str | None = None
    raw_code: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One adapter, as the suite needs to know it.

    `settings`: the keys beside `adapter` and `token`. `fixtures`: the folder of its fixtures.
    `words`: the documented status words, copied from the provider's page and not from the adapter's table; empty
    where the provider has no status, and then there is no `status_path` either.
    `status_path`: from the reply body to the status word. `succeeded`, `running`: scenarios with such a run.
    `expanded`: a scenario whose main reply holds all that can be asked for in that call; `succeeded`, left to itself.
    `errors`: HTTP statuses that mean something else here than in `errors.for_status`.
    """

    adapter: type[RunAdapter[Any]]
    settings: Mapping[str, object]
    fixtures: Path
    words: Mapping[str, RunStatus]
    status_path: JsonPath | None
    succeeded: str = "succeeded"
    running: str = "running"
    expanded: str | None = None
    errors: Mapping[int, type[AdapterError]] = field(default_factory=dict[int, type[AdapterError]])
    error_samples: Sequence[ErrorSample] = ()
    listing: Listing | None = None
    batch: Batch | None = None
    files: Files | None = None

    @property
    def name(self) -> str:
        """The configured name of the provider under test; not the adapter's, so that nobody mixes them up."""
        return f"my-{self.adapter.info.adapter}"

    def fixture(self, scenario: str) -> Fixture:
        return load(self.fixtures / f"{scenario}.json")

    def all_fixtures(self) -> tuple[Fixture, ...]:
        return load_all(self.fixtures)

    def runs(self) -> tuple[Fixture, ...]:
        """The fixtures that ask for one run."""
        return tuple(fixture for fixture in self.all_fixtures() if fixture.ask.id is not None)

    def open(self, transport: httpx.AsyncBaseTransport, **settings: object) -> RunAdapter[Any]:
        """The adapter under test on a transport, without retries; `settings` override those of the case."""
        keys = {"adapter": self.adapter.info.adapter, "token": TOKEN, "max_retries": 0, **self.settings, **settings}
        configured: ProviderSettings = self.adapter.settings_type.model_validate(keys)
        return self.adapter.open(self.name, configured, transport)

    def error_for(self, status: int) -> type[AdapterError]:
        """The class of error that a plain reply of this status is."""
        return self.errors.get(status) or for_status(status)

    def position_of(self, fixture: Fixture, path: JsonPath) -> int:
        """The position of the first exchange whose reply has a value at a path."""
        for position, exchange in enumerate(fixture.exchanges):
            try:
                at(exchange.body, path)
            except LookupError:
                continue
            return position
        raise AssertionError(f"{fixture.scenario}: no reply has anything at {path}")


async def fetch(
    case: Case, transport: httpx.AsyncBaseTransport, native_id: str, parts: frozenset[Part] = frozenset()
) -> Outcome:
    """The record, or the AdapterError in its place. Anything else that is raised passes through."""
    adapter = case.open(transport)
    try:
        return await adapter.fetch(native_id, parts)
    except AdapterError as error:
        return error
    finally:
        await adapter.aclose()


async def play(case: Case, fixture: Fixture) -> tuple[object, ReplayTransport]:
    """What a fixture asks for, as JSON, after every call was checked against its exchanges."""
    transport = ReplayTransport(fixture.exchanges)
    ask = fixture.ask
    if ask.id is not None:
        result = outcome_to_json(await fetch(case, transport, ask.id, ask.parts))
    elif ask.ids is not None:
        outcomes = await fetch_many(case, transport, ask.ids, ask.parts)
        result = {native_id: outcome_to_json(outcome) for native_id, outcome in outcomes.items()}
    else:
        pages = await walk(case, transport, fixture, most=len(fixture.exchanges))
        result = {"pages": [page_to_json(page) for page in pages]}
    transport.finish()
    return result, transport


async def fetch_many(
    case: Case, transport: httpx.AsyncBaseTransport, native_ids: Sequence[str], parts: frozenset[Part]
) -> Mapping[str, Outcome]:
    """The outcome of a batch. An AdapterError of the whole call passes through."""
    adapter = case.open(transport)
    assert isinstance(adapter, BatchesRuns)
    try:
        return await adapter.fetch_many(native_ids, parts)
    finally:
        await adapter.aclose()


async def walk(
    case: Case, transport: httpx.AsyncBaseTransport, fixture: Fixture, *, most: int, to_the_end: bool = True
) -> list[Page]:
    """The pages of a listing: all of them, AssertionError where there are more than `most`; or the first `most`."""
    adapter = case.open(transport)
    assert isinstance(adapter, ListsRuns)
    query = query_of(fixture)
    pages: list[Page] = []
    cursor: str | None = None
    while not pages or (cursor is not None and (to_the_end or len(pages) < most)):
        assert len(pages) < most, f"still not at the end after {most} pages"
        page = await adapter.list_runs(replace(query, cursor=cursor))
        pages.append(page)
        cursor = page.next_cursor
    return pages


def query_of(fixture: Fixture) -> RunQuery:
    """What a fixture asks to list."""
    query = dict(fixture.ask.listing or {})
    for name in ("created_after", "created_before"):
        if name in query:
            query[name] = datetime.fromisoformat(query[name])
    if "statuses" in query:
        query["statuses"] = frozenset(RunStatus(word) for word in query["statuses"])
    if "kinds" in query:
        query["kinds"] = frozenset(RunKind(word) for word in query["kinds"])
    return RunQuery(**query)

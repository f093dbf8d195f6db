"""Adapters made up for a test: they do what they are told and count their calls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Scope

from adapters.auth import Bearer
from adapters.contract import BatchesRuns, How, ProviderInfo, RunAdapter
from adapters.errors import AdapterError, ErrorReading, InvalidInput
from adapters.model import Part, RunKind, RunRecord
from adapters.settings import ProviderSettings
from adapters.status import RunStatus, StatusSource, StatusTable
from adapters.upstream import ErrorReply, UpstreamClient
from gateway.app import GRAPHQL_PATH
from gateway.cache import RunCache
from gateway.context import Context
from gateway.endpoint import Endpoint
from gateway.providers import Provider, Providers
from gateway.schema import build, run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings

SETTINGS = ProviderSettings(adapter="fake", base_url="http://fake.test")
NOWHERE = httpx.MockTransport(lambda _: httpx.Response(500))
ALL_PARTS = frozenset(Part)
NONE: frozenset[Part] = frozenset()


def record(
    native_id: str = "1",
    parts: frozenset[Part] = NONE,
    *,
    provider: str = "fake",
    status: RunStatus = RunStatus.SUCCEEDED,
    of: type[RunRecord] = RunRecord,
    **values: Any,
) -> RunRecord:
    """A run that holds some parts, without values unless given."""
    return of(
        provider=provider,
        native_id=native_id,
        kind=RunKind.TASK,
        status=status,
        raw_status=status.value,
        status_source=StatusSource.REPORTED,
        is_terminal=status.is_terminal,
        parts=parts,
        **values,
    )


Answer = Callable[[str, frozenset[Part]], Awaitable[RunRecord]]


async def ended(native_id: str, parts: frozenset[Part]) -> RunRecord:
    """What a fake answers unless told otherwise: a run that has ended, with the parts asked for."""
    return record(native_id, parts)


@dataclass(slots=True)
class Gate:
    """Keeps answers back until it is opened. `cancelled` has the ids whose callers gave up."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[str] = field(default_factory=list[str])
    cancelled: list[str] = field(default_factory=list[str])

    async def __call__(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        self.waiting.append(native_id)
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.append(native_id)
            raise
        return record(native_id, parts)


class FakeAdapter(RunAdapter[ProviderSettings]):
    """Answers with `answer` and notes each call. An id may be given in capitals; "?" can't be one."""

    info = ProviderInfo("fake", "Fake", "https://example.com")
    settings_type = ProviderSettings
    statuses = StatusTable("fake", {}, RunStatus.UNKNOWN)
    parts: ClassVar[Mapping[Part, How]] = dict.fromkeys(Part, How.EXPAND)

    def __init__(self, answer: Answer = ended, name: str = "fake") -> None:
        self.name = name
        self.upstream = UpstreamClient(name, SETTINGS, auth=Bearer(None), read_error=self.read_error, transport=NOWHERE)
        self.answer = answer
        self.calls: list[tuple[str, frozenset[Part]]] = []

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        self.calls.append((native_id, parts))
        return await self.answer(native_id, parts)

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        return ErrorReading()

    async def check(self) -> None:
        return

    def canonical_id(self, native_id: str) -> str:
        if native_id == "?":
            raise InvalidInput("this can't be a run id", provider=self.name)
        return native_id.lower()

    async def aclose(self) -> None:
        return


class BatchingAdapter(FakeAdapter, BatchesRuns):
    """Also answers for up to three ids at once. `batches` has the ids of each such call."""

    max_batch = 3
    batch_parts = frozenset({Part.OUTPUT})

    def __init__(self, answer: Answer = ended) -> None:
        super().__init__(answer)
        self.batches: list[list[str]] = []

    async def fetch_many(
        self, native_ids: Sequence[str], parts: frozenset[Part]
    ) -> Mapping[str, RunRecord | AdapterError]:
        self.batches.append(list(native_ids))
        outcomes: dict[str, RunRecord | AdapterError] = {}
        for native_id in native_ids:
            try:
                outcomes[native_id] = await self.answer(native_id, parts)
            except AdapterError as error:
                outcomes[native_id] = error
        return outcomes


def app_over(*adapters: FakeAdapter, cache: CacheSettings | None = None) -> Starlette:
    """A gateway over adapters."""
    providers = Providers(Provider(adapter.name, adapter) for adapter in adapters)
    service = RunService(RunCache.in_memory(cache or CacheSettings()))
    names = run_type_names()

    def new_context(request_id: str, _scope: Scope) -> Context:
        return Context(providers, service, names, 500, request_id)

    return Starlette(routes=[Route(GRAPHQL_PATH, Endpoint(build(), new_context, 1 << 20, None))])

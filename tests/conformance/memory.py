"""An adapter for a made-up provider that has every ability: the suite's first subject, and the smallest example."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec.structs import replace

from adapters.contract import BatchesRuns, Filter, How, ListsRuns, Page, ProviderInfo, RunAdapter, RunQuery
from adapters.error_body import error_message, error_word
from adapters.errors import AdapterError, ErrorReading, InvalidInput, NotFound
from adapters.model import Json, Part, RunFile, RunKind, RunRecord, Usage
from adapters.settings import TokenSettings
from adapters.status import RunStatus, StatusSource, StatusTable
from adapters.upstream import ErrorReply
from adapters.wire import Fields

STATUSES = StatusTable(
    "memory",
    {
        "running": RunStatus.RUNNING,
        "done": RunStatus.SUCCEEDED,
        "failed": RunStatus.FAILED,
        "cancelled": RunStatus.CANCELLED,
    },
    RunStatus.UNKNOWN,
)


def parse_run(run: Fields, provider: str, parts: frozenset[Part]) -> RunRecord:
    """A run document; `parts` are the ones that the call asked for."""
    raw_status, status = run.status("status", STATUSES)
    usage = run.child("usage") if Part.USAGE in parts else None
    return RunRecord(
        provider=provider,
        native_id=run.required_text("id"),
        kind=RunKind.TASK,
        status=status,
        raw_status=raw_status,
        status_source=StatusSource.REPORTED,
        is_terminal=status.is_terminal,
        created_at=run.instant("created"),
        ended_at=run.instant("ended"),
        parts=(parts & {Part.USAGE}) | {Part.ERROR, Part.OUTPUT},
        output=run.json("output"),
        usage=usage
        and Usage(
            input_tokens=usage.count("input"),
            output_tokens=usage.count("output"),
            is_partial=status.is_terminal is not True,
        ).with_total(),
        warnings=tuple(run.warnings),
    )


class MemoryAdapter(RunAdapter[TokenSettings], ListsRuns, BatchesRuns):
    """Runs at `{base}/runs/{id}`; cursors are the provider's, after "memory:"."""

    info = ProviderInfo("memory", "Memory", "https://memory.example/docs")
    settings_type = TokenSettings
    statuses = STATUSES
    parts: ClassVar[Mapping[Part, How]] = {
        Part.ERROR: How.INLINE,
        Part.OUTPUT: How.INLINE,
        Part.USAGE: How.EXPAND,
        Part.FILES: How.CALL,
        Part.RAW: How.INLINE,
    }
    filters: ClassVar[frozenset[Filter]] = frozenset()
    max_page_size: ClassVar[int] = 50
    max_batch: ClassVar[int] = 20
    batch_parts: ClassVar[frozenset[Part]] = frozenset({Part.ERROR, Part.OUTPUT, Part.USAGE})

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        params = {"expand": "usage"} if Part.USAGE in parts else None
        native_id = self.canonical_id(native_id)
        if Part.FILES not in parts:
            return self._record(await self.upstream.get("runs", native_id, params=params), parts)
        document, files = await asyncio.gather(
            self.upstream.get("runs", native_id, params=params), self._files(native_id)
        )
        record = self._record(document, parts)
        if isinstance(files, AdapterError):
            return replace(record, part_errors={Part.FILES: files})
        return replace(record, files=files, parts=record.parts | {Part.FILES})

    async def fetch_many(
        self, native_ids: Sequence[str], parts: frozenset[Part]
    ) -> Mapping[str, RunRecord | AdapterError]:
        params = {"ids": ",".join(native_ids)} | ({"expand": "usage"} if Part.USAGE in parts else {})
        root = Fields.of(await self.upstream.get("runs", params=params), provider=self.name)
        found = {record.native_id: record for record in self._rows(root, parts & self.batch_parts)[0]}
        return {key: found.get(key) or NotFound(provider=self.name) for key in native_ids}

    async def list_runs(self, query: RunQuery) -> Page:
        params: dict[str, str | int] = {"limit": max(1, min(query.limit, self.max_page_size))}
        if query.cursor is not None:
            prefix, _, cursor = query.cursor.partition(":")
            if prefix != "memory" or not cursor:
                raise InvalidInput("this cursor is not one of ours", provider=self.name)
            params["cursor"] = cursor
        root = Fields.of(await self.upstream.get("runs", params=params), provider=self.name)
        runs, skipped = self._rows(root, frozenset())
        following = root.text("next")
        if not runs or not following or following == params.get("cursor"):
            return Page(runs, None, skipped, incomplete=bool(following))
        return Page(runs, f"memory:{following}", skipped)

    async def check(self) -> None:
        await self.upstream.get("whoami")

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        body = reply.json()
        return ErrorReading(error_message(body), error_word(body, "code"), reply.headers.get("x-request-id"))

    def _record(self, document: Json, parts: frozenset[Part]) -> RunRecord:
        record = parse_run(Fields.of(document, provider=self.name), self.name, parts)
        if Part.RAW not in parts:
            return record
        return replace(record, raw={"run": document}, parts=record.parts | {Part.RAW})

    def _rows(self, root: Fields, parts: frozenset[Part]) -> tuple[tuple[RunRecord, ...], int]:
        """The runs of a reply with several, and how many of its rows are none."""
        if not isinstance(root.json("runs"), list):
            raise root.bad("expected a list", "runs")
        runs: list[RunRecord] = []
        for row in root.items("runs"):
            try:
                runs.append(parse_run(Fields.of(row, provider=self.name, path="runs[]"), self.name, parts))
            except AdapterError:
                continue
        skipped = len(root.items("runs")) - len(runs)
        return tuple({run.native_id: run for run in runs}.values()), skipped

    async def _files(self, native_id: str) -> tuple[RunFile, ...] | AdapterError:
        try:
            root = Fields.of(await self.upstream.get("runs", native_id, "files"), provider=self.name)
        except AdapterError as error:
            return error
        named = ((file.text("name"), file) for file in root.children("files"))
        return tuple(RunFile(name=name, size_bytes=file.count("size")) for name, file in named if name)

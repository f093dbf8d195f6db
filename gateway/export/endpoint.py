"""`GET /export/runs.csv` and its like: a file that is sent while the runs are fetched.

The next runs are fetched when the client has taken what it was sent, so that a slow client holds up nothing but itself.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.errors import ErrorCode
from adapters.model import Part, RunRecord
from gateway.context import Context, request_id_for
from gateway.errors import MASKED, RequestError, log_unexpected, refused
from gateway.files.links import linked
from gateway.listing.feed import plan
from gateway.listing.rows import with_parts
from gateway.listing.streams import RunStream
from gateway.providers import Provider
from gateway.streamed import Streamed

from . import parameters, parquet
from .columns import Column, Columns, parts_of
from .formats import Csv, Ending, Ndjson, Writer

EXPORT_PATH = "/export/runs.{suffix}"
METHODS = "GET, HEAD"
RETRY_AFTER = 5
"""Seconds after which another export may find a place."""
WRITERS: Mapping[str, type[Writer]] = {writer.suffix: writer for writer in (Csv, Ndjson, parquet.Parquet)}


class Refusal(Exception):
    """An export that can't start, with the HTTP status that says so."""

    def __init__(
        self,
        status: int,
        message: str,
        code: ErrorCode = ErrorCode.INVALID_INPUT,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class ExportEndpoint:
    """An ASGI application for `EXPORT_PATH`. What goes wrong before the first byte is answered as GraphQL errors are.

    What goes wrong later is in the last line of the file, or in the metadata of a Parquet file.
    """

    columns: Columns
    new_context: Callable[[str, Scope], Context]
    places: asyncio.Semaphore
    """One for each export that may be made at a time."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_free = not self.places.locked()
        async with self.places if is_free else nullcontext():
            response = await self.respond(Request(scope, receive), is_free=is_free)
            await response(scope, receive, send)

    async def respond(self, request: Request, *, is_free: bool = True) -> Response:
        """The answer, whatever the request is. `is_free`: there is a place for one more export."""
        request_id = request_id_for(request.headers.get("x-request-id", ""))
        headers = {
            "x-request-id": request_id,
            "cache-control": "no-store",
            "vary": "Authorization",
            "x-content-type-options": "nosniff",
        }
        try:
            if not is_free:
                message = "too many exports are being made; see retryAfterMs"
                raise Refusal(503, message, ErrorCode.UNAVAILABLE, {"retry-after": str(RETRY_AFTER)})
            export = await self._export(request, request_id)
        except Refusal as refusal:
            is_full = refusal.status == 503
            retry_after_ms = RETRY_AFTER * 1000 if is_full else None
            body = refused(str(refusal), refusal.code, request_id, retryable=is_full, retry_after_ms=retry_after_ms)
            return Response(body, refusal.status, {**headers, **refusal.headers}, "application/json")
        headers["content-disposition"] = f'attachment; filename="runs.{export.writer.suffix}"'
        # Proxies that gather answers before they pass them on would undo the streaming.
        headers["x-accel-buffering"] = "no"
        if request.method == "HEAD":
            export.context.close()
            return Response(None, 200, headers, export.writer.media_type)
        budget = export.context.feed_settings.report_budget()
        return Streamed(export.pieces(), 200, headers, export.writer.media_type, budget)

    async def _export(self, request: Request, request_id: str) -> "_Export":
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, f"the method must be one of {METHODS}", headers={"allow": METHODS})
        suffix = str(request.path_params["suffix"])
        writer = WRITERS.get(suffix)
        if writer is None:
            raise Refusal(404, f"there is no runs.{suffix[:16]}; there are {', '.join(f'runs.{s}' for s in WRITERS)}")
        if writer is parquet.Parquet and not parquet.is_installed():
            message = "Parquet needs the package pyarrow where the gateway runs: pip install 'rungraph[parquet]'"
            raise Refusal(501, message, ErrorCode.UNSUPPORTED)
        context = self.new_context(request_id, request.scope)
        try:
            asked = parameters.read(request.query_params.multi_items())
            columns = self.columns.chosen(asked.columns)
            listing = plan(asked.wanted, context.providers)
        except RequestError as error:
            raise Refusal(400, str(error), error.code) from None
        if writer is parquet.Parquet:
            await asyncio.to_thread(parquet.load)
        stream = RunStream(listing, context.service, context.feed_settings, asked.max_runs)
        with_files = any(column.name == "files" for column in columns)
        return _Export(context, stream, columns, writer(columns), with_files)


@dataclass(frozen=True, slots=True)
class _Export:
    """One export under way."""

    context: Context
    stream: RunStream
    columns: Sequence[Column]
    writer: Writer
    with_files: bool
    """Whether there is a column of files, whose rows have links then."""

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The file. It always has an ending, whatever happens to the runs."""
        rows = failed = 0
        error: str | None = None
        try:
            yield self.writer.start()
            try:
                async with aclosing(self.stream.batches()) as batches:
                    async for batch in batches:
                        runs = await with_parts(batch, self.context, self._parts)
                        piece = self.writer.rows([self._row(run) for run in runs])
                        rows += len(runs)
                        failed += sum(self._has_failed(run) for run in runs)
                        if piece:
                            yield piece
            except Exception as unexpected:
                log_unexpected(unexpected, self.context.request_id, "the export")
                error = f"{MASKED} {self.context.request_id}"
            yield self.writer.end(Ending(rows, failed, self.stream.reports(), error))
        finally:
            self.context.close()

    def _type_name(self, run: RunRecord) -> str:
        return self.context.type_names[type(run)]

    def _parts(self, provider: Provider) -> frozenset[Part]:
        return parts_of(self.columns, self.context.type_names[provider.adapter.record_type])

    def _row(self, run: RunRecord) -> list[object]:
        type_name = self._type_name(run)
        if self.with_files and run.files:
            run = replace(run, files=linked(run, self.context))
        return [column.cell(run, type_name) for column in self.columns]

    def _has_failed(self, run: RunRecord) -> bool:
        return not parts_of(self.columns, self._type_name(run)).isdisjoint(run.part_errors)

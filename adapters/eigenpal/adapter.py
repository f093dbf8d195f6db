"""The calls to Eigenpal."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, cast
from urllib.parse import quote

from msgspec.structs import replace

from adapters.contract import (
    BatchesRuns,
    Filter,
    How,
    ListsRuns,
    Page,
    ProviderInfo,
    RunAdapter,
    RunQuery,
    ServesFiles,
)
from adapters.error_body import error_message, error_word
from adapters.errors import AdapterError, BadResponse, ErrorReading, NotFound
from adapters.model import Json, Part, RunWarning, WarningCode
from adapters.settings import TokenSettings
from adapters.upstream import ByteRange, Download, ErrorReply
from adapters.wire import Fields

from .listing import MAX_LIMIT, cursor_to_give, matches_nothing, parameters, shows
from .parse import CALLED, parse_run, with_called
from .records import EigenpalRecord
from .status import STATUSES

_EXPANSIONS: Mapping[str, frozenset[Part]] = {
    "input": frozenset({Part.INPUT}),
    "usage": frozenset({Part.USAGE}),
    "execution": frozenset({Part.STEPS, Part.DETAILS}),
    "debug": frozenset({Part.DEBUG}),
}
"""What `expand` knows, in the order it is sent, and the parts that need it. What it does to other words is not said."""

_BESIDE = frozenset({Part.EVENTS, Part.TRACE, Part.EVALUATIONS})
"""Parts that are always called for, so that nothing about the run need be known first."""
_SOMETIMES_CALLED = frozenset({Part.STEPS, Part.FILES})
_BATCHED_ID_LENGTH = 64
"""Longest id, as it stands in a URL, that shares a batch: it keeps the URL of a hundred of them below 8 KiB."""
_USUAL_ID = re.compile(rf"[A-Za-z0-9_.~-]{{1,{_BATCHED_ID_LENGTH}}}")
"""An id that is the same in a URL; `quote` takes many times as long to see that."""
_SHORT_MESSAGE = 120


class EigenpalAdapter(RunAdapter[TokenSettings], ListsRuns, BatchesRuns, ServesFiles):
    """Eigenpal's runs of workflows and agents.

    One call brings a run with every part, with these exceptions, each one call more: EVENTS, TRACE and EVALUATIONS;
    FILES of a run that has not ended; STEPS of a workflow whose expanded execution comes without them. A run that
    ended without files, and an agent's steps, are empty and not asked for again.

    Rows of listings and batches hold ERROR alone, and of the core fields not the last three of `records.Source`.
    """

    info = ProviderInfo("eigenpal", "Eigenpal", "https://docs.eigenpal.com/api-reference/runs/get-a-run")
    settings_type = TokenSettings
    statuses = STATUSES
    parts: ClassVar[Mapping[Part, How]] = {
        Part.ERROR: How.INLINE,
        Part.INPUT: How.EXPAND,
        Part.OUTPUT: How.INLINE,
        Part.USAGE: How.EXPAND,
        Part.STEPS: How.EXPAND,
        Part.FILES: How.INLINE,
        Part.DEBUG: How.EXPAND,
        Part.DETAILS: How.EXPAND,
        Part.RAW: How.INLINE,
        Part.EVENTS: How.CALL,
        Part.TRACE: How.CALL,
        Part.EVALUATIONS: How.CALL,
    }
    sometimes_called = _SOMETIMES_CALLED
    record_type = EigenpalRecord

    filters = frozenset({Filter.STATUS, Filter.KIND, Filter.CREATED_AFTER, Filter.CREATED_BEFORE, Filter.TARGET})
    max_page_size = MAX_LIMIT

    max_batch = MAX_LIMIT
    batch_parts = frozenset({Part.ERROR})

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> EigenpalRecord:
        native_id = self.canonical_id(native_id)
        calls = {part: asyncio.create_task(self._call(native_id, part)) for part in sorted_parts(parts & _BESIDE)}
        try:
            words = [word for word, needed_by in _EXPANSIONS.items() if needed_by & parts]
            params = {"expand": ",".join(words)} if words else None
            body = await self.upstream.get("runs", native_id, params=params)
            record = self._checked(parse_run(body, provider=self.name, asked=parts), native_id)
            for part in sorted_parts(parts & _SOMETIMES_CALLED - record.parts):
                calls[part] = asyncio.create_task(self._call(native_id, part))
            answers = {part: await call for part, call in calls.items()}
        finally:
            await _end(calls.values())
        raw: dict[str, Json] = {"run": body}
        for part, answer in answers.items():
            try:
                if isinstance(answer, AdapterError):
                    raise answer
                raw[CALLED[part][0]] = answer
                record = with_called(record, part, answer)
            except AdapterError as error:
                record = replace(record, part_errors={**record.part_errors, part: error})
        return replace(record, raw=raw, parts=record.parts | {Part.RAW}) if Part.RAW in parts else record

    async def list_runs(self, query: RunQuery) -> Page:
        """One page; it may hold fewer rows than the limit, or none, and still not be the last.

        Every filter is applied by the provider as far as it can be, never more narrowly than asked, and again here:
        its times are inclusive or not, which is not published, and it has no words for UNKNOWN and CANCELLING.
        A cursor that leads nowhere new, or comes without rows, ends the listing as incomplete.
        """
        if matches_nothing(query):
            return Page(())
        params = parameters(query, self.name)
        answer = Fields.of(await self.upstream.get("runs", params=params), provider=self.name)
        rows = _rows(answer)
        runs: dict[str, EigenpalRecord] = {}
        skipped = 0
        for row in rows:
            try:
                record = parse_run(row, provider=self.name, row=True)
            except BadResponse:
                skipped += 1
                continue
            if shows(query, record):
                runs.setdefault(record.native_id, record)
        promised = answer.text("nextCursor") or None
        given = cursor_to_give(promised, sent=params.get("cursor")) if rows and promised else None
        return Page(tuple(runs.values()), given, skipped, incomplete=promised is not None and given is None)

    async def fetch_many(
        self, native_ids: Sequence[str], parts: frozenset[Part]
    ) -> Mapping[str, EigenpalRecord | AdapterError]:
        """The core and ERROR of up to a hundred runs in one call.

        The ids are sent as a list with commas: an id with a comma in it, or a very long one, gets a call of its own.
        An id that is not in the answer is NotFound, unless the answer shows that the list of ids was not applied.
        """
        ids = list(dict.fromkeys(native_ids))
        alone = [native_id for native_id in ids if not self.shares_call(native_id)]
        found = await self._batch([native_id for native_id in ids if self.shares_call(native_id)])
        others = await asyncio.gather(*(self._fetch_alone(native_id, parts) for native_id in alone))
        found |= zip(alone, others, strict=True)
        return {native_id: found[native_id] for native_id in ids}

    def shares_call(self, native_id: str) -> bool:
        return _fits_batch(native_id)

    def open_file(
        self, native_id: str, path: str, part: ByteRange | None = None
    ) -> AbstractAsyncContextManager[Download]:
        """An artifact; large ones come by a redirect to the provider's storage."""
        return self.upstream.download("runs", self.canonical_id(native_id), "artifacts", *path.split("/"), part=part)

    async def check(self) -> None:
        try:
            await self.upstream.get("auth", "check")
        except NotFound:
            # Older releases have no such endpoint.
            await self.upstream.get("runs", params={"limit": 1})

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        """The first issue that is an error, with the hint where the two are short; else any usual shape of error."""
        body = reply.json()
        header = reply.headers.get("x-request-id")
        if not isinstance(body, dict):
            return ErrorReading(error_message(body), request_id=header)
        envelope = Fields.of(cast(Json, body), provider="")
        issues = list(envelope.children("issues"))
        issue = next((issue for issue in issues if issue.json("severity") == "error"), next(iter(issues), None))
        if issue is None:
            message, raw_code = error_message(envelope.value), error_word(envelope.value, "code")
        else:
            message, raw_code = issue.text("message"), issue.text("code")
        hint = envelope.text("hint")
        if hint and len(hint) + len(message or "") <= _SHORT_MESSAGE:
            message = f"{message} ({hint})" if message else hint
        return ErrorReading(message, raw_code, envelope.text("requestId") or header)

    def _checked(self, record: EigenpalRecord, asked: str) -> EigenpalRecord:
        if record.native_id == asked:
            return record
        warning = RunWarning(WarningCode.INCONSISTENT, "the provider answered with another run's id", "id")
        return replace(record, warnings=(*record.warnings, warning))

    async def _call(self, native_id: str, part: Part) -> Json | AdapterError:
        try:
            return await self.upstream.get("runs", native_id, CALLED[part][0])
        except AdapterError as error:
            return error

    async def _batch(self, ids: Sequence[str]) -> dict[str, EigenpalRecord | AdapterError]:
        if not ids:
            return {}
        params = {"ids": ",".join(ids), "limit": len(ids)}
        answer = Fields.of(await self.upstream.get("runs", params=params), provider=self.name)
        found: dict[str, EigenpalRecord] = {}
        for row in _rows(answer):
            try:
                record = parse_run(row, provider=self.name, row=True)
            except BadResponse:
                continue
            found.setdefault(record.native_id, record)
        # Then the ids were not applied, or not all at once, and one that is missing may well be there.
        partial = bool(found.keys() - set(ids)) or answer.text("nextCursor")
        missing = self._not_applied if partial else self._not_found
        return {native_id: found.get(native_id) or missing() for native_id in ids}

    def _not_found(self) -> AdapterError:
        return NotFound(provider=self.name)

    def _not_applied(self) -> AdapterError:
        return BadResponse("the provider did not answer for all runs that were asked for", provider=self.name)

    async def _fetch_alone(self, native_id: str, parts: frozenset[Part]) -> EigenpalRecord | AdapterError:
        try:
            return await self.fetch(native_id, parts)
        except AdapterError as error:
            return error


def sorted_parts(parts: frozenset[Part]) -> list[Part]:
    """The parts in a fixed order, so that the same request makes the same calls in the same order."""
    return [part for part in Part if part in parts] if parts else []


async def _end(calls: Collection[asyncio.Task[Json | AdapterError]]) -> None:
    """Give up the calls that are still under way, so that none outlives the fetch that made it."""
    unfinished = [call for call in calls if not call.done()]
    for call in unfinished:
        call.cancel()
    if unfinished:
        await asyncio.wait(unfinished)


def _rows(answer: Fields) -> Sequence[Json]:
    if not isinstance(answer.json("runs"), list):
        raise answer.bad("expected a list", "runs")
    return answer.items("runs")


def _fits_batch(native_id: str) -> bool:
    return _USUAL_ID.fullmatch(native_id) is not None or (
        bool(native_id)
        and native_id.isprintable()
        and "," not in native_id
        and len(quote(native_id, safe="")) <= _BATCHED_ID_LENGTH
    )

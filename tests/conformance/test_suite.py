"""The suite finds what it is there to find: adapters with one defect each, and the test that has to fail for it."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from adapters.contract import Page, RunQuery
from adapters.errors import AdapterError, NotFound, UnknownError
from adapters.model import Part, RunRecord, RunTarget, Usage
from adapters.status import RunStatus
from adapters.testing.mutations import WRONG_TYPES

from .memory import MemoryAdapter
from .test_memory import TestMemory as MemorySuite

_numbers = itertools.count()


def altering(alter: Callable[[RunRecord], RunRecord]) -> type[MemoryAdapter]:
    """An adapter whose records are right but for one thing."""

    class Altering(MemoryAdapter):
        async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
            return alter(await super().fetch(native_id, parts))

    return Altering


class IndexesDocuments(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        record = await super().fetch(native_id, parts)
        document = await self.upstream.get("runs", native_id)
        return dataclasses.replace(record, tags=(document["created"][:4],))


class GuessesSuccess(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        record = await super().fetch(native_id, parts)
        if record.status is not RunStatus.UNKNOWN:
            return record
        return dataclasses.replace(record, status=RunStatus.SUCCEEDED, is_terminal=True)


class TellsTheToken(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        try:
            return await super().fetch(native_id, parts)
        except AdapterError as error:
            raise UnknownError(f"sent {await self.upstream.__dict__['_auth'].header()}", provider=self.name) from error


class AsksTwice(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        await self.upstream.get("runs", native_id)
        return await super().fetch(native_id, parts)


class AsksForAnyPart(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        return await super().fetch(native_id, parts if Part.TRACE not in parts else parts | {Part.FILES})


class RepeatsBrokenReplies(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        try:
            return await super().fetch(native_id, parts)
        except AdapterError:
            return await super().fetch(native_id, parts)


class SplitsIds(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        document = await self.upstream.get("runs", *native_id.split("/"))
        return self._record(document, parts)


class PutsIdsIntoTheQuery(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        path, _, query = native_id.partition("?")
        document = await self.upstream.get("runs", path or "-", params={query: ""} if query else None)
        return self._record(document, parts)


class SwallowsCancellation(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        try:
            return await super().fetch(native_id, parts)
        except asyncio.CancelledError:
            raise UnknownError(provider=self.name) from None


class HidesBugs(MemoryAdapter):
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        try:
            return await super().fetch(native_id, parts)
        except Exception as error:
            raise UnknownError(provider=self.name) from error


class FailsWithItsParts(MemoryAdapter):
    async def _files(self, native_id: str) -> Any:
        outcome = await super()._files(native_id)
        if isinstance(outcome, AdapterError):
            raise outcome
        return outcome


class FollowsAnyCursor(MemoryAdapter):
    async def list_runs(self, query: RunQuery) -> Page:
        page = await super().list_runs(query)
        return page if page.next_cursor else dataclasses.replace(page, next_cursor="memory:c2")


class TakesAnyCursor(MemoryAdapter):
    async def list_runs(self, query: RunQuery) -> Page:
        return await super().list_runs(dataclasses.replace(query, cursor=None))


class HidesThatItStops(MemoryAdapter):
    async def list_runs(self, query: RunQuery) -> Page:
        return dataclasses.replace(await super().list_runs(query), incomplete=False)


class LosesCountOfRows(MemoryAdapter):
    async def list_runs(self, query: RunQuery) -> Page:
        return dataclasses.replace(await super().list_runs(query), skipped=0)


class ForgetsTheMissing(MemoryAdapter):
    async def fetch_many(
        self, native_ids: Sequence[str], parts: frozenset[Part]
    ) -> Mapping[str, RunRecord | AdapterError]:
        outcomes = await super().fetch_many(native_ids, parts)
        return {key: outcome for key, outcome in outcomes.items() if not isinstance(outcome, NotFound)}


def with_usage(record: RunRecord, usage: Usage) -> RunRecord:
    return dataclasses.replace(record, usage=usage, parts=record.parts | {Part.USAGE})


DEFECTS: Sequence[tuple[str, type[MemoryAdapter]]] = (
    ("test_every_field_removed_and_retyped", IndexesDocuments),
    ("test_deeper_changes", IndexesDocuments),
    ("test_invented_word", GuessesSuccess),
    ("test_no_status", GuessesSuccess),
    ("test_no_secret_in_errors", TellsTheToken),
    ("test_core_is_one_call", AsksTwice),
    ("test_unsupported_parts_cost_nothing_and_are_not_held", AsksForAnyPart),
    ("test_broken_body", RepeatsBrokenReplies),
    ("test_id_can_not_reach_another_resource", SplitsIds),
    ("test_no_text_can_reach_another_resource", SplitsIds),
    ("test_no_text_can_reach_another_resource", PutsIdsIntoTheQuery),
    ("test_cancellation_passes_through", SwallowsCancellation),
    ("test_bugs_are_not_hidden", HidesBugs),
    ("test_every_supported_part_is_held_or_failed", FailsWithItsParts),
    ("test_repeated_cursor_stops", FollowsAnyCursor),
    ("test_repeated_cursor_stops", HidesThatItStops),
    ("test_foreign_cursor_is_refused", TakesAnyCursor),
    ("test_row_without_id_is_skipped_and_counted", LosesCountOfRows),
    ("test_an_outcome_for_each_id", ForgetsTheMissing),
    ("test_golden", altering(lambda run: dataclasses.replace(run, target=RunTarget(name="x")))),
    (
        "test_records_are_frozen_and_comparable",
        altering(lambda run: dataclasses.replace(run, tags=(str(next(_numbers)),))),
    ),
    ("test_record_is_valid", altering(lambda run: dataclasses.replace(run, provider="memory"))),
    (
        "test_record_is_valid",
        altering(lambda run: dataclasses.replace(run, created_at=datetime(2026, 1, 1))),  # noqa: DTZ001
    ),
    ("test_record_is_valid", altering(lambda run: dataclasses.replace(run, output=1.5))),
    ("test_record_is_valid", altering(lambda run: dataclasses.replace(run, is_terminal=None))),
    ("test_record_is_valid", altering(lambda run: dataclasses.replace(run, parts=frozenset[Part]()))),
    ("test_record_is_valid", altering(lambda run: dataclasses.replace(run, parts=run.parts | {Part.TRACE}))),
    ("test_record_is_valid", altering(lambda run: dataclasses.replace(run, ended_at=run.created_at, duration_ms=-1.0))),
    ("test_record_is_valid", altering(lambda run: with_usage(run, Usage(retries=-1)))),
    ("test_record_is_valid", altering(lambda run: with_usage(run, Usage(model_calls=2**31)))),
    ("test_record_is_valid", altering(lambda run: with_usage(run, Usage(input_tokens=2**63)))),
)


@pytest.mark.parametrize(("test", "adapter"), DEFECTS, ids=lambda value: getattr(value, "__name__", value))
def test_defect_is_found(test: str, adapter: type[MemoryAdapter], caplog: pytest.LogCaptureFixture) -> None:
    class Suite(MemorySuite):
        case = dataclasses.replace(MemorySuite.case, adapter=adapter)

    found = 0
    for arguments in arguments_of(test, caplog):
        try:
            getattr(Suite(), test)(**arguments)
        except (Exception, pytest.fail.Exception):
            found += 1
    assert found


@pytest.mark.parametrize("test", sorted({test for test, _ in DEFECTS}))
def test_no_defect_is_found_where_there_is_none(test: str, caplog: pytest.LogCaptureFixture) -> None:
    for arguments in arguments_of(test, caplog):
        getattr(MemorySuite(), test)(**arguments)


def arguments_of(test: str, caplog: pytest.LogCaptureFixture) -> Sequence[dict[str, Any]]:
    """The arguments that pytest would call a test of the suite with."""
    case = MemorySuite.case
    known: dict[str, Sequence[dict[str, Any]]] = {
        "test_golden": [{"fixture": fixture} for fixture in case.all_fixtures()],
        "test_record_is_valid": [{"run_fixture": fixture} for fixture in case.runs()],
        "test_records_are_frozen_and_comparable": [{"run_fixture": fixture} for fixture in case.runs()],
        "test_no_status": [{"value": value} for value in (None, "")],
        "test_no_secret_in_errors": [{"status": 403, "caplog": caplog}],
        "test_broken_body": [{"what": "HTML"}],
        "test_id_can_not_reach_another_resource": [{"native_id": "a/b"}],
        "test_foreign_cursor_is_refused": [{"cursor": "elsewhere:2"}],
    }
    return known.get(test, [{}])


def test_wrong_types_are_of_every_json_type() -> None:
    kinds = {type(value) for value in WRONG_TYPES}
    assert kinds == {type(None), str, int, bool, list, dict}

"""Middesk (docs.middesk.com): runs of agents that verify businesses.

API pages "Agents > Runs": "Retrieve an agent run", "List agent runs", and the public OpenAPI document, read 2026-11.
There is no usage, no file and no cancel. Artifacts and result of a single step are in `raw` only.

One call, `GET {base}/runs/{id}`, brings everything; the steps only where `include=steps` asks for them.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, cast

from msgspec import Struct
from pydantic import Field

from .contract import Filter, How, ListsRuns, Page, ProviderInfo, RunAdapter, RunQuery
from .error_body import error_message
from .errors import BadResponse, ErrorCode, ErrorReading, InvalidInput
from .middesk_steps import last_failure, read_steps
from .model import Actor, ActorKind, Json, Part, RunError, RunKind, RunRecord, RunTarget, Step, WarningCode
from .settings import TokenSettings
from .status import RunStatus, StatusSource, StatusTable
from .upstream import ErrorReply
from .wire import Fields, milliseconds_between

STATUSES = StatusTable(
    "middesk",
    {
        "running": RunStatus.RUNNING,
        "interrupted": RunStatus.WAITING,
        "completed": RunStatus.SUCCEEDED,
        "error": RunStatus.FAILED,
        # The older documentation's words. Its "pending" is today's "running", which runs have before they start, too:
        # a run must not read differently with the age of the server.
        "pending": RunStatus.RUNNING,
        "failed": RunStatus.FAILED,
    },
    RunStatus.UNKNOWN,
)

_CURSOR = re.compile(r"([1-9][0-9]{0,8}):([1-9][0-9]?|100):(.{1,512})", re.DOTALL)


class Interrupt(Struct, frozen=True, kw_only=True):
    """A question that a run puts to a person. `value` is the agent's own; `label` and `type` are taken from it."""

    id: str | None = None
    agent: str | None = None
    label: str | None = None
    type: str | None = None
    value: Json = None


class ArtifactSource(Struct, frozen=True, kw_only=True):
    """Where a finding comes from."""

    url: str | None = None
    name: str | None = None
    tier: str | None = None
    type: str | None = None


class Artifact(Struct, frozen=True, kw_only=True):
    """A finding of a run. Not a file. `confidence` is the provider's word."""

    title: str | None = None
    type: str | None = None
    confidence: str | None = None
    summary: str | None = None
    sources: tuple[ArtifactSource, ...] = ()


class MiddeskRecord(RunRecord, frozen=True, kw_only=True):
    """`artifacts` are those of the output. `interrupts` are as reported, whatever the status."""

    thread_id: str | None = None
    updated_at: datetime | None = None
    interrupts: tuple[Interrupt, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


def parse_run(run: Fields, *, provider: str, parts: frozenset[Part], asked: str | None = None) -> MiddeskRecord:
    """A run document, with RAW where it is among `parts`. Fetched by the id `asked`; None for a row of a list.

    The output of a row counts as held only where the row has it: rows may be shorter than the documents of a fetch.
    BadResponse where there is no id.
    """
    native_id = run.required_text("id")
    if asked is not None and native_id.casefold() != asked.casefold():
        run.warn(WarningCode.INCONSISTENT, "the provider answered with a run of another id", "id")
    raw_status, status = run.status("status", STATUSES)
    steps, part_errors = _steps(run, provider, wanted=Part.STEPS in parts)
    started_at, ended_at = run.instant("started_at"), run.instant("ended_at")
    agent = run.text("agent")
    held = {
        Part.ERROR: True,
        Part.OUTPUT: asked is not None or run.has("output"),
        Part.STEPS: steps is not None,
        Part.RAW: Part.RAW in parts,
    }
    return MiddeskRecord(
        provider=provider,
        native_id=native_id,
        kind=RunKind.AGENT,
        status=status,
        raw_status=raw_status,
        status_source=StatusSource.REPORTED,
        is_terminal=status.is_terminal,
        created_at=run.instant("created_at"),
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=milliseconds_between(started_at, ended_at),
        target=None if agent is None else RunTarget(id=agent, name=agent, kind=RunKind.AGENT),
        initiator=_initiator(run),
        error=_run_error(status, steps),
        parts=frozenset(part for part, is_held in held.items() if is_held),
        part_errors=part_errors,
        output=run.json("output"),
        steps=steps,
        raw={"run": run.value} if held[Part.RAW] else None,
        thread_id=run.text("thread_id"),
        updated_at=run.instant("updated_at"),
        interrupts=tuple(_interrupts(run)),
        artifacts=tuple(_artifacts(run)),
        warnings=tuple(run.warnings),
    )


def _steps(run: Fields, provider: str, *, wanted: bool) -> tuple[tuple[Step, ...] | None, dict[Part, BadResponse]]:
    """The steps, or why there are none. An empty list that nobody asked for says nothing about the run's steps."""
    listed = run.json("steps")
    if isinstance(listed, list) and (wanted or listed):
        return read_steps(run), {}
    if not wanted:
        return None, {}
    return None, {Part.STEPS: BadResponse("the answer holds no steps although they were asked for", provider=provider)}


def _run_error(status: RunStatus, steps: tuple[Step, ...] | None) -> RunError | None:
    """A run says nothing about what went wrong in it: the best there is stands in its steps."""
    if status is not RunStatus.FAILED:
        return None
    failed = last_failure(steps or ())
    if failed is None:
        return RunError(code=ErrorCode.UNKNOWN)
    return RunError(code=ErrorCode.UNKNOWN, message=failed.label, step_name=failed.name)


def _initiator(run: Fields) -> Actor | None:
    """A null requester is the system. One without an e-mail address is an account, which calls with its API key."""
    if run.has("requester") and run.json("requester") is None:
        return Actor(kind=ActorKind.SYSTEM)
    requester = run.child("requester")
    if requester is None:
        return None
    email = requester.text("email") or None
    kind = ActorKind.USER if email else ActorKind.UNKNOWN
    if email is None and requester.has("email") and requester.has("id"):
        kind = ActorKind.API
    return Actor(id=requester.text("id"), name=requester.text("name"), email=email, kind=kind)


def _interrupts(run: Fields) -> Iterator[Interrupt]:
    for interrupt in run.children("interrupts"):
        value = interrupt.child("value")
        yield Interrupt(
            id=interrupt.text("id"),
            agent=interrupt.text("agent") or (value and value.text("agent")),
            label=value and value.text("label"),
            type=value and value.text("type"),
            value=interrupt.json("value"),
        )


def _artifacts(run: Fields) -> Iterator[Artifact]:
    output = run.child("output")
    for artifact in () if output is None else output.children("artifacts"):
        yield Artifact(
            title=artifact.text("title"),
            type=artifact.text("type"),
            confidence=artifact.text("confidence"),
            summary=artifact.text("summary"),
            sources=tuple(
                ArtifactSource(
                    url=source.text("url"),
                    name=source.text("source_name"),
                    tier=source.text("source_tier"),
                    type=source.text("source_type"),
                )
                for source in artifact.children("sources")
            ),
        )


class MiddeskSettings(TokenSettings):
    """Middesk allows a customer 20 requests per second (docs.middesk.com)."""

    max_requests_per_second: float = Field(default=20, ge=0, le=100_000, allow_inf_nan=False)


class MiddeskAdapter(RunAdapter[MiddeskSettings], ListsRuns):
    """Middesk's agent runs. `base_url` ends in `/v1`; production and sandbox have their own hosts and keys."""

    info = ProviderInfo("middesk", "Middesk", "https://docs.middesk.com")
    settings_type = MiddeskSettings
    statuses = STATUSES
    record_type = MiddeskRecord
    parts: ClassVar = {Part.ERROR: How.INLINE, Part.OUTPUT: How.INLINE, Part.STEPS: How.EXPAND, Part.RAW: How.INLINE}
    filters: ClassVar[frozenset[Filter]] = frozenset()
    max_page_size = 100
    row_parts = frozenset({Part.ERROR})
    pages_shift = True

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> MiddeskRecord:
        native_id = self.canonical_id(native_id)
        params = {"include": "steps"} if Part.STEPS in parts else None
        document = await self.upstream.get("runs", native_id, params=params)
        return parse_run(Fields.of(document, provider=self.name), provider=self.name, parts=parts, asked=native_id)

    async def list_runs(self, query: RunQuery) -> Page:
        """One page. A cursor is "page:per_page:id of the last run given".

        Pages are numbered, so that runs which arrive between two calls push old ones onto the next page: that page
        is read from behind the last run given. Where more arrived than a page holds, runs can come twice.
        """
        page, per_page, last_id = 1, max(1, min(query.limit, self.max_page_size)), None
        if query.cursor is not None:
            page, per_page, last_id = self._position(query.cursor)
        params = {"page": page, "per_page": per_page}
        answer = Fields.of(await self.upstream.get("runs", params=params), provider=self.name)
        if not (answer.has("data") or answer.has("has_more")) or not isinstance(answer.json("data"), list | None):
            raise answer.bad("expected a list of runs", "data")
        rows, skipped = self._rows(answer)
        has_more = _has_more(answer, page, per_page)
        fresh = _behind(rows, last_id)
        given = fresh[: max(1, query.limit)]
        if not given:
            return Page((), skipped=skipped, incomplete=has_more)
        cursor = None
        if len(given) < len(fresh):
            cursor = f"{page}:{per_page}:{given[-1].native_id}"
        elif has_more:
            cursor = f"{page + 1}:{per_page}:{given[-1].native_id}"
        return Page(given, cursor, skipped)

    async def check(self) -> None:
        await self.upstream.get("runs", params={"page": 1, "per_page": 1})

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        """`{"errors": [{"message": .., "parameter": ..}]}`; there are no codes."""
        body = reply.json()
        if not isinstance(body, dict):
            return ErrorReading()
        fields = cast("dict[str, Json]", body)
        return ErrorReading(message=error_message(fields.get("errors")) or error_message(fields))

    def _rows(self, answer: Fields) -> tuple[tuple[MiddeskRecord, ...], int]:
        """The runs of a page, each once, and how many rows were no runs."""
        runs: dict[str, MiddeskRecord] = {}
        skipped = 0
        for position, row in enumerate(answer.items("data")):
            try:
                fields = Fields.of(row, provider=self.name, path=f"data[{position}]")
                run = parse_run(fields, provider=self.name, parts=frozenset())
            except BadResponse:
                skipped += 1
            else:
                runs.setdefault(run.native_id, run)
        return tuple(runs.values()), skipped

    def _position(self, cursor: str) -> tuple[int, int, str]:
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise InvalidInput("this is not a cursor of this provider", provider=self.name)
        return int(match[1]), int(match[2]), match[3]


def _has_more(answer: Fields, page: int, per_page: int) -> bool:
    """Whether there is a page behind this one, from the best of what the answer says about it."""
    if (has_more := answer.boolean("has_more")) is not None:
        return has_more
    if (total := answer.count("total_count")) is not None:
        return page * per_page < total
    return len(answer.items("data")) >= per_page


def _behind(rows: tuple[MiddeskRecord, ...], last_id: str | None) -> tuple[MiddeskRecord, ...]:
    """The rows after the one with an id; all of them where it is not there."""
    ids = [row.native_id for row in rows]
    return rows[ids.index(last_id) + 1 :] if last_id in ids else rows

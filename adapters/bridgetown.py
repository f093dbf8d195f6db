"""Bridge Town (bridgetown.builders): runs of financial models, over MCP only.

Tool pages `get_run` and `list_runs`, and the connection guide, read 2026-11. There is no usage, no step, no cancel and
no paging: at most the 50 latest runs of a project can be listed.

One tool call, `get_run`, brings everything. The MCP handshake is made once per connection.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import Field

from . import mcp
from .bridgetown_answer import answer_of
from .contract import Filter, How, ListsRuns, Page, ProviderInfo, RunAdapter, RunQuery
from .errors import BadResponse, ErrorCode, ErrorReading, InvalidInput, NotFound, UnknownError
from .model import Debug, Json, Part, RunError, RunKind, RunRecord, RunTarget, WarningCode
from .settings import TokenSettings
from .status import RunStatus, StatusSource, StatusTable
from .upstream import ErrorReply, UpstreamClient
from .wire import INT32_MAX, Fields, milliseconds_between

MAX_LISTED = 50

STATUSES = StatusTable(
    "bridgetown",
    {
        "pending": RunStatus.QUEUED,
        "running": RunStatus.RUNNING,
        "success": RunStatus.SUCCEEDED,
        "failed": RunStatus.FAILED,
        "timed_out": RunStatus.TIMED_OUT,
        "cancelled": RunStatus.CANCELLED,
    },
    RunStatus.UNKNOWN,
)

_ERROR_CODES: Mapping[RunStatus, ErrorCode] = {
    RunStatus.FAILED: ErrorCode.UNKNOWN,
    RunStatus.TIMED_OUT: ErrorCode.TIMEOUT,
    RunStatus.CANCELLED: ErrorCode.CANCELLED,
}
"""What went wrong in a run: it has a sentence for it, but no code."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_ID = re.compile(r"(?=.*[0-9a-f])[0-9a-f-]{1,36}", re.IGNORECASE)
_NO_RUN = "00000000-0000-0000-0000-000000000000"


_WITHOUT_ERROR = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.SUCCEEDED})
"""Statuses at which a run has no error."""


class BridgeTownSettings(TokenSettings):
    """`base_url` is the MCP endpoint itself. `projects` are listed where nobody names one."""

    projects: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class BridgeTownRecord(RunRecord, frozen=True, kw_only=True):
    """`outputs` are the model's named outputs, the same as `output` where the run has any; held with Part.OUTPUT."""

    run_number: int | None = None
    project_name: str | None = None
    commit_sha: str | None = None
    outputs: Json = None


def parse_run(
    run: Fields, *, provider: str, parts: frozenset[Part], asked: str | None = None, project: str | None = None
) -> BridgeTownRecord:
    """A run, with RAW where it is among `parts`.

    Fetched by the id or the beginning of an id `asked`; None for a row of a list, which has no output, no project of
    its own (`project` is the list's) and no message of what went wrong: the row of a run that has an error does not
    hold ERROR. BadResponse where there is no id.
    """
    native_id = run.required_text("run_id")
    if asked is not None and not native_id.lower().startswith(asked.lower()):
        run.warn(WarningCode.INCONSISTENT, "the provider answered with a run of another id", "run_id")
    raw_status, status = run.status("status", STATUSES)
    started_at, ended_at = run.instant("started_at"), run.instant("finished_at")
    project = run.text("project_name") or project
    commit_sha = run.text("commit_sha")
    has_output = asked is not None or run.has("output")
    output, outputs, debug = _output(run)
    truncated = run.boolean("truncated")
    if truncated:
        run.warn(WarningCode.OUTPUT_TRUNCATED, "the provider cut the output", "output")
    has_raw = Part.RAW in parts
    error = _run_error(run, status)
    held = {
        # A row says that a run failed, not why.
        Part.ERROR: asked is not None or run.has("error_message") or status in _WITHOUT_ERROR,
        Part.OUTPUT: has_output,
        Part.DEBUG: has_output,
        Part.RAW: has_raw,
    }
    return BridgeTownRecord(
        provider=provider,
        native_id=native_id,
        kind=RunKind.MODEL,
        status=status,
        raw_status=raw_status,
        status_source=StatusSource.REPORTED,
        is_terminal=status.is_terminal,
        created_at=run.instant("created_at"),
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=milliseconds_between(started_at, ended_at),
        target=_target(project, commit_sha),
        error=error if held[Part.ERROR] else None,
        parts=frozenset(part for part, is_held in held.items() if is_held),
        output=output,
        output_truncated=truncated if has_output else None,
        debug=debug,
        raw={"run": run.value} if has_raw else None,
        run_number=run.count("run_number", INT32_MAX),
        project_name=project,
        commit_sha=commit_sha,
        outputs=outputs,
        warnings=tuple(run.warnings),
    )


def _output(run: Fields) -> tuple[Json, Json, Debug | None]:
    """The output, the named outputs and what the process printed.

    The provider wraps named outputs together with the process's own facts; anything else, such as the text that a cut
    output is, is the output as it stands. The process's own status is in `raw` only: that of the run counts.
    """
    process = run.child("output") if isinstance(run.json("output"), dict) else None
    if process is None:
        return run.json("output"), None, None
    outputs = process.json("outputs")
    debug = None
    if any(map(process.has, ("stdout", "stderr", "exit_code"))):
        debug = Debug(
            stdout=process.text("stdout"), stderr=process.text("stderr"), exit_code=process.integer("exit_code")
        )
    return (outputs if process.has("outputs") else process.value), outputs, debug


def _target(project: str | None, commit_sha: str | None) -> RunTarget | None:
    if project is None and commit_sha is None:
        return None
    return RunTarget(id=project, name=project, kind=RunKind.MODEL, commit_sha=commit_sha)


def _run_error(run: Fields, status: RunStatus) -> RunError | None:
    message = run.text("error_message") or None
    code = _ERROR_CODES.get(status)
    if code is None and message is not None:
        if status is RunStatus.UNKNOWN:
            code = ErrorCode.UNKNOWN
        else:
            run.warn(WarningCode.INCONSISTENT, "an error message at a status that has none", "error_message")
    return None if code is None else RunError(code=code, message=message)


class BridgeTownAdapter(RunAdapter[BridgeTownSettings], ListsRuns):
    """Bridge Town's model runs. A run is also found by the beginning of its id; the record has the whole id."""

    info = ProviderInfo("bridgetown", "Bridge Town", "https://bridgetown.builders")
    settings_type = BridgeTownSettings
    statuses = STATUSES
    record_type = BridgeTownRecord
    parts: ClassVar = {Part.ERROR: How.INLINE, Part.OUTPUT: How.INLINE, Part.DEBUG: How.INLINE, Part.RAW: How.INLINE}
    filters: ClassVar[frozenset[Filter]] = frozenset({Filter.STATUS})
    max_page_size = MAX_LISTED
    scope_name = "project"
    scope_required = True

    def __init__(self, name: str, settings: BridgeTownSettings, upstream: UpstreamClient) -> None:
        super().__init__(name, settings, upstream)
        self._mcp = mcp.McpClient(upstream)

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> BridgeTownRecord:
        native_id = self.canonical_id(native_id)
        result = await self._mcp.call_tool("get_run", {"run_id": native_id})
        return parse_run(answer_of(result, "run_id", self.upstream), provider=self.name, parts=parts, asked=native_id)

    async def list_runs(self, query: RunQuery) -> Page:
        """Some of the 50 latest runs of the project `query.scope`, or of the 50 latest with each status asked for.

        The tool has no paging: a cursor is "time/id of the last run given", with which the list is read again, whole.
        """
        if not query.scope:
            raise InvalidInput("a project is needed to list runs", provider=self.name)
        last = None if query.cursor is None else self._position(query.cursor)
        wanted = query.statuses
        words = _words(wanted)
        limit = max(1, min(query.limit, MAX_LISTED))
        # A status that the tool has no word for has to be looked for among all runs.
        reach = MAX_LISTED if last is not None or (wanted is not None and None in words) else limit
        lists = await asyncio.gather(*(self._list(query.scope, reach, word) for word in words))
        listed = [run for runs, _ in lists for run in runs if wanted is None or run.status in wanted]
        behind = _behind(_newest_first(listed), last)
        given = behind[:limit]
        skipped = sum(skipped for _, skipped in lists)
        is_full = any(len(runs) + skipped >= reach for runs, skipped in lists)
        if given and (len(given) < len(behind) or (is_full and reach < MAX_LISTED)):
            created_at = given[-1].created_at
            return Page(given, f"{created_at.isoformat() if created_at else ''}/{given[-1].native_id}", skipped)
        return Page(given, None, skipped, incomplete=is_full)

    def calls_for(self, query: RunQuery) -> int:
        return len(_words(query.statuses))

    def default_scopes(self) -> Sequence[str]:
        return self.settings.projects

    async def check(self) -> None:
        """Asks for a run that can't be: that it is not there shows that the credential was accepted."""
        result = await self._mcp.call_tool("get_run", {"run_id": _NO_RUN})
        try:
            answer_of(result, "run_id", self.upstream)
        except (NotFound, UnknownError):
            # The server may keep to itself what went wrong in a tool, which a missing run is to it.
            return

    def canonical_id(self, native_id: str) -> str:
        if not _ID.fullmatch(super().canonical_id(native_id)):
            raise InvalidInput("a run id has hexadecimal digits and dashes only", provider=self.name)
        return native_id.lower()

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        return mcp.read_error(reply)

    async def aclose(self) -> None:
        try:
            await self._mcp.aclose()
        finally:
            await super().aclose()

    async def _list(self, project: str, limit: int, status: str | None) -> tuple[list[BridgeTownRecord], int]:
        """The latest runs of a project, perhaps of one status, and how many rows were no runs."""
        arguments: dict[str, object] = {"project_name": project, "limit": limit}
        if status is not None:
            arguments["status"] = status
        result = await self._mcp.call_tool("list_runs", arguments)
        try:
            answer = answer_of(result, "runs", self.upstream)
        except NotFound as error:
            raise InvalidInput("there is no such project", provider=self.name, raw_code=error.raw_code) from error
        if not isinstance(answer.json("runs"), list):
            raise answer.bad("expected a list of runs", "runs")
        project = answer.text("project_name") or project
        runs: list[BridgeTownRecord] = []
        skipped = 0
        for position, row in enumerate(answer.items("runs")):
            try:
                fields = Fields.of(row, provider=self.name, path=f"runs[{position}]")
                runs.append(parse_run(fields, provider=self.name, parts=frozenset(), project=project))
            except BadResponse:
                skipped += 1
        return runs, skipped

    def _position(self, cursor: str) -> tuple[datetime | None, str]:
        time, slash, native_id = cursor.partition("/")
        try:
            created_at = datetime.fromisoformat(time) if time else None
        except ValueError:
            slash = ""
            created_at = None
        if not slash or not _ID.fullmatch(native_id) or (created_at and created_at.tzinfo is None):
            raise InvalidInput("this is not a cursor of this provider", provider=self.name)
        return created_at, native_id


def _words(statuses: frozenset[RunStatus] | None) -> Sequence[str | None]:
    """The status words to list by, one call each; None lists all."""
    if statuses is None:
        return (None,)
    words = [word for word, status in STATUSES.words.items() if status in statuses]
    return (*words, None) if RunStatus.UNKNOWN in statuses else words


def _newest_first(runs: Sequence[BridgeTownRecord]) -> tuple[BridgeTownRecord, ...]:
    """The runs, each once; sorted by creation where all have it, else as listed."""
    once: dict[str, BridgeTownRecord] = {}
    for run in runs:
        once.setdefault(run.native_id, run)
    if any(run.created_at is None for run in once.values()):
        return tuple(once.values())
    return tuple(sorted(once.values(), key=lambda run: run.created_at or _NEVER, reverse=True))


def _behind(
    runs: tuple[BridgeTownRecord, ...], last: tuple[datetime | None, str] | None
) -> tuple[BridgeTownRecord, ...]:
    """The runs after the last one given; where that one is no longer listed, the older ones."""
    if last is None:
        return runs
    created_at, native_id = last
    ids = [run.native_id for run in runs]
    if native_id in ids:
        return runs[ids.index(native_id) + 1 :]
    return tuple(run for run in runs if created_at and run.created_at and run.created_at < created_at)

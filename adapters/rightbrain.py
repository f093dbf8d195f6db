"""Rightbrain (docs.rightbrain.ai): runs of single-shot tasks, by task and id, and their lists.

API pages "Fetch a Task Run", "List Task Runs", "Authentication", read 2026-11. One call, `GET {base}/org/{org}/project/
{project}/task/{task}/run/{run}`, brings everything there is: a run has no status, no start, no end, no steps. Lists,
`.../task_run` for the project and `.../task/{task}/run` for one task, have whole runs in their rows. A run's files are
at `.../run/{run}/file/{name}`; the parameters of that call are documented, the word "file" follows from them.
"""

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Self, cast

from msgspec.structs import replace
from pydantic import Field, model_validator

from .auth import Auth, Bearer
from .contract import Filter, How, ListsRuns, Page, ProviderInfo, RunAdapter, RunQuery, ServesFiles
from .error_body import error_message, error_word
from .errors import BadResponse, ErrorCode, ErrorReading, InvalidInput
from .model import Json, Part, RunWarning, WarningCode
from .oauth import ClientCredentials
from .rightbrain_parse import ROW_PARTS, STATUSES, RightbrainRecord, parse_run
from .settings import HttpUrl, ProviderSettings, Secret
from .upstream import ByteRange, Download, ErrorReply, Transport
from .wire import Fields

MAX_PAGE_SIZE = 100
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_CURSOR_PREFIX = "after:"
_CURSOR = re.compile(rf"{_CURSOR_PREFIX}([!-~]{{1,200}})")


class RightbrainSettings(ProviderSettings):
    """Where the tasks are, and one credential: an API key in `token`, or `client_id` with `client_secret` for OAuth."""

    org_id: str = Field(min_length=1)
    project_id: str = Field(min_length=1)
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: Secret | None = None
    token_url: HttpUrl = "https://oauth.rightbrain.ai/oauth2/token"  # noqa: S105

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret belong together: give both, or neither and a token")
        if self.asks_callers:
            if self.client_id is not None:
                raise ValueError('there is no client of ours where credentials = "caller"')
        elif (self.token is None) == (self.client_id is None):
            raise ValueError("give either token, or client_id and client_secret: exactly one of the two")
        return self


class RightbrainAdapter(RunAdapter[RightbrainSettings], ListsRuns, ServesFiles):
    """Rightbrain's task runs. A run's native id is "<task id>/<task run id>"; listing takes a task id as scope."""

    info = ProviderInfo("rightbrain", "Rightbrain", "https://docs.rightbrain.ai")
    settings_type = RightbrainSettings
    statuses = STATUSES
    parts: ClassVar[Mapping[Part, How]] = dict.fromkeys((*ROW_PARTS, Part.RAW), How.INLINE)
    record_type = RightbrainRecord
    filters: ClassVar[frozenset[Filter]] = frozenset()
    max_page_size = MAX_PAGE_SIZE
    row_parts = frozenset(parts)
    scope_name = "task"

    @classmethod
    def auth(cls, name: str, settings: RightbrainSettings, transport: Transport | None) -> Auth:
        if settings.client_id is None or settings.client_secret is None:
            return Bearer(settings.token)
        return ClientCredentials(
            name,
            settings,
            token_url=settings.token_url,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            transport=transport,
        )

    def canonical_id(self, native_id: str) -> str:
        self._ids(native_id)
        return native_id

    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RightbrainRecord:
        task_id, task_run_id = self._ids(native_id)
        document = await self.upstream.get(*self._project, "task", task_id, "run", task_run_id)
        record = parse_run(document, provider=self.name, task_id=task_id)
        if record.native_id.casefold() != native_id.casefold():
            warning = RunWarning(WarningCode.INCONSISTENT, "the provider answered with another run's id", "id")
            record = replace(record, warnings=(*record.warnings, warning))
        return _with_raw(record, document) if Part.RAW in parts else record

    async def list_runs(self, query: RunQuery) -> Page:
        params: dict[str, str | int] = {"page_limit": min(max(query.limit, 1), MAX_PAGE_SIZE)}
        cursor = self._cursor(query.cursor)
        if cursor is not None:
            params["cursor"] = cursor
        if query.scope is None:
            path = (*self._project, "task_run")
        elif _UUID.fullmatch(query.scope):
            path = (*self._project, "task", query.scope, "run")
        else:
            raise InvalidInput("expected a task's UUID as scope", provider=self.name)
        answer = Fields.of(await self.upstream.get(*path, params=params), provider=self.name)
        rows = answer.json("results")
        if not isinstance(rows, list):
            raise answer.bad("expected a list", "results")
        runs: dict[str, RightbrainRecord] = {}
        skipped = 0
        for row in cast("list[Json]", rows):
            try:
                record = parse_run(row, provider=self.name, task_id=query.scope)
            except BadResponse:
                skipped += 1
            else:
                runs.setdefault(record.native_id, _with_raw(record, row))
        more, following = _following(answer)
        if not rows or following is None or following == cursor:
            return Page(tuple(runs.values()), None, skipped, incomplete=more)
        return Page(tuple(runs.values()), _CURSOR_PREFIX + following, skipped)

    def open_file(
        self, native_id: str, path: str, part: ByteRange | None = None
    ) -> AbstractAsyncContextManager[Download]:
        task_id, task_run_id = self._ids(native_id)
        place = (*self._project, "task", task_id, "run", task_run_id, "file", path)
        return self.upstream.download(*place, params={"inline": "false"}, part=part)

    async def check(self) -> None:
        await self.upstream.get(*self._project, "task_run", params={"page_limit": 1})

    @classmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        """A 403 stands for a missing credential too; `reason` tells. Otherwise the HTTP status decides."""
        body = reply.json()
        reason = error_word(body, "reason")
        code = ErrorCode.UNAUTHENTICATED if reply.status == 403 and reason == "MISSING_AUTHENTICATION" else None
        return ErrorReading(error_message(body), raw_code=reason, code=code)

    @property
    def _project(self) -> tuple[str, ...]:
        return "org", self.settings.org_id, "project", self.settings.project_id

    def _ids(self, native_id: str) -> tuple[str, str]:
        """Task id and task run id; InvalidInput where these are not two UUIDs, which the provider would refuse."""
        task_id, _, task_run_id = native_id.partition("/")
        if not _UUID.fullmatch(task_id) or not _UUID.fullmatch(task_run_id):
            raise InvalidInput('expected an id like "<task id>/<task run id>", both UUIDs', provider=self.name)
        return task_id, task_run_id

    def _cursor(self, cursor: str | None) -> str | None:
        """The provider's cursor inside one of ours; InvalidInput for anything else."""
        if cursor is None:
            return None
        ours = _CURSOR.fullmatch(cursor)
        if ours is None:
            raise InvalidInput("this is no cursor of this provider's list", provider=self.name)
        return ours[1]


def _with_raw(record: RightbrainRecord, document: Json) -> RightbrainRecord:
    return replace(record, raw={"run": document}, parts=record.parts | {Part.RAW})


def _following(answer: Fields) -> tuple[bool, str | None]:
    """Whether the provider says that it has more, and where that starts: it may promise more and not say where."""
    pagination = answer.child("pagination")
    if pagination is None:
        return False, None
    cursor = pagination.text("next_cursor") or None
    has_next = pagination.boolean("has_next")
    if has_next is False:
        return False, None
    usable = cursor is not None and _CURSOR.fullmatch(_CURSOR_PREFIX + cursor)
    return has_next is True or cursor is not None, cursor if usable else None

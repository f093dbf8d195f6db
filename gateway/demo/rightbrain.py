"""Rightbrain's task runs, simulated: runs by task and id, lists with cursors, files."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from . import rightbrain_data as data
from .auth import Gate, credentials
from .content import served
from .history import live_number, live_run, live_runs
from .rightbrain_oauth import TokenIssuer
from .simulator import Clock, Simulator, system_clock

MAX_PAGE_LIMIT = 100
OUTCOMES = ("success", "error", "pending")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ERRORS: Mapping[int, dict[str, Any]] = {
    400: {"detail": "Malformed resource identifier"},
    401: {"detail": "Token is invalid or has expired"},
    403: {"reason": "PERMISSION_CHECK_FAILED", "message": "missing permission task:view_run"},
    404: {"detail": "Task run not found"},
    422: {"detail": [{"loc": ["query"], "msg": "value is not valid", "type": "value_error"}]},
    429: {"detail": "Too many requests"},
}


class RightbrainSimulator(Simulator):
    """Rightbrain's task run API over made-up runs, for one organisation and one project.

    Accepts the static API key in `token` and every access token from `POST /oauth2/token` (`oauth`) until
    `revoke_tokens`. Native ids are "<task id>/<task run id>". Mode "old-shape" lists files by name under
    `run_data.files`, has no `files`, and wraps a response that is no object into one.
    `special` names the edge cases and gives their ids. `by_status` has the ids of the runs that don't change, by
    outcome (the API has no status): those whose documents leave it open, and live runs, are in `native_ids()` only.
    """

    name = "rightbrain"
    prefix = "/api/v1"
    known_modes = frozenset({"old-shape"})
    org_id = "018d0000-aaaa-7bbb-8ccc-ddddeeeeffff"
    project_id = "018d0001-aaaa-7bbb-8ccc-ddddeeeeffff"

    def __init__(self, *, anchor: datetime | None = None, clock: Clock = system_clock) -> None:
        super().__init__(anchor=anchor, clock=clock)
        self.oauth = TokenIssuer("demo-rightbrain-client", "demo-rightbrain-secret")
        self.task_ids: Sequence[str] = [task.id for task in data.TASKS]
        runs, self.special = data.build(self.anchor)
        self._runs = {run.document["id"]: run for run in runs}
        self.by_status: Mapping[str, Sequence[str]] = {
            outcome: [run.native_id for run in runs if data.outcome(run.document) == outcome] for outcome in OUTCOMES
        }

    @property
    def client_id(self) -> str:
        return self.oauth.client_id

    @property
    def client_secret(self) -> str:
        return self.oauth.client_secret

    @property
    def mint_count(self) -> int:
        """How many access tokens have been issued."""
        return self.oauth.mint_count

    @property
    def token_lifetime(self) -> int:
        """The `expires_in` of access tokens, in seconds. They aren't refused when it has passed, only when revoked."""
        return self.oauth.token_lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: int) -> None:
        self.oauth.token_lifetime = seconds

    def revoke_tokens(self) -> None:
        """Refuse all access tokens issued so far."""
        self.oauth.revoke_tokens()

    def live_ids(self) -> Sequence[str]:
        """Native ids of the newest runs that progress with the clock, newest first."""
        return [run.native_id for run in self._live_runs()]

    def native_ids(self) -> Sequence[str]:
        return [run.native_id for run in self._all_runs()]

    def truth(self, native_id: str) -> dict[str, Any]:
        """A copy of a run's wire document, whatever the modes; KeyError when there is no such run."""
        task_id, _, run_id = native_id.partition("/")
        run = self._find(task_id, run_id)
        if run is None:
            raise KeyError(native_id)
        return deepcopy(run.document)

    def file_names(self, native_id: str) -> Sequence[str]:
        """Names of the files of a run; KeyError when there is no such run."""
        return data.file_names(self.truth(native_id))

    def api(self) -> ASGIApp:
        runs = "/task/{task_id}/run"
        project: list[BaseRoute] = [
            Route("/task_run", self._project_list),
            Route(runs, self._task_list),
            Route(f"{runs}/{{task_run_id}}", self._run),
            Route(f"{runs}/{{task_run_id}}/file/{{file_name}}", self._file),
        ]
        return Starlette(
            routes=[
                Route("/oauth2/token", self.oauth.token, methods=["POST"]),
                Mount(f"{self.prefix}/org/{{org_id}}/project/{{project_id}}", routes=project),
            ],
            middleware=[Middleware(Gate, refusal=self._refusal)],
            exception_handlers={HTTPException: self._http_error},
        )

    def error_body(self, status: int) -> tuple[bytes, str]:
        return json.dumps(_ERRORS.get(status, {"detail": "Internal server error"})).encode(), "application/json"

    def _live_runs(self) -> list[data.TaskRun]:
        return [data.live_run_of(live) for live in live_runs(self.anchor, self.clock())]

    def _all_runs(self) -> Iterable[data.TaskRun]:
        return [*self._live_runs(), *self._runs.values()]

    def _find(self, task_id: str, run_id: str) -> data.TaskRun | None:
        number = live_number(self.name, run_id)
        if number is None:
            run = self._runs.get(run_id)
        else:
            live = live_run(self.anchor, self.clock(), number)
            run = data.live_run_of(live) if live else None
        return run if run and run.document["task_id"] == task_id else None

    async def _run(self, request: Request) -> Response:
        return JSONResponse(self._shaped(self._asked_for(request).document))

    async def _file(self, request: Request) -> Response:
        run, name = self._asked_for(request), request.path_params["file_name"]
        inline = request.query_params.get("inline", "false").lower()
        if inline not in {"true", "false"}:
            return _invalid(["query", "inline"], "value is not a valid boolean", "bool_parsing")
        if name not in data.file_names(run.document):
            raise HTTPException(404)
        content, content_type = data.file_content(name)
        disposition = "inline" if inline == "true" else "attachment"
        headers = {"content-disposition": f"{disposition}; filename*=utf-8''{quote(name)}"}
        return served(request, content, content_type, headers)

    async def _task_list(self, request: Request) -> Response:
        task_id = self._checked_ids(request)["task_id"]
        if task_id not in self.task_ids:
            raise HTTPException(404)
        return self._page(request, [run for run in self._all_runs() if run.document["task_id"] == task_id])

    async def _project_list(self, request: Request) -> Response:
        self._checked_ids(request)
        return self._page(request, self._all_runs())

    def _page(self, request: Request, runs: Iterable[data.TaskRun]) -> Response:
        query = request.query_params
        limit = query.get("page_limit", str(MAX_PAGE_LIMIT))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MAX_PAGE_LIMIT):
            return _invalid(["query", "page_limit"], f"value is not between 1 and {MAX_PAGE_LIMIT}", "int_range")
        if status := query.get("status"):
            if status not in OUTCOMES:
                return _invalid(["query", "status"], "value is not a valid status", "enum")
            runs = [run for run in runs if data.outcome(run.document) == status]
        if revision := query.get("task_revision_id"):
            runs = [run for run in runs if run.document["task_revision_id"] == revision]
        if cursor := query.get("cursor"):
            last = self._cursor(cursor)
            if last is None:
                return _invalid(["query", "cursor"], "value is not a cursor of this list", "uuid_parsing")
            runs = [run for run in runs if run.created < last]
        rest = list(runs)
        page, more = rest[: int(limit)], len(rest) > int(limit)
        pagination = {
            "next_cursor": page[-1].document["id"] if more else None,
            "has_next": more,
            "page_limit": int(limit),
        }
        return JSONResponse({"results": [self._shaped(run.document) for run in page], "pagination": pagination})

    def _cursor(self, cursor: str) -> datetime | None:
        """When the run a cursor names was created. A live run that the list no longer shows still has its place."""
        number = live_number(self.name, cursor)
        if number is None:
            run = self._runs.get(cursor)
            return run.created if run else None
        live = live_run(self.anchor, self.clock(), number)
        return live.moments.created if live else None

    def _asked_for(self, request: Request) -> data.TaskRun:
        ids = self._checked_ids(request)
        run = self._find(ids["task_id"], ids["task_run_id"])
        if run is None:
            raise HTTPException(404)
        return run

    def _checked_ids(self, request: Request) -> dict[str, str]:
        """The ids in the path, lower case. Raises 400 for one that isn't a UUID, 403 or 404 for a foreign place."""
        ids = {key: value for key, value in request.path_params.items() if key.endswith("_id")}
        if not all(_UUID.fullmatch(value) for value in ids.values()):
            raise HTTPException(400)
        ids = {key: value.lower() for key, value in ids.items()}
        if ids["org_id"] != self.org_id:
            raise HTTPException(403)
        if ids["project_id"] != self.project_id:
            raise HTTPException(404)
        return ids

    def _shaped(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document in the shape of the mode in force."""
        if "old-shape" not in self.modes:
            return document
        shaped = {key: value for key, value in document.items() if key != "files"}
        shaped["run_data"] = {**document["run_data"], "files": data.file_names(document)}
        if not isinstance(shaped.get("response", {}), dict):
            shaped["response"] = {"response": shaped["response"]}
        return shaped

    def _refusal(self, request: Request) -> Response | None:
        if request.url.path == "/oauth2/token":
            return None
        token = credentials(request.headers, "bearer")
        if token is None:
            return JSONResponse({"reason": "MISSING_AUTHENTICATION", "message": "authentication is required"}, 403)
        return None if token == self.token or self.oauth.accepts(token) else self._error(401)

    async def _http_error(self, request: Request, error: Exception) -> Response:
        return self._error(error.status_code if isinstance(error, HTTPException) else 500)

    def _error(self, status: int) -> Response:
        body, content_type = self.error_body(status)
        return Response(body, status, media_type=content_type)


def _invalid(location: list[str], message: str, kind: str) -> Response:
    return JSONResponse({"detail": [{"loc": location, "msg": message, "type": kind}]}, 422)

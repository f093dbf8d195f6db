"""Middesk's agent runs, simulated: runs by id, with their steps when asked for, and a numbered list."""

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from . import middesk_data as data
from .auth import Gate, credentials
from .history import live_number, live_run, live_runs, live_uuid
from .simulator import Clock, Simulator, system_clock

PER_PAGE = 20
MAX_PER_PAGE = 100

_MESSAGES: Mapping[int, str] = {
    400: "bad request",
    401: "invalid API key",
    403: "this feature is not enabled for the account",
    404: "agent run not found",
    422: "unprocessable request",
    429: "too many requests",
}
_OLD_STATUSES: Mapping[str, str] = {"running": "pending", "error": "failed"}


class MiddeskSimulator(Simulator):
    """Middesk's agent runs API over made-up runs.

    Modes: "old-shape" answers with the former status words (pending, failed) and with `graph` for a step's `agent`;
    "steps-missing" leaves steps out even when asked for. `special` names the edge cases and gives their ids.
    `by_status` has the ids of the runs that don't change, by documented status word; live runs and the edge cases
    with other words are in `native_ids()` only.
    """

    name = "middesk"
    prefix = "/v1"
    known_modes = frozenset({"old-shape", "steps-missing"})

    def __init__(self, *, anchor: datetime | None = None, clock: Clock = system_clock) -> None:
        super().__init__(anchor=anchor, clock=clock)
        documents, self.special = data.build(self.anchor)
        self._runs = {document["id"]: document for document in documents}
        self.by_status: Mapping[str, Sequence[str]] = {
            status: [run_id for run_id, run in self._runs.items() if run["status"] == status]
            for status in data.STATUSES
        }

    def live_ids(self) -> Sequence[str]:
        """Ids of the newest runs that progress with the clock, newest first."""
        return [live_uuid(self.name, live.number) for live in live_runs(self.anchor, self.clock())]

    def native_ids(self) -> Sequence[str]:
        return [*self.live_ids(), *self._runs]

    def truth(self, native_id: str) -> dict[str, Any]:
        """A copy of a run's wire document with steps, whatever the modes; KeyError when there is no such run."""
        document = self._find(native_id)
        if document is None:
            raise KeyError(native_id)
        return deepcopy(document)

    def api(self) -> ASGIApp:
        return Starlette(
            routes=[
                Route(f"{self.prefix}/runs", self._list),
                Route(f"{self.prefix}/runs/{{run_id}}", self._run),
            ],
            middleware=[Middleware(Gate, refusal=self._refusal)],
            exception_handlers={HTTPException: self._http_error},
        )

    def error_body(self, status: int) -> tuple[bytes, str]:
        return json.dumps({"errors": [{"message": _MESSAGES.get(status, "server error")}]}).encode(), "application/json"

    def _find(self, run_id: str) -> dict[str, Any] | None:
        number = live_number(self.name, run_id)
        if number is None:
            return self._runs.get(run_id)
        live = live_run(self.anchor, self.clock(), number)
        return data.live_document(live) if live else None

    async def _run(self, request: Request) -> Response:
        sections = set(filter(None, request.query_params.get("include", "").split(",")))
        if sections - {"steps"}:
            return self._invalid("include")
        document = self._find(request.path_params["run_id"])
        if document is None:
            return self._error(404)
        return JSONResponse(self._shaped(document, steps="steps" in sections))

    async def _list(self, request: Request) -> Response:
        page = _positive(request.query_params.get("page", "1"))
        per_page = _positive(request.query_params.get("per_page", str(PER_PAGE)))
        if page is None:
            return self._invalid("page")
        if per_page is None or per_page > MAX_PER_PAGE:
            return self._invalid("per_page")
        run_ids = self.native_ids()
        end = page * per_page
        found = filter(None, map(self._find, run_ids[end - per_page : end]))
        return JSONResponse(
            {
                "object": "list",
                "data": [self._shaped(document, steps=False) for document in found],
                "has_more": end < len(run_ids),
                "total_count": len(run_ids),
            }
        )

    def _shaped(self, document: dict[str, Any], *, steps: bool) -> dict[str, Any]:
        """The document as this request gets it: with or without steps, in the shape of the modes in force."""
        shaped = dict(document)
        if not steps or "steps-missing" in self.modes:
            shaped.pop("steps", None)
        if "old-shape" in self.modes:
            shaped["status"] = _OLD_STATUSES.get(shaped["status"], shaped["status"])
            if "steps" in shaped:
                shaped["steps"] = [_old_step(step) for step in shaped["steps"]]
        return shaped

    def _refusal(self, request: Request) -> Response | None:
        key = credentials(request.headers, "bearer") or _user_name(credentials(request.headers, "basic"))
        return None if key == self.token else self._error(401)

    async def _http_error(self, request: Request, error: Exception) -> Response:
        return self._error(error.status_code if isinstance(error, HTTPException) else 500)

    def _error(self, status: int) -> Response:
        body, content_type = self.error_body(status)
        return Response(body, status, media_type=content_type)

    def _invalid(self, parameter: str) -> Response:
        return JSONResponse({"errors": [{"message": f"{parameter} is invalid", "parameter": parameter}]}, 422)


def _old_step(step: dict[str, Any]) -> dict[str, Any]:
    renamed = {"graph" if key == "agent" else key: value for key, value in step.items()}
    if "steps" in renamed:
        renamed["steps"] = [_old_step(child) for child in renamed["steps"]]
    return renamed


def _positive(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _user_name(basic: str | None) -> str | None:
    """The user name in the value of a Basic authorization header."""
    try:
        return b64decode(basic or "", validate=True).decode().partition(":")[0]
    except ValueError:
        return None

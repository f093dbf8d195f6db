"""Refactor, simulated: runs by id and their evaluations. The API has no list."""

import json
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

from . import refactor_data as data
from .auth import Gate, credentials
from .history import live_number, live_run, live_runs, live_uuid
from .simulator import Clock, Simulator, system_clock

_ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_INPUT", "invalid request"),
    401: ("AUTHORIZATION_ERROR", "unauthorized"),
    403: ("AUTHORIZATION_ERROR", "forbidden"),
    404: ("RESOURCE_NOT_FOUND", "run not found"),
    422: ("INVALID_INPUT", "invalid request"),
    429: ("RATE_LIMIT_EXCEEDED", "too many requests"),
    504: ("TIMEOUT", "the request took too long"),
}


class RefactorSimulator(Simulator):
    """Refactor's API over made-up runs.

    `special` names the edge cases and gives their ids. `by_status` has the ids of the runs that don't change, by
    status word; live runs are in `native_ids()` only.
    """

    name = "refactor"
    prefix = "/v1"

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
        """A copy of a run's wire document; KeyError when there is no such run."""
        document = self._find(native_id)
        if document is None:
            raise KeyError(native_id)
        return deepcopy(document)

    def evaluations(self, native_id: str) -> list[dict[str, Any]]:
        """The evaluations of a run as on the wire; KeyError when there is no such run."""
        return data.evaluations_of(self.truth(native_id))

    def api(self) -> ASGIApp:
        return Starlette(
            routes=[
                Route(f"{self.prefix}/run/{{run_id}}", self._run),
                Route(f"{self.prefix}/run/{{run_id}}/evaluations", self._evaluations),
            ],
            middleware=[Middleware(Gate, refusal=self._refusal)],
            exception_handlers={HTTPException: self._http_error},
        )

    def error_body(self, status: int) -> tuple[bytes, str]:
        code, message = _ERRORS.get(status, ("INTERNAL_ERROR", "internal error"))
        return json.dumps({"error": {"code": code, "message": message}}).encode(), "application/json"

    def _find(self, run_id: str) -> dict[str, Any] | None:
        number = live_number(self.name, run_id)
        if number is None:
            return self._runs.get(run_id)
        live = live_run(self.anchor, self.clock(), number)
        return data.live_document(live) if live else None

    async def _run(self, request: Request) -> Response:
        return JSONResponse(self._asked_for(request))

    async def _evaluations(self, request: Request) -> Response:
        return JSONResponse(data.evaluations_of(self._asked_for(request)))

    def _asked_for(self, request: Request) -> dict[str, Any]:
        document = self._find(request.path_params["run_id"])
        if document is None:
            raise HTTPException(404)
        return document

    def _refusal(self, request: Request) -> Response | None:
        return None if credentials(request.headers, "bearer") == self.token else self._error(401)

    async def _http_error(self, request: Request, error: Exception) -> Response:
        return self._error(error.status_code if isinstance(error, HTTPException) else 500)

    def _error(self, status: int) -> Response:
        body, content_type = self.error_body(status)
        return Response(body, status, media_type=content_type)

"""A simulated Eigenpal: its `/runs` API over made-up runs."""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from functools import partial
from typing import ClassVar, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from .auth import Gate, credentials
from .content import served
from .eigenpal_edges import edge_runs
from .eigenpal_history import live, live_by_id, past_runs
from .eigenpal_listing import Refusal, list_human_reviews, list_runs
from .eigenpal_run import NOT_STARTED, STATUSES, TERMINAL, Document, SimulatedRun, section
from .eigenpal_shape import SECTIONS, as_cancelled, events, list_row, seed_shape, trace, with_sections
from .eigenpal_storage import Storage
from .simulator import Clock, Simulator, system_clock

_ISSUES: Final = {
    400: ("invalid_value", "that value can't be used"),
    401: ("unauthorized", "invalid or missing API key"),
    402: ("payment_required", "the plan's credits are used up"),
    403: ("forbidden", "this key's scopes don't cover the request"),
    404: ("not_found", "no run with this id"),
    409: ("conflict", "the run has changed since"),
    413: ("artifacts_zip_too_large", "too large"),
    429: ("rate_limited", "slow down"),
    503: ("unavailable", "try again later"),
}


class EigenpalSimulator(Simulator):
    """Eigenpal's API under `/api/v1` and, for its newest era, `/v1`.

    The runs: a history of thirty days before the anchor, odd ones (`special`, by the name of what is odd) and live
    ones that progress with the clock; each live run has an id of its own and stays completed once it is.

    Modes, which change what run documents look like and nothing else:
    - "seed-shape": the API before tags. No `tags`, no `parentExecutionId`, no `execution.status` and no
      `execution.humanReview`, so that a status can only be derived from `finished`, `timing` and `error`.
    - "old-shape": the era before that, a body with the single key `run`. No public page names the fields that era had
      inside, so what is inside is the seed shape; list rows have it without the envelope.
    """

    name: ClassVar[str] = "eigenpal"
    prefix: ClassVar[str] = "/api/v1"
    known_modes: ClassVar[frozenset[str]] = frozenset({"old-shape", "seed-shape"})

    def __init__(self, *, anchor: datetime | None = None, clock: Clock = system_clock) -> None:
        super().__init__(anchor=anchor, clock=clock)
        odd = edge_runs(self.anchor)
        self.special: Mapping[str, str] = {name: run.body["id"] for name, run in odd.items()}
        """Id of each odd run, by the name of what is odd about it; see `eigenpal_edges.EDGES`."""
        self._runs = {run.body["id"]: run for run in (*past_runs(self.anchor), *odd.values())}
        self._cancelled: dict[str, tuple[SimulatedRun, datetime]] = {}
        self.storage = Storage(lambda: self.clock())
        self.storage_root: str | None = None
        """Root URL of the storage's own server, with a slash; None while the provider's own server is the storage."""
        self._requests = 0
        past = sorted(self._runs.values(), key=lambda run: (run.created, run.body["id"]), reverse=True)
        at_anchor = [*live(self.anchor, self.anchor), *past]
        self.by_status: Mapping[str, Sequence[str]] = {
            status: tuple(run.body["id"] for run in at_anchor if run.status == status) for status in STATUSES
        }
        """Ids of the runs with each documented `execution.status`, newest first, as things stand at the anchor."""

    def native_ids(self) -> Sequence[str]:
        return [run.body["id"] for run in self._all()]

    def truth(self, run_id: str) -> Document:
        """The run's complete document as of now, every section expanded, whatever the modes; KeyError if none."""
        return deepcopy(self._existing(run_id).body)

    def steps(self, run_id: str) -> Sequence[Document]:
        """The rows of the run's `/steps` as of now; KeyError if there is no such run."""
        return deepcopy(self._existing(run_id).steps)

    def artifacts(self, run_id: str) -> Mapping[str, bytes]:
        """The run's artifacts as of now, bytes by path; KeyError if there is no such run."""
        return dict(self._existing(run_id).contents)

    def reset(self) -> None:
        super().reset()
        self.storage.reset()
        self._cancelled.clear()

    def error_body(self, status: int) -> tuple[bytes, str]:
        return json.dumps(self._envelope(_refusal(status))).encode(), "application/json"

    def api(self) -> ASGIApp:
        run = "/runs/{id}"
        reads: dict[str, Callable[[SimulatedRun], Document]] = {
            "usage": lambda found: {"usage": found.body.get("usage")},
            "steps": lambda found: {"steps": found.steps, "total": len(found.steps)},
            "events": events,
            "trace": trace,
            "artifacts": lambda found: {"artifacts": found.artifacts},
            "scores": lambda found: {"scores": found.scores},
            "reviews": lambda found: {"review": section(found.body, "execution").get("review")},
        }
        routes = [
            Route("/auth/check", self._auth_check),
            Route("/human-reviews", self._list_human_reviews),
            Route("/runs", self._list),
            Route(run, self._get),
            *(Route(f"{run}/{name}", partial(self._read, read)) for name, read in reads.items()),
            Route(f"{run}/steps/{{step}}", self._get_step),
            Route(f"{run}/artifacts/{{path:path}}", self._download),
            Route(f"{run}/cancel", self._cancel, methods=["POST"]),
        ]
        guard = [Middleware(Gate, refusal=self._unauthorized)]
        return Starlette(
            routes=[
                *(Mount(prefix, routes=routes, middleware=guard) for prefix in (self.prefix, "/v1")),
                Route("/storage/{key}", self.storage.download),
            ],
            exception_handlers={404: self._no_route, 405: self._no_route, Refusal: self._refused},
        )

    async def _auth_check(self, request: Request) -> Response:
        return self._reply(
            {
                "ok": True,
                "tenantId": "ten_demo",
                "tenantSlug": "demo",
                "tenantName": "Demo",
                "userId": "u_1",
                "keyId": "key_demo",
                "email": "ida@example.com",
                "name": "Ida Berg",
                "scope": ["runs:read", "runs:write"],
                "wildcardGranted": False,
            }
        )

    async def _list(self, request: Request) -> Response:
        page, cursor = list_runs(self._all(), request.query_params)
        return self._reply({"runs": [self._in_era(list_row(run)) for run in page], "nextCursor": cursor})

    async def _list_human_reviews(self, request: Request) -> Response:
        waiting = [run for run in self._all() if run.status == "waiting"]
        return self._reply(list_human_reviews(waiting, request.query_params))

    async def _get(self, request: Request) -> Response:
        asked = frozenset(filter(None, request.query_params.get("expand", "").split(",")))
        if unknown := asked - SECTIONS:
            raise Refusal("expand", f"expand can't be {', '.join(sorted(unknown))}")
        body = self._in_era(with_sections(self._asked_for(request), asked))
        return self._reply({"run": body} if "old-shape" in self.modes else body)

    async def _read(self, read: Callable[[SimulatedRun], Document], request: Request) -> Response:
        return self._reply(read(self._asked_for(request)))

    async def _get_step(self, request: Request) -> Response:
        run, wanted = self._asked_for(request), request.path_params["step"]
        children = section(run.body, "execution").get("childExecutions", ())
        holders = [run, *(self._existing(child["id"]) for child in children)]
        for row in (row for holder in holders for row in holder.steps):
            if "id" in row and row["id"] == wanted:
                return self._reply({**row, "input": {"of": row.get("name")}, "output": {"ok": not row.get("error")}})
        raise Refusal("stepExecutionId", "no step with this id", "not_found", 404)

    async def _download(self, request: Request) -> Response:
        run, path = self._asked_for(request), request.path_params["path"]
        if path not in run.contents:
            raise Refusal("path", "no artifact with this path", "not_found", 404)
        content = run.contents[path]
        row = next(row for row in run.artifacts if row["path"] == path)
        content_type = row.get("contentType") or "application/octet-stream"
        if path in run.stored:
            name = f"{run.body['id']}/{path}"
            root = self.storage_root or _root(request)
            return RedirectResponse(self.storage.url(root, name, content, content_type), 302)
        return served(request, content, content_type)

    async def _cancel(self, request: Request) -> Response:
        run, now = self._asked_for(request), self.clock()
        was = run.status
        if was in TERMINAL or was not in STATUSES:
            state = "already_terminal"
        else:
            state = "cancelled" if was in NOT_STARTED else "requested"
            self._cancelled.setdefault(run.body["id"], (run, now))
        after = self._existing(run.body["id"])
        return self._reply(
            {
                "id": run.body["id"],
                "type": run.body.get("type"),
                "finished": after.body.get("finished"),
                "execution": {"status": after.status},
                "cancellation": {"state": state, "wasStatus": was},
            }
        )

    def _in_era(self, body: Document) -> Document:
        return seed_shape(body) if self.modes else body

    def _asked_for(self, request: Request) -> SimulatedRun:
        run = self._find(request.path_params["id"])
        if run is None:
            raise Refusal("id", "no run with this id", "not_found", 404)
        return run

    def _existing(self, run_id: str) -> SimulatedRun:
        run = self._find(run_id)
        if run is None:
            raise KeyError(run_id)
        return run

    def _find(self, run_id: str) -> SimulatedRun | None:
        if run_id in self._cancelled:
            return as_cancelled(*self._cancelled[run_id], self.clock())
        return self._runs.get(run_id) or live_by_id(self.anchor, self.clock(), run_id)

    def _all(self) -> list[SimulatedRun]:
        """Every run that a list shows, newest first, as of now."""
        now = self.clock()
        runs = [*live(self.anchor, now), *self._runs.values()]
        shown = [
            as_cancelled(*self._cancelled[run.body["id"]], now) if run.body["id"] in self._cancelled else run
            for run in runs
        ]
        return sorted(shown, key=lambda run: (run.created, run.body["id"]), reverse=True)

    async def _refused(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, Refusal):
            raise error
        return self._reply(self._envelope(error), error.status)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._reply(self._envelope(_refusal(status)), status)

    def _unauthorized(self, request: Request) -> Response | None:
        if credentials(request.headers, "bearer") == self.token:
            return None
        return self._reply(self._envelope(_refusal(401)), 401)

    def _envelope(self, refusal: Refusal) -> Document:
        issue = {"field": refusal.field, "message": refusal.message, "code": refusal.code, "severity": "error"}
        return {"issues": [issue], "requestId": f"req_{self._requests:06x}"}

    def _reply(self, content: Document, status: int = 200) -> Response:
        headers = {"x-request-id": f"req_{self._requests:06x}"}
        self._requests += 1
        return JSONResponse(content, status, headers)


def _refusal(status: int) -> Refusal:
    code, message = _ISSUES.get(status, ("internal_error", "something went wrong"))
    return Refusal("<root>", message, code, status)


def _root(request: Request) -> str:
    """The server's root URL as the client wrote it; a mounted route's `base_url` would have the prefix in it."""
    return f"{request.url.scheme}://{request.url.netloc}/"

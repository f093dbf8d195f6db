"""`/livez` and `/readyz`: what an orchestrator and a load balancer ask.

A process that answers is alive. It is ready unless it is about to stop. What it can go on without makes it "degraded"
and leaves it ready: a provider or the shared cache is down for all replicas at once, and to take all of them out would
turn a part of the data, or some speed, into all of the service.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DRAINING = "draining"
"""Set in the server's state (`scope["state"]`) once it is about to stop."""

RELOAD_FAILED = "reload_failed"
"""Whether the configuration's file can't be used, so that the one before is still in use; in the server's state."""

HEADERS: Mapping[str, str] = {"cache-control": "no-store"}


def routes(cache_answers: Callable[[], Awaitable[bool]]) -> list[Route]:
    """The two routes. `cache_answers` tells, without delay, whether the server that replicas share does."""

    async def ready(request: Request) -> Response:
        state: Mapping[str, Any] = request.scope.get("state", {})
        checks = {
            "config": "reload failed" if state.get(RELOAD_FAILED) else "ok",
            "cache": "ok" if await cache_answers() else "unreachable",
        }
        if state.get(DRAINING):
            return JSONResponse({"status": "draining", "checks": checks}, 503, HEADERS)
        status = "ok" if set(checks.values()) == {"ok"} else "degraded"
        return JSONResponse({"status": status, "checks": checks}, 200, HEADERS)

    return [Route("/livez", _alive), Route("/readyz", ready)]


def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "ok"}, headers=HEADERS)

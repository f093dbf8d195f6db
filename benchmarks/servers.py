"""The servers under test, each one process with one event loop: `python -m benchmarks.servers KIND UPSTREAM`.

`proxy` answers `GET /run/{id}` with the provider's bytes: the same HTTP server and client, no GraphQL. `cold` is the
gateway without any cache, `warm` with its usual one. Each prints its port and serves until killed.
"""

import sys
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.auth import Bearer
from adapters.errors import ErrorReading
from adapters.settings import ProviderSettings
from adapters.upstream import UpstreamClient
from gateway.app import create_app
from gateway.serving import listen, serve
from gateway.settings import parse

ORG = PROJECT = "018d0000-0000-7000-8000-000000000000"
NO_CACHE = dict.fromkeys(("terminal_ttl", "live_ttl", "waiting_ttl", "not_found_ttl"), 0)


def configuration(upstream: str, *, cached: bool) -> dict[str, Any]:
    """A gateway over all five providers of the benchmark's upstream."""
    sections: dict[str, dict[str, Any]] = {
        name: {"base_url": f"{upstream}/{name}", "token": "benchmark"}
        for name in ("refactor", "eigenpal", "middesk", "rightbrain", "bridgetown")
    }
    sections["rightbrain"] |= {"org_id": ORG, "project_id": PROJECT}
    # The upstream here sets no limit.
    sections["middesk"]["max_requests_per_second"] = 0
    return {"providers": sections} if cached else {"providers": sections, "cache": NO_CACHE}


def proxy(upstream: str) -> Starlette:
    """The least that a Python process with this HTTP stack can do for a request."""
    settings = ProviderSettings(adapter="none", base_url=f"{upstream}/eigenpal")
    client = UpstreamClient("proxy", settings, auth=Bearer(None), read_error=lambda _: ErrorReading())

    async def run(request: Request) -> Response:
        reply = await client.send("GET", ("runs", request.path_params["id"]))
        return Response(reply.body, media_type="application/json")

    return Starlette(routes=[Route("/run/{id}", run)])


def main(kind: str, upstream: str) -> None:
    app = proxy(upstream) if kind == "proxy" else create_app(parse(configuration(upstream, cached=kind == "warm")))
    sock = listen("127.0.0.1", 0)
    serve(app, sock, lambda url: print(url.rpartition(":")[2], flush=True))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])

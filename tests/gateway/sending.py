"""Sends HTTP requests to a gateway in this process."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.settings import parse
from tests.support import run

ORIGIN = "http://gateway.test"
GRAPHQL = f"{ORIGIN}/graphql"
JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def refuse(request: httpx.Request) -> httpx.Response:
    """A provider that nobody may call."""
    raise AssertionError(f"no call to a provider is expected: {request.url}")


def gateway(
    server: Mapping[str, Any] | None = None,
    answer: httpx.MockTransport | None = None,
    names: Sequence[str] = ("one",),
    **sections: Mapping[str, Any],
) -> ASGIApp:
    """A gateway over Refactor providers with these names, which `answer` stands for; `server` is its section.

    `sections` are others of the configuration.
    """
    section = {"adapter": "refactor", "base_url": "http://provider.test/v1", "token": "t0ken"}
    document = {**sections, "server": dict(server or {}), "providers": dict.fromkeys(names, section)}
    return create_app(parse(document), transport=answer or httpx.MockTransport(refuse))


def send(app: ASGIApp, *requests: httpx.Request, root_path: str = "") -> list[httpx.Response]:
    """The gateway's answers to some requests, one after another."""

    async def exchange() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return [await client.send(request) for request in requests]

    return run(exchange())


def answer_of(app: ASGIApp, method: str, url: str = GRAPHQL, **rest: Any) -> httpx.Response:
    """The gateway's answer to one request; `rest` as for `httpx.Request`."""
    return send(app, httpx.Request(method, url, **rest))[0]


def post(app: ASGIApp, query: object, accept: str = JSON, **parameters: object) -> httpx.Response:
    """The gateway's answer to a query in a POST."""
    body = {"query": query, **parameters}
    return answer_of(app, "POST", json=body, headers={"accept": accept})

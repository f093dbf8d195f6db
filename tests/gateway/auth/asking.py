"""Gateways that ask who calls, in this process."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gateway.app import create_app
from gateway.auth.keys import hash_of
from gateway.settings import Settings, parse

ALL, ONE, OTHER, WRITER = "rgk_all", "rgk_one", "rgk_other", "rgk_writer"
"""Keys of callers. They are short here; real ones are random."""


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def keys(**more: Mapping[str, Any]) -> dict[str, Any]:
    """The section `auth`: a caller for all providers, two for one each, one who may write; `more` joins their keys."""
    said: dict[str, dict[str, Any]] = {
        "all": {"hash": hash_of(ALL)},
        "one": {"hash": hash_of(ONE), "providers": ["refactor"]},
        "other": {"hash": hash_of(OTHER), "providers": ["eigenpal"]},
        "writer": {"hash": hash_of(WRITER), "scope": "write"},
    }
    return {"keys": {name: {**key, **more.get(name, {})} for name, key in said.items()}}


class Asker:
    """Asks one gateway. `said` has all that it answered, headers included."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.said: list[str] = []

    async def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        response = await self.client.request(method, path, headers=headers, **rest)
        self.said.append(f"{response.headers}\n{response.text}")
        return response

    async def ask(self, query: str, headers: Mapping[str, str] | None = None, **variables: Any) -> httpx.Response:
        return await self.send("POST", "/graphql", headers, json={"query": query, "variables": variables})

    async def data(self, query: str, headers: Mapping[str, str], **variables: Any) -> Any:
        """The data of an answer, which may not have errors."""
        body = (await self.ask(query, headers, **variables)).json()
        assert "errors" not in body, body["errors"]
        return body["data"]


@asynccontextmanager
async def asking(settings: Settings | Mapping[str, Any], **rest: Any) -> AsyncGenerator[Asker]:
    """A gateway on this event loop."""
    app = create_app(settings if isinstance(settings, Settings) else parse(settings), **rest)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://g.test") as c:
        yield Asker(c)

"""A gateway in this process, to ask one question after another."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Self

import httpx
from starlette.applications import Starlette

from gateway.app import GRAPHQL_PATH
from gateway.demo.world import DemoWorld

NO_CACHE: Mapping[str, float] = {"terminal_ttl": 0, "live_ttl": 0, "waiting_ttl": 0, "not_found_ttl": 0}
"""The section `cache` of a configuration that keeps nothing."""


def eager(world: DemoWorld, **keys: object) -> dict[str, Any]:
    """A configuration whose providers are retried without a wait and never left alone: no fault outlasts itself.

    `keys` are of each provider.
    """
    document = world.configuration()
    waits = {"retry_wait_ms": 0, "max_retry_wait_ms": 0, "max_pause_ms": 0, "breaker_failures": 0}
    for section in document["providers"].values():
        section |= waits | keys
    return document


class Gateway:
    """A context manager: a gateway that keeps its cache, connections and sessions from one question to the next.

    Its event loop runs only while it is asked. `said` has what all gateways of the test run answered, headers included.
    """

    said: ClassVar[list[str]] = []

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test")
        self._runner = asyncio.Runner(debug=False)
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._runner.run(self._stack.enter_async_context(self._app.router.lifespan_context(self._app)))
        self._runner.run(self._stack.enter_async_context(self._client))
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> httpx.Response:
        """The answer to one operation; `parameters` are others of the request, such as its extensions."""
        return self._runner.run(self._post(query, variables, headers, **parameters))

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> httpx.Response:
        """The answer to a plain request, such as one for an export."""
        return self._runner.run(self._client.request(method, path, headers=headers))

    def ask_together(self, *questions: tuple[str, Mapping[str, Any]]) -> Sequence[httpx.Response]:
        """The answers to operations, each with its variables, that are sent at the same time."""

        async def ask() -> list[httpx.Response]:
            return await asyncio.gather(*(self._post(query, variables) for query, variables in questions))

        return self._runner.run(ask())

    def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer, which may not have errors."""
        body = self.ask(query, variables).json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    def errors(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        """The errors of an answer, which has at least one."""
        return self.ask(query, variables).json()["errors"]

    async def _post(
        self,
        query: str,
        variables: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> httpx.Response:
        body = {"query": query, "variables": variables or {}, **parameters}
        response = await self._client.post(GRAPHQL_PATH, json=body, headers=headers)
        self.said.append(f"{response.headers}\n{response.text}")
        return response

"""Asks a gateway: one that runs elsewhere, or one made from a configuration in this process.

Next to `adapters/upstream/carriers.py`, the only module that knows an HTTP client: that one talks to providers, this
one to a gateway, whose address and answers are not a provider's.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import orjson

from .exits import CommandError, ExitCode
from .inprocess import Carrier, InProcess, Reply
from .problems import refuse

GRAPHQL_PATH = "/graphql"
CONNECT_SECONDS = 10
READ_SECONDS = 300
"""A report over many runs sends nothing until it is done."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which gateway to ask: the configuration to make one from, or else the root URL of one that runs."""

    config: Path | None
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A GraphQL answer. `text` is as it was sent; `data` is empty where the whole operation was refused."""

    text: str
    data: Mapping[str, Any]
    errors: Sequence[Mapping[str, Any]]


class Client:
    """One gateway. Fractions in answers are Decimals, so that no digit is lost."""

    def __init__(self, carrier: Carrier, headers: Mapping[str, str]) -> None:
        self._carrier = carrier
        self._headers = headers

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None, operation: str | None = None) -> Answer:
        """The answer to an operation. CommandError where there is none, or it is not GraphQL."""
        asked = {"query": query, "variables": variables, "operationName": operation}
        headers = {**self._headers, "content-type": "application/json", "accept": "application/graphql-response+json"}
        async with self._carrier.send("POST", GRAPHQL_PATH, headers, orjson.dumps(asked)) as reply:
            body = await reply.body()
        answer = _document(body)
        if "data" not in answer and "errors" not in answer:
            raise not_understood(reply)
        return Answer(body.decode(), answer.get("data") or {}, answer.get("errors") or [])

    def download(self, path: str, parameters: Sequence[tuple[str, str]]) -> AbstractAsyncContextManager[Reply]:
        """A file, while it is made."""
        return self._carrier.send("GET", f"{path}?{urlencode(parameters)}", self._headers, b"")


def not_understood(reply: Reply) -> CommandError:
    """What to say about an answer that no gateway gives."""
    code = ExitCode.INCOMPLETE if reply.status >= 500 else ExitCode.NO
    return CommandError(f"the answer, HTTP status {reply.status}, is not one of a gateway; is the address right?", code)


async def refusal(reply: Reply) -> CommandError:
    """What to say about a download that was refused."""
    errors: Sequence[Mapping[str, Any]] = _document(await reply.body()).get("errors") or []
    return refuse(errors) if errors else not_understood(reply)


def _document(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body; empty where there is none."""
    try:
        # Numbers keep their digits, which orjson would round.
        document = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


@asynccontextmanager
async def connect(target: Target) -> AsyncGenerator[Client]:
    """A client for the gateway; one in this process lives as long as the client."""
    if target.config is None:
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(base_url=target.url, timeout=timeout, follow_redirects=False) as http:
            yield Client(Network(http, target.url), target.headers)
        return
    # Making a gateway takes a moment, which only those who need one should wait.
    from gateway.app import create_app
    from gateway.auth.settings import AuthSettings
    from gateway.limits.settings import DocumentSettings
    from gateway.settings import load

    # Who has the configuration, and the credentials in it, needs no key to them and may ask anything.
    unguarded = {"auth": AuthSettings(), "documents": DocumentSettings()}
    app = create_app(load(target.config).model_copy(update=unguarded))
    async with app.router.lifespan_context(app):
        yield Client(InProcess(app), target.headers)


@dataclass(frozen=True, slots=True)
class Network:
    """Takes requests to a gateway at a root URL."""

    http: httpx.AsyncClient
    url: str

    @asynccontextmanager
    async def send(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> AsyncGenerator[Reply]:
        request = self.http.build_request(method, target, headers=dict(headers), content=content or None)
        try:
            response = await self.http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise CommandError(f"can't reach {self.url}: {_reason(error)}", ExitCode.INCOMPLETE) from None
        try:
            yield Reply(response.status_code, response.headers, self._chunks(response))
        finally:
            await response.aclose()

    async def _chunks(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.HTTPError as error:
            raise CommandError(f"the answer of {self.url} broke off: {_reason(error)}", ExitCode.INCOMPLETE) from None


def _reason(error: httpx.HTTPError) -> str:
    return "it takes too long" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__

"""What every kind of request needs, and how a request is sent and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import unquote

import httpx
import orjson

from adapters.model import run_id
from gateway.demo.world import DemoWorld

from .checks import is_part
from .gateways import KEYS, OWN, OWN_HEADER
from .truth import Clock, Truth
from .weather import Weather, simulated

STATUSES = frozenset({200, 206, 304, 400, 401, 402, 403, 404, 416, 429, 501, 502, 503, 504})
"""What a gateway may answer to these requests. A 5xx is a file's, whose provider failed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: headers, and the providers that exist for it. `has_own`: it brings a right credential for `OWN`."""

    headers: Mapping[str, str]
    sees: frozenset[str] | None = None
    has_own: bool = True


@dataclass(slots=True)
class Reply:
    """An answer, and between which moments (monotonic) it was made."""

    request: str
    start: float
    end: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    is_cut: bool = False
    """Whether the connection ended before the body did."""
    is_dropped: bool = False
    """Whether this client went away midway."""

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a request went: its outcome in a word, and what is wrong with it."""

    outcome: str
    wrong: Sequence[str] = ()
    replies: Sequence[Reply] = ()


@dataclass(slots=True)
class Desk:
    """Sends requests to gateways, and knows what to compare the answers to."""

    urls: Sequence[str]
    http: httpx.AsyncClient
    world: DemoWorld
    weather: Weather
    clock: Clock
    truth: Truth
    random: Random
    settled: Sequence[str]
    """Ids of runs of the history."""
    files: Sequence[str]
    tags: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    """Entity tags and bodies of answers to GET, by address."""

    def caller(self) -> Caller:
        """Somebody; usually one that may see everything."""
        own = self.world.eigenpal.token
        lot = self.random.random()
        if lot < 0.1:
            return Caller(_headers("narrow", own), frozenset({"eigenpal", "middesk"}))
        if lot < 0.2:
            return Caller(_headers("all", "wrong-credential"), has_own=False)
        if lot < 0.25:
            return Caller(_headers("all", None), has_own=False)
        return Caller(_headers("all", own))

    def ids(self, count: int) -> list[str]:
        """Run ids: most of the history, some in progress, some that nobody has or that are none."""
        return [self._id() for _ in range(count)]

    def _id(self) -> str:
        lot = self.random.random()
        if lot < 0.12:
            simulator = self.random.choice(list(self.world.simulators.values()))
            return run_id(simulator.name, self.random.choice(simulator.native_ids()[:8]))
        if lot < 0.17:
            return self.random.choice(NOBODYS)
        one = self.random.choice(self.settled)
        if one.startswith("eigenpal:") and lot < 0.35:
            return f"{OWN}:{one.partition(':')[2]}"
        return one

    def times(self, reply: Reply) -> list[datetime]:
        return self.clock.between(reply.start, reply.end)

    async def post(self, caller: Caller, query: str, variables: Mapping[str, Any]) -> Reply:
        body = {"query": query, "variables": variables}
        return await self.send("POST", "/graphql", caller.headers, json=body)

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        json: Any = None,
        drop_after: int | None = None,
    ) -> Reply:
        """The reply of some gateway; the client goes away after so many bytes of the body."""
        url = self.random.choice(self.urls) + path
        reply = Reply(f"{method} {url} {json if json is not None else ''}", monotonic(), 0)
        try:
            async with self.http.stream(method, url, headers=headers, json=json) as response:
                reply.status, reply.headers = response.status_code, response.headers
                async for piece in response.aiter_raw():
                    reply.body += piece
                    if drop_after is not None and len(reply.body) >= drop_after:
                        reply.is_dropped = True
                        break
        except httpx.RemoteProtocolError:
            if not reply.status:
                raise
            reply.is_cut = True
        reply.end = monotonic()
        return reply

    def is_quoted_right(self, one: str, raw: Mapping[str, Any]) -> bool:
        """Whether the document that a provider is quoted with is what the simulator holds; of a run that has ended."""
        provider, _, native_id = one.partition(":")
        document = {**raw["run"]}
        if document.get("execution"):
            # The API gives a summary of it.
            document["execution"] = {key: value for key, value in document["execution"].items() if key != "review"}
        simulator: Any = self.truth.world.simulators[simulated(provider)]
        return is_part(document, simulator.truth(unquote(native_id)))


def _headers(key: str, own: str | None) -> Mapping[str, str]:
    headers = {"authorization": f"Bearer {KEYS[key]}"}
    return headers if own is None else {**headers, OWN_HEADER: f"Bearer {own}"}


NOBODYS = (
    "eigenpal:exec_NOBODY0000001",
    "refactor:00000000-0000-4000-8000-000000000000",
    "middesk:00000000-0000-4000-8000-000000000000",
    "bridgetown:00000000-0000-4000-8000-000000000000",
    "nobody:1",
    "no-id",
    "eigenpal:a%2F..%2Fb",
    "refactor:../../secrets",
)

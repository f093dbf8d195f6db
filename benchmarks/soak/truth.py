"""The truth: what a gateway without caches says over providers that are never at fault.

It has simulators of its own, with the same runs and a clock of its own, so that it can be asked about any moment. That
it says what the simulators hold is checked, too: see `checks.is_part`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import quote

import httpx

from gateway.app import create_app
from gateway.demo.world import DemoWorld
from gateway.settings import parse

NO_CACHE: dict[str, object] = {
    **dict.fromkeys(("terminal_ttl", "live_ttl", "waiting_ttl", "not_found_ttl", "stale_if_error_ttl"), 0),
    "reuse_answers": False,
}
SLACK = 9.0
"""Seconds for which what was read may be given: a run in progress is kept for one, and a call may take some."""

PARTS = (
    "kind", "status", "rawStatus", "statusSource", "isTerminal", "createdAt", "startedAt", "endedAt", "durationMs",
    "target { id name version }", "initiator { id name kind }", "parentId", "tags", "metadata", "input", "output",
    "error { code }",
    "usage { inputTokens outputTokens totalTokens isPartial cost { amount currency } credits { amount provider } }",
    "steps { id parentId name status startedAt endedAt }",
    "files { name role path contentType sizeBytes }",
    "debug { traceId exitCode retries state events { type at status } }",
    "provider { name }",
)  # fmt: skip
"""What may be selected of a run; each is one key of the answer. Not `warnings`, nor an error's
message: these depend on what else was read of the run."""


@dataclass(slots=True)
class Clock:
    """Time as the simulators see it. It goes on in steps: `steps` has the moment (monotonic) of each."""

    now: datetime
    steps: list[tuple[float, datetime]] = field(default_factory=list[tuple[float, datetime]])

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: datetime) -> None:
        # The step is noted first: nobody sees a time that is not among them.
        self.steps.append((monotonic(), now))
        self.now = now

    def between(self, start: float, end: float) -> list[datetime]:
        """The times that answers between these moments may be as of, the latest first."""
        times: list[datetime] = []
        for since, now in reversed(self.steps):
            if since <= end:
                times.append(now)
            if since <= start - SLACK:
                break
        return times


@dataclass(frozen=True, slots=True)
class Known:
    """What there is under an id: a run with all `PARTS`, or None; and the code where asking for it is an error."""

    run: dict[str, Any] | None
    code: str | None = None

    @property
    def is_settled(self) -> bool:
        return self.run is not None and self.run["isTerminal"] is True


class Truth:
    """Ask it within its context."""

    def __init__(self, clock: Clock) -> None:
        self._clock = Clock(clock.now)
        self.anchor = clock.now
        self.world = DemoWorld(clock=self._clock)
        self._lock = asyncio.Lock()
        self._runs: dict[tuple[str, datetime | None], Known] = {}
        self._answers: dict[tuple[str, datetime], Any] = {}
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> "Truth":
        self._stack = AsyncExitStack()
        self._stack.enter_context(self.world)
        configuration = self.world.configuration()
        providers = configuration["providers"]
        providers["eigenpal-own"] = {**providers["eigenpal"], "adapter": "eigenpal"}
        app = create_app(parse({**configuration, "cache": NO_CACHE}))
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://truth.test", timeout=60)
        self._http = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def runs(self, ids: Sequence[str], now: datetime) -> dict[str, Known]:
        """What each id stands for at a moment."""
        async with self._lock:
            missing = [one for one in dict.fromkeys(ids) if (one, None) not in self._runs]
            missing = [one for one in missing if (one, now) not in self._runs]
            if missing:
                query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Run {{ id {' '.join(PARTS)} }} }} }}"
                answer = await self._post(query, {"ids": missing}, now)
                errors = answer.get("errors", ())
                codes = {one["path"][1]: one["extensions"]["code"] for one in errors if len(one["path"]) == 2}
                for number, (one, run) in enumerate(zip(missing, answer["data"]["nodes"], strict=True)):
                    known = Known(run, codes.get(number))
                    # What has ended stays as it is, and what was there at the anchor never changes.
                    self._runs[one, None if known.is_settled and now == self.anchor else now] = known
            return {one: self._runs.get((one, None)) or self._runs[one, now] for one in ids}

    async def graphql(self, query: str, variables: dict[str, Any], now: datetime) -> Any:
        """The data of another operation at a moment."""
        key = f"{query}{sorted(variables.items())}"
        async with self._lock:
            if (key, now) not in self._answers:
                self._answers[key, now] = (await self._post(query, variables, now))["data"]
            return self._answers[key, now]

    async def get(self, path: str) -> bytes:
        """An export or a file that is the same at all moments."""
        async with self._lock:
            if (path, self.anchor) not in self._answers:
                self._clock.now = self.anchor
                response = await self._http.get(path)
                if response.status_code != 200:
                    raise RuntimeError(f"the truth has no {path}: {response.text[:300]}")
                self._answers[path, self.anchor] = response.content
            return self._answers[path, self.anchor]

    async def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (await self._http.head(path)).status_code == 200

    async def files(self, ids: Sequence[str]) -> list[str]:
        """Paths at a gateway of the files of some runs."""
        known = await self.runs(ids, self.anchor)
        return [
            "/files/" + "/".join(quote(part, safe=":") for part in (one, *file["path"].split("/")))
            for one, found in known.items()
            if found.run is not None
            for file in found.run["files"] or ()
            if file["path"] and ".." not in file["path"]
        ]

    async def _post(self, query: str, variables: dict[str, Any], now: datetime) -> dict[str, Any]:
        self._clock.now = now
        response = await self._http.post("/graphql", json={"query": query, "variables": variables})
        answer = response.json()
        if answer.get("data") is None:
            raise RuntimeError(f"the truth can't be told: {response.text[:500]}")
        return answer

    @property
    def quiet(self) -> str:
        """A time before which all runs of the history are, and nothing changes any more."""
        return (self.anchor - timedelta(hours=1)).isoformat()

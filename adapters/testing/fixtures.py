"""Recorded or documented exchanges with a provider, and a transport that replays them.

A fixture file `<scenario>.json` holds

    {"origin": "docs" | "recorded" | "made up",
     "ask": {"id": "...", "parts": ["USAGE"]}               one run,
            {"ids": ["...", "..."], "parts": []}            a batch,
            {"list": {"limit": 2, "scope": "...", ...}}     a listing, walked to its end
     "exchanges": [{"method": "GET", "path": "/v1/runs/a b", "query": {"expand": "usage"}, "json": {...},
                    "request_headers": {}, "status": 200, "headers": {}, "body": ...}]}

`path` (from the host's root) and `query` are decoded. `json` is the request body, compared without `id`; left out, any
body fits. `request_headers` are those that have to be there, whatever others are. `body` is sent as JSON, except text
under a Content-Type that is not JSON, which is sent as it is; left out, the reply is empty. A JSON-RPC reply gets the
id of the request it answers, unless it names an id that differs from the one in `json`. An MCP handshake may be left
out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import httpx
import msgspec

from adapters import codec
from adapters.model import Json, Part

NOTHING = object()
"""Stands for a `json` or `body` that a fixture leaves out."""
_encoder = msgspec.json.Encoder(decimal_format="number")


def to_bytes(body: Json) -> bytes:
    """A JSON text in which Decimal is a number, digit for digit."""
    return _encoder.encode(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its reply."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Json = NOTHING
    request_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Json = NOTHING

    @property
    def is_handshake(self) -> bool:
        """Whether this only opens an MCP session."""
        return _opens_session(_fields(self.json))

    @property
    def has_json(self) -> bool:
        """Whether the reply is a JSON object or list."""
        return isinstance(self.body, dict | list)

    def fits(self, request: httpx.Request) -> bool:
        """Whether this is the exchange for a request."""
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        return (
            request.method == self.method
            and unquote(path) == self.path
            and sorted(parse_qsl(query, keep_blank_values=True)) == sorted(self.query.items())
            and all(request.headers.get(name) == value for name, value in self.request_headers.items())
            and (self.json is NOTHING or _without_id(_json_of(request)) == _without_id(self.json))
        )

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The reply, to this request."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.body is NOTHING:
            return httpx.Response(self.status, headers=headers)
        content_type = headers.setdefault("content-type", "application/json")
        if isinstance(self.body, str) and "json" not in content_type:
            content = self.body.encode()
            if content_type.startswith("text/event-stream"):
                content = self._answering_stream(self.body, request).encode()
        else:
            content = to_bytes(self._answering(self.body, request))
        return httpx.Response(self.status, headers=headers, content=content)

    def _answering(self, body: Json, request: httpx.Request) -> Json:
        """A JSON-RPC reply with the id of the request; anything else as it is."""
        fields = _fields(body)
        if "jsonrpc" not in fields or "id" not in fields or "method" in fields:
            return body
        asked = _fields(self.json).get("id")
        # Python holds True equal to 1, and a reply with the id `true` answers nothing.
        if asked is not None and (type(asked), asked) != (type(fields["id"]), fields["id"]):
            return fields
        if asked is None and not isinstance(fields["id"], int | str):
            return fields
        return {**fields, "id": _fields(_json_of(request)).get("id")}

    def _answering_stream(self, text: str, request: httpx.Request) -> str:
        lines = text.split("\n")
        for position, line in enumerate(lines):
            if line.startswith("data:"):
                try:
                    message = codec.loads(line.removeprefix("data:").strip().encode())
                except ValueError:
                    continue
                lines[position] = "data: " + to_bytes(self._answering(message, request)).decode()
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a fixture asks the adapter for: one run, a batch, or a listing."""

    id: str | None = None
    ids: tuple[str, ...] | None = None
    listing: Mapping[str, Any] | None = None
    parts: frozenset[Part] = frozenset()


@dataclass(frozen=True, slots=True)
class Fixture:
    """One scenario. `main` is the position of the first exchange that is more than a handshake."""

    scenario: str
    origin: str
    ask: Ask
    exchanges: tuple[Exchange, ...]
    path: Path

    @property
    def golden(self) -> Path:
        return self.path.with_name(f"{self.scenario}.golden.json")

    @property
    def main(self) -> int:
        return next(n for n, exchange in enumerate(self.exchanges) if not exchange.is_handshake)

    def with_body(self, position: int, body: Json) -> "Fixture":
        """The same fixture with another reply body in one exchange."""
        exchanges = list(self.exchanges)
        exchanges[position] = replace(exchanges[position], body=body)
        return replace(self, exchanges=tuple(exchanges))


@cache
def load(path: Path) -> Fixture:
    """One fixture file. ValueError naming the file where it is not of the form above."""
    try:
        document = codec.loads(path.read_bytes())
        ask = document["ask"]
        exchanges = tuple(_exchange(entry) for entry in document["exchanges"])
        if not exchanges or set(document) - {"origin", "ask", "exchanges", "date", "api_version", "note"}:
            raise ValueError("no exchanges, or a key that is not known")
        return Fixture(path.stem, document["origin"], _ask(ask), exchanges, path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path.name}: {error!r}") from error


def load_all(folder: Path) -> tuple[Fixture, ...]:
    """The fixtures of a folder, by name. Goldens are left out."""
    return tuple(load(path) for path in sorted(folder.glob("*.json")) if not path.name.endswith(".golden.json"))


def _ask(ask: Mapping[str, Any]) -> Ask:
    if set(ask) - {"id", "ids", "list", "parts"} or sum(key in ask for key in ("id", "ids", "list")) != 1:
        raise ValueError("ask needs exactly one of id, ids, list")
    ids = ask.get("ids")
    parts = frozenset(Part(part) for part in ask.get("parts", []))
    return Ask(ask.get("id"), None if ids is None else tuple(ids), ask.get("list"), parts)


def _exchange(entry: Mapping[str, Any]) -> Exchange:
    if unknown := set(entry) - {"method", "path", "query", "json", "request_headers", "status", "headers", "body"}:
        raise ValueError(f"an exchange has {unknown}")
    query: Mapping[str, object] = entry.get("query") or {}
    return Exchange(
        method=entry["method"],
        path=entry["path"],
        query={name: str(value) for name, value in query.items()},
        json=entry.get("json", NOTHING),
        request_headers=entry.get("request_headers") or {},
        status=entry.get("status", 200),
        headers=entry.get("headers") or {},
        body=entry.get("body", NOTHING),
    )


class UnexpectedRequest(AssertionError):
    """The adapter made a call that the fixture does not hold, or left one out that it does."""


class ReplayTransport(httpx.AsyncBaseTransport):
    """Answers requests from exchanges. `requests` holds every request, `hits` how often each exchange was used.

    Strict, an exchange serves once, one that is not there fails at once, and `finish()` fails where one was not used.
    Otherwise exchanges serve again and again and a request without one gets `otherwise`.
    """

    def __init__(self, exchanges: Sequence[Exchange], *, strict: bool = True, otherwise: int = 404) -> None:
        self.exchanges = tuple(exchanges)
        self.hits = [0] * len(self.exchanges)
        self.requests: list[httpx.Request] = []
        self._strict = strict
        self._otherwise = otherwise
        self._unexpected: list[str] = []
        self._brings_handshake = any(exchange.is_handshake for exchange in self.exchanges)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # A session is ended as far as the server answers: that is no part of what a fixture asks for.
        if (not self._brings_handshake or request.method == "DELETE") and (own := handshake_reply(request)) is not None:
            return own
        self.requests.append(request)
        for position, exchange in self._candidates():
            if exchange.fits(request):
                self.hits[position] += 1
                return exchange.reply(request)
        if not self._strict:
            return httpx.Response(self._otherwise, json={})
        self._unexpected.append(describe(request))
        raise UnexpectedRequest(f"no exchange for {describe(request)}")

    def finish(self) -> None:
        """Fail where a request was unexpected, even if somebody caught that, or an exchange was not used."""
        unused = [f"{e.method} {e.path}" for e, hits in zip(self.exchanges, self.hits, strict=True) if not hits]
        if self._unexpected or unused:
            raise UnexpectedRequest(f"unexpected: {self._unexpected}, unused: {unused}")

    def _candidates(self) -> Iterator[tuple[int, Exchange]]:
        """Exchanges in order of use: the fresh ones, then, where allowed, the used ones."""
        numbered = list(enumerate(self.exchanges))
        yield from (entry for entry in numbered if not self.hits[entry[0]])
        if not self._strict:
            yield from (entry for entry in reversed(numbered) if self.hits[entry[0]])


def handshake_reply(request: httpx.Request) -> httpx.Response | None:
    """The answer of an MCP server to the requests that open and end a session; None for any other request."""
    if request.method == "DELETE" and "mcp-session-id" in request.headers:
        return httpx.Response(204)
    message = _fields(_json_of(request))
    if not _opens_session(message):
        return None
    if "id" not in message:
        return httpx.Response(202)
    result: Json = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "x"}}
    reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
    return httpx.Response(200, json=reply, headers={"mcp-session-id": "session-1"})


def describe(request: httpx.Request) -> str:
    """One line that tells requests apart: method, path with query, body."""
    return f"{request.method} {request.url.raw_path.decode('ascii')} {request.content.decode(errors='replace')}".strip()


def _json_of(request: httpx.Request) -> Json:
    if not request.content:
        return None
    try:
        return json.loads(request.content)
    except ValueError:
        return None


def _fields(value: Json) -> dict[str, Json]:
    """A JSON object; an empty one for any other value."""
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _opens_session(message: Mapping[str, Json]) -> bool:
    return message.get("method") in ("initialize", "notifications/initialized")


def _without_id(message: Json) -> Json:
    if not isinstance(message, dict):
        return message
    return {key: value for key, value in cast("dict[str, Json]", message).items() if key != "id"}

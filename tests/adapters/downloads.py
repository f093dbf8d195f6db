"""A provider with files and the storage it redirects to, each a real server, for tests of downloads."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.addresses import Address, Resolve, system_addresses
from adapters.auth import Auth, Bearer
from adapters.settings import TokenSettings
from adapters.upstream import ByteRange, Transport, UpstreamClient
from gateway.demo.content import served
from gateway.demo.server import LoopbackServers
from tests.support import run

from .upstreams import TOKEN, read_error

CONTENT = bytes(range(256)) * 40


@dataclass(slots=True)
class Party:
    """A server. `seen` has the headers of each request to it, by its path."""

    url: str = ""
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])

    def note(self, request: Request) -> None:
        self.seen.append((request.url.path, dict(request.headers)))

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]

    @property
    def credentials(self) -> list[str | None]:
        return [headers.get("authorization") for _, headers in self.seen]


@dataclass(slots=True)
class Parties:
    """`locations` are where the provider's `/base/to/{n}` redirects to; "{storage}" in them is the storage."""

    provider: Party
    storage: Party
    locations: list[str] = field(default_factory=list[str])

    def location(self, number: int) -> str:
        return self.locations[number].format(storage=self.storage.url, provider=self.provider.url)


@contextmanager
def parties() -> Generator[Parties]:
    state = Parties(Party(), Party())

    async def file(request: Request) -> Response:
        party = state.provider if request.url.path.startswith("/base") else state.storage
        party.note(request)
        return served(request, CONTENT, "application/pdf", {"set-cookie": "a=b", "x-secret": "s"})

    async def redirect(request: Request) -> Response:
        state.provider.note(request)
        status = int(request.query_params.get("status", 302))
        return Response(None, status, {"location": state.location(int(request.path_params["number"]))})

    async def failing(request: Request) -> Response:
        party = state.provider if request.url.path.startswith("/base") else state.storage
        party.note(request)
        return JSONResponse({"message": "the words"}, int(request.path_params["status"]), {"retry-after": "7"})

    async def back(request: Request) -> Response:
        state.storage.note(request)
        return Response(None, 302, {"location": f"{state.provider.url}/base/file"})

    routes = [
        Route("/base/to/{number:int}", redirect),
        Route("/back", back),
        *(Route(f"{root}/status/{{status:int}}", failing) for root in ("", "/base")),
        *(Route(f"{root}/{{rest:path}}", file) for root in ("/base", "")),
    ]
    app = Starlette(routes=routes)
    with LoopbackServers({"provider": app, "storage": app}) as servers:
        state.provider.url, state.storage.url = servers.urls["provider"], servers.urls["storage"]
        yield state


async def taken(
    upstream: UpstreamClient, *segments: str, part: ByteRange | None = None, **params: int
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and content of a download that is read to its end."""
    async with upstream.download(*segments, params=params, part=part) as download:
        content = b"".join([chunk async for chunk in download.chunks])
        return download.status, dict(download.headers), content


@dataclass(slots=True)
class Known:
    """A resolver that knows these hosts. `asked` has what it was asked for."""

    hosts: dict[str, Sequence[str]]
    asked: list[str] = field(default_factory=list[str])

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        await asyncio.sleep(0)
        self.asked.append(host)
        if host not in self.hosts:
            raise OSError(f"{host} is not known")
        return [ip_address(text) for text in self.hosts[host]]


@asynccontextmanager
async def opened(
    url: str,
    *,
    auth: Auth | None = None,
    resolve: Resolve = system_addresses,
    transport: Transport | None = None,
    **keys: Any,
) -> AsyncGenerator[UpstreamClient]:
    """A client of a provider, closed at the end."""
    settings = TokenSettings.model_validate({"adapter": "acme", "base_url": url, "token": TOKEN, **keys})
    upstream = UpstreamClient(
        "acme",
        settings,
        auth=auth or Bearer(settings.token),
        read_error=read_error,
        transport=transport,
        resolve=resolve,
    )
    try:
        yield upstream
    finally:
        await upstream.aclose()


def downloaded(
    url: str, *segments: str, part: ByteRange | None = None, **keys: Any
) -> tuple[int, dict[str, str], bytes]:
    """One download with a client of its own."""

    async def ask() -> tuple[int, dict[str, str], bytes]:
        async with opened(url, **keys) as upstream:
            return await taken(upstream, *segments, part=part)

    return run(ask())

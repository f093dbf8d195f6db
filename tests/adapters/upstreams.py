"""UpstreamClients over real sockets and the real Rust transport, for tests."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import SecretStr

from adapters.auth import Auth, Bearer
from adapters.error_body import error_message
from adapters.errors import AdapterError, ErrorReading
from adapters.settings import TokenSettings
from adapters.upstream import ErrorReply, UpstreamClient
from tests.support import run

from .raw_server import Answer, raw_server

TOKEN = "upstream-token-3c1d"
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def read_error(reply: ErrorReply) -> ErrorReading:
    return ErrorReading(error_message(reply.json()))


def client(url: str, auth: Auth | None = None, **keys: Any) -> UpstreamClient:
    settings = TokenSettings.model_validate({"adapter": "acme", "base_url": url, "token": TOKEN, **keys})
    return UpstreamClient("acme", settings, auth=auth or Bearer(SecretStr(TOKEN)), read_error=read_error)


def asked(url: str, calls: Callable[[UpstreamClient], Awaitable[Any]], **keys: Any) -> Any:
    """What comes of calls with one client, which is closed after them."""

    async def ask() -> Any:
        upstream = client(url, **keys)
        try:
            return await calls(upstream)
        finally:
            await upstream.aclose()

    return run(ask())


def raw_outcome(answer: Answer, **keys: Any) -> Any:
    """The JSON of a raw reply, or the error in its place."""

    async def ask() -> Any:
        async with raw_server(answer) as server:
            upstream = client(server.url, **keys)
            try:
                return await upstream.get("x")
            except AdapterError as error:
                return error
            finally:
                await upstream.aclose()

    return run(ask())

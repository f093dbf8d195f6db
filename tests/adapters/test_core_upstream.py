"""UpstreamClient over real sockets and the real Rust transport."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters import errors
from adapters.auth import Auth, Bearer
from adapters.errors import (
    BadResponse,
    InvalidInput,
    Unauthenticated,
    Unavailable,
)
from adapters.settings import TokenSettings
from adapters.upstream import UpstreamClient
from gateway.demo.server import LoopbackServers
from tests.support import run

from .raw_server import raw_server, sending
from .upstreams import JSON_HEAD, TOKEN, asked, client, read_error


class CountingAuth(Auth):
    """Credentials "Bearer 0", "Bearer 1" ...; `renewable` says how many there are after the first."""

    def __init__(self, renewable: int) -> None:
        self._renewable = renewable
        self._number = 0

    async def header(self) -> str:
        return f"Bearer {self._number}"

    async def renew(self, rejected: str) -> bool:
        assert rejected == f"Bearer {self._number}"
        if self._number >= self._renewable:
            return False
        self._number += 1
        return True

    def secrets(self) -> tuple[str, ...]:
        return ()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def echo(request: Request) -> Response:
    """What arrived, as JSON."""
    body = await request.body()
    client_port = request.client.port if request.client else None
    return JSONResponse(
        {
            "method": request.method,
            "target": request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else ""),
            "headers": dict(request.headers),
            "body": body.decode(),
            "port": client_port,
        }
    )


async def renewing(request: Request) -> Response:
    """Takes only the second credential."""
    accepted = request.headers.get("authorization") == "Bearer 1"
    return JSONResponse({"message": "expired"} if not accepted else {"ok": True}, 200 if accepted else 401)


async def redirecting(request: Request) -> Response:
    return RedirectResponse("/base/echo", status_code=int(request.query_params["status"]))


async def cookie(request: Request) -> Response:
    response = JSONResponse({"cookies": request.cookies})
    response.set_cookie("session", "1")
    return response


ROUTES = [
    Route("/base/renewing", renewing),
    Route("/base/redirecting", redirecting),
    Route("/base/cookie", cookie),
    Route("/{rest:path}", echo, methods=["GET", "POST", "DELETE"]),
]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with LoopbackServers({"acme": Starlette(routes=ROUTES)}) as servers:
        yield f"{servers.urls['acme']}/base"


def test_request_on_the_wire(base_url: str) -> None:
    async def calls(upstream: UpstreamClient) -> Any:
        return await upstream.get("runs", "a b/c%ü?#", params={"expand": "usage,debug", "q": "a b&c", "n": 2})

    seen = asked(base_url, calls)
    assert seen["method"] == "GET"
    assert seen["target"] == "/base/runs/a%20b%2Fc%25%C3%BC%3F%23?expand=usage,debug&q=a+b%26c&n=2"
    assert seen["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert seen["headers"]["accept"] == "application/json"
    assert seen["headers"]["user-agent"] == "rungraph"
    assert seen["body"] == ""


def test_calls_at_a_time_have_the_same_headers(base_url: str) -> None:
    async def calls(upstream: UpstreamClient) -> Any:
        posts = [upstream.send("POST", ("x",), json=number) for number in range(10)]
        replies = await asyncio.gather(*(upstream.get("x") for _ in range(20)), *posts)
        return [reply["headers"] for reply in replies[:20]]

    first, *others = asked(base_url, calls)
    assert "content-type" not in first
    assert all(other == first for other in others)


def test_json_and_form_bodies(base_url: str) -> None:
    async def calls(upstream: UpstreamClient) -> Any:
        return [
            (await upstream.send("POST", ("x",), json={"a": ["é", 1]}, headers={"x-extra": "1"})).json(),
            (await upstream.send("POST", ("x",), form={"a b": "c&d"})).json(),
            (await upstream.send("DELETE")).json(),
        ]

    as_json, as_form, bare = asked(base_url, calls)
    assert json.loads(as_json["body"]) == {"a": ["é", 1]}
    assert as_json["headers"]["content-type"] == "application/json"
    assert as_json["headers"]["x-extra"] == "1"
    assert (as_form["body"], as_form["headers"]["content-type"]) == ("a+b=c%26d", "application/x-www-form-urlencoded")
    assert (bare["method"], bare["target"]) == ("DELETE", "/base")


def test_connections_are_kept(base_url: str) -> None:
    async def calls(upstream: UpstreamClient) -> set[int]:
        return {(await upstream.get("x"))["port"] for _ in range(5)}

    assert len(asked(base_url, calls)) == 1


def test_an_error_reply_keeps_its_connection() -> None:
    async def ask() -> int:
        reply = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        async with raw_server(sending(reply, keep_alive=True)) as server:
            upstream = client(server.url)
            for _ in range(3):
                with pytest.raises(errors.NotFound):
                    await upstream.get("x")
            await upstream.aclose()
            return server.connections

    assert run(ask()) == 1


def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    async def ask() -> Sequence[Any]:
        async with raw_server(sending(JSON_HEAD + b"content-length: 2\r\n\r\n{}")) as server:
            upstream = client(server.url)
            replies = [await upstream.get("x") for _ in range(3)]
            await upstream.aclose()
            return replies

    assert run(ask()) == [{}, {}, {}]


def test_cookies_are_not_kept(base_url: str) -> None:
    async def calls(upstream: UpstreamClient) -> Any:
        await upstream.get("cookie")
        return await upstream.get("cookie")

    assert asked(base_url, calls) == {"cookies": {}}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(base_url: str, status: int) -> None:
    with pytest.raises(BadResponse) as caught:
        asked(base_url, lambda upstream: upstream.get("redirecting", params={"status": status}))
    assert caught.value.upstream_status == status


def test_a_refused_credential_is_renewed_once(base_url: str) -> None:
    assert asked(base_url, lambda upstream: upstream.get("renewing"), auth=CountingAuth(1)) == {"ok": True}


@pytest.mark.parametrize("renewable", [0, 2])
def test_a_refused_credential_is_an_error(base_url: str, renewable: int) -> None:
    """Without another one; and with one that is refused too, which is not renewed again."""
    auth = CountingAuth(renewable)
    auth._number = 2 if renewable else 0  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Unauthenticated, match="expired"):
        asked(base_url, lambda upstream: upstream.get("renewing"), auth=auth)


def test_connection_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unavailable):
            asked(url, lambda upstream: upstream.get("x"))


def test_no_tls_on_the_other_side() -> None:
    async def ask() -> None:
        reply = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
        async with raw_server(sending(reply), unasked=True) as server:
            upstream = client(server.url.replace("http:", "https:"))
            with pytest.raises(Unavailable):
                await upstream.get("x")
            await upstream.aclose()

    run(ask())


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_relative_segments_are_refused(segment: str) -> None:
    with pytest.raises(InvalidInput):
        asked("http://127.0.0.1:9", lambda upstream: upstream.get("runs", segment, "steps"))


def test_text_that_can_not_be_sent_is_refused() -> None:
    calls: Sequence[Callable[[UpstreamClient], Awaitable[Any]]] = (
        lambda upstream: upstream.get("\ud800"),
        lambda upstream: upstream.get("x", params={"a": "\ud800"}),
        lambda upstream: upstream.send("POST", json={"a": "\ud800"}),
        lambda upstream: upstream.send("POST", form={"a": "\ud800"}),
        lambda upstream: upstream.get("a" * 200_000),
    )
    for call in calls:
        with pytest.raises(InvalidInput):
            asked("http://127.0.0.1:9", call)


def test_transport_is_closed_once_and_for_all() -> None:
    class Closing(httpx.AsyncBaseTransport):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    transport = Closing()
    settings = TokenSettings.model_validate({"adapter": "acme", "base_url": "http://x.example", "token": TOKEN})
    auth = Bearer(settings.token)
    run(UpstreamClient("acme", settings, auth=auth, read_error=read_error, transport=transport).aclose())
    assert transport.closed == 1

"""Providers that say back what they were sent, in every way a reply can."""

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, unquote

import httpx
import pytest

from gateway.app import create_app
from gateway.demo.world import DemoWorld
from gateway.settings import parse

from .asking import NO_CACHE, Gateway, eager
from .calls import PROVIDERS, ended_run, on_run
from .conftest import secrets

Answer = Callable[[httpx.Request], httpx.Response]

WAYS: Mapping[str, Callable[[int, str], httpx.Response]] = {
    "in a message": lambda status, said: httpx.Response(status, json={"error": {"message": f"no {said}!"}}),
    "in a detail": lambda status, said: httpx.Response(status, json={"detail": [{"loc": [said], "msg": said}]}),
    "as the whole body": lambda status, said: httpx.Response(status, text=said),
    "as JSON": lambda status, said: httpx.Response(status, json=said),
    "as a key": lambda status, said: httpx.Response(status, json={said: said}),
    "as a code": lambda status, said: httpx.Response(status, json={"code": said, "error": said, "reason": said}),
    "in issues": lambda status, said: httpx.Response(
        status, json={"issues": [{"code": said, "message": said}], "hint": said}
    ),
    "as a list": lambda status, said: httpx.Response(status, json={"errors": [{"message": said}], "requestId": said}),
    "in JSON-RPC": lambda status, said: httpx.Response(
        status, json={"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": said, "data": said}}
    ),
    "escaped in a URL": lambda status, said: httpx.Response(status, json={"message": f"no {quote(said, safe='')}"}),
    "in other letters": lambda status, said: httpx.Response(status, json={"message": f"no {said.upper()}"}),
    "in headers": lambda status, said: httpx.Response(
        status, json={}, headers={"x-request-id": said, "location": said, "content-type": said, "retry-after": said}
    ),
    "in a session": lambda status, said: httpx.Response(
        status,
        json={"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": said}},
        headers={"mcp-session-id": said},
    ),
}  # fmt: skip
STATUSES = (200, 302, 400, 401, 403, 404, 429, 500, 503)


@contextmanager
def over(world: DemoWorld, answer: Answer) -> Generator[Gateway]:
    settings = parse({**eager(world, max_retries=0), "cache": NO_CACHE})
    with Gateway(create_app(settings, transport=httpx.MockTransport(answer))) as gateway:
        yield gateway


def ask(gateway: Gateway, world: DemoWorld, provider: str) -> str:
    """The text of an answer about a run, headers included."""
    response = gateway.ask(on_run("status output"), {"id": f"{provider}:{ended_run(world, provider)}"})
    assert response.status_code == 200
    assert set(response.json()) <= {"data", "errors"}
    return f"{response.headers} {response.text}"


@pytest.mark.parametrize(("provider", "with_token"), [*((name, True) for name in PROVIDERS), ("rightbrain", False)])
def test_in_a_reply(world: DemoWorld, caplog: pytest.LogCaptureFixture, provider: str, with_token: bool) -> None:
    """`with_token`: whether the endpoint for access tokens works."""
    caplog.set_level(logging.DEBUG)
    way, status = "", 0

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token" and with_token:
            return httpx.Response(200, json={"access_token": "demo-access-token-1", "expires_in": 60})
        said = request.headers["authorization"]
        return WAYS[way](status, said.split()[-1] if "code" in way else said)

    said: list[tuple[str, int, str]] = []
    with over(world, answer) as gateway:
        for way in WAYS:
            for status in STATUSES:
                caplog.clear()
                text = ask(gateway, world, provider) + caplog.text
                said += [(way, status, secret) for secret in secrets(world) if secret.lower() in unquote(text).lower()]
    assert said == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_in_an_exception(world: DemoWorld, caplog: pytest.LogCaptureFixture, provider: str) -> None:
    caplog.set_level(logging.DEBUG)
    kinds = [httpx.ConnectError, httpx.ReadTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.DecodingError]
    raised: list[type[Exception]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        kind = kinds[len(raised) % len(kinds)]
        raised.append(kind)
        raise kind(f"{request.method} {request.url} {request.headers['authorization']}")

    with over(world, answer) as gateway:
        texts = "".join(ask(gateway, world, provider) for _ in kinds)
    assert raised == kinds
    assert [secret for secret in secrets(world) if secret in texts + caplog.text] == []

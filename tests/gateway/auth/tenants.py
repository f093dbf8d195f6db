"""Simulated providers that many accounts use: the same ids for all, and answers that say whose they are."""

import asyncio
import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from time import time
from typing import Any, NamedTuple, cast

import httpx
import pytest
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app import create_app
from gateway.caching.entry import Clock
from gateway.demo.bridgetown import BridgeTownSimulator
from gateway.demo.eigenpal import EigenpalSimulator
from gateway.demo.refactor import RefactorSimulator
from gateway.demo.server import LoopbackServers
from gateway.demo.simulator import Simulator
from gateway.settings import parse
from tests.gateway.calls import ended_run

PATIENCE = 60
TOKENS: Mapping[str, str] = {"ann": "canary-ann-4f1e", "bob": "canary-bob-77aa", "cat": "canary-cat-0b3d"}
"""The credential of each account at every provider."""


class Call(NamedTuple):
    """A request that reached a provider: of which account, "?" for a credential that is of none, and its session."""

    account: str
    method: str
    path: str
    session: str | None


class Accounts:
    """ASGI: a simulated provider with accounts. `calls` has what reached it.

    `hold` keeps back the answers to GETs until so many have come. `statuses` are errors that an account is answered
    with.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._app = simulator.app()
        self.calls: list[Call] = []
        self.hold = 0
        self.statuses: dict[str, int] = {}

    def reset(self) -> None:
        self.calls.clear()
        self.hold = 0
        self.statuses.clear()
        self.simulator.reset()

    def made(self) -> Counter[tuple[str, str]]:
        """How often each account asked for each path; opening and closing sessions left out."""
        looked = [call for call in self.calls if call.method != "DELETE"]
        return Counter((call.account, call.path) for call in looked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("authorization", "")
        account = next((name for name, token in TOKENS.items() if sent == f"Bearer {token}"), "?")
        path = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        self.calls.append(Call(account, scope["method"], path, headers.get("mcp-session-id")))
        # Nothing of the gateway's own, nor what was meant for another provider, comes along.
        assert not [name for name in headers if name.endswith("-authorization")]
        scope = {**scope, "headers": list(scope["headers"])}
        MutableHeaders(scope=scope)["authorization"] = f"Bearer {self.simulator.token if account != '?' else 'none'}"
        await self._wait()
        if account in self.statuses:
            status = self.statuses[account]
            content, media_type = self.simulator.error_body(status)
            await Response(content, status, media_type=media_type)(scope, receive, send)
            return
        await _marked(self._app, account)(scope, receive, send)

    async def _wait(self) -> None:
        for _ in range(PATIENCE * 200):
            if len(self.calls) >= self.hold:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"only {len(self.calls)} of {self.hold} calls came")


def _marked(app: ASGIApp, account: str) -> ASGIApp:
    """The application, with the account's name in every object of its JSON answers."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        head: list[Message] = []
        body = bytearray()

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.append(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            content = bytes(body)
            headers = MutableHeaders(raw=head[0]["headers"])
            if "json" in headers.get("content-type", "") and content:
                content = json.dumps(_with_account(json.loads(content), account)).encode()
                headers["content-length"] = str(len(content))
            await send(head[0])
            await send({"type": "http.response.body", "body": content})

        await app(scope, receive, mark)

    return marked


def _with_account(document: Any, account: str) -> Any:
    if isinstance(document, dict):
        members = cast("dict[str, Any]", document)
        return {"tenant": account, **{name: _with_account(value, account) for name, value in members.items()}}
    if isinstance(document, list):
        return [_with_account(item, account) for item in cast("list[Any]", document)]
    return document


class World:
    """Providers with accounts, on loopback, and gateways over them."""

    def __init__(self, accounts: Mapping[str, Accounts], urls: Mapping[str, str]) -> None:
        self.accounts = accounts
        self._urls = urls
        self.run_ids = {
            name: f"{name}:{ended_run(cast('Any', self), name)}" for name in ("refactor", "eigenpal", "bridgetown")
        }

    def __getattr__(self, name: str) -> Simulator:
        return self.accounts[name].simulator

    def calls(self) -> list[Call]:
        return [call for accounts in self.accounts.values() for call in accounts.calls]

    def configuration(self, **sections: Any) -> dict[str, Any]:
        """Every caller brings credentials; sections of providers are joined, others stand for themselves."""
        providers = {
            name: {
                "base_url": self._urls[name] + accounts.simulator.prefix,
                "credentials": "caller",
                **sections.pop(name, {}),
            }
            for name, accounts in self.accounts.items()
        }
        return {"providers": providers, **sections}

    @contextmanager
    def gateway(self, clock: Clock = time, **sections: Any) -> Generator[httpx.Client]:
        """A client of a gateway on loopback; `clock` is the one by which runs are kept."""
        app = create_app(parse(self.configuration(**sections)), clock=clock)
        with (
            LoopbackServers({"gateway": app}) as servers,
            httpx.Client(base_url=servers.urls["gateway"], trust_env=False, timeout=PATIENCE) as client,
        ):
            yield client


def credentials(**accounts: str) -> dict[str, str]:
    """Headers: for each provider the credential of an account."""
    return {f"x-{name}-authorization": f"Bearer {TOKENS[account]}" for name, account in accounts.items()}


def everywhere(account: str) -> dict[str, str]:
    return credentials(refactor=account, eigenpal=account, bridgetown=account)


def whose(answer: Any) -> set[str]:
    """The accounts that an answer has data of."""
    text = str(answer)
    return {account for account in (*TOKENS, "?") if f"'tenant': '{account}'" in text}


@pytest.fixture(scope="session")
def running_tenants() -> Iterator[World]:
    accounts = {kind.name: Accounts(kind()) for kind in (RefactorSimulator, EigenpalSimulator, BridgeTownSimulator)}
    with LoopbackServers(accounts) as servers:
        yield World(accounts, servers.urls)


@pytest.fixture
def tenants(running_tenants: World) -> World:
    for accounts in running_tenants.accounts.values():
        accounts.reset()
    return running_tenants

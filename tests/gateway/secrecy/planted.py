"""Providers, Redis and callers whose every secret is a canary, and all that is said around them."""

import gc
import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import MethodType
from typing import Any

import httpx
import pytest

from gateway.auth.keys import PREFIX, hash_of
from gateway.demo import eigenpal_storage
from gateway.demo.server import LoopbackServers
from gateway.demo.simulator import Simulator
from gateway.demo.world import DemoWorld
from tests.gateway.auth.issuer import AUDIENCE, Issuer

from .leaks import canary, core, leaks

NAMES = "literal environment file client redis cache caller refused signature stranger mistake"
SECRETS = {name: canary(name, number) for number, name in enumerate(NAMES.split())}
KEY = PREFIX + canary("apikey", 40)
OTHER_KEY = PREFIX + canary("badkey", 41)
VARIABLE = "RUNGRAPH_TEST_CANARY"
PROVIDERS = ("refactor", "eigenpal", "middesk", "rightbrain", "bridgetown")


class Said:
    """Everything that came out: `outputs` by where, and what was logged at any level by anybody."""

    def __init__(self) -> None:
        self.outputs: list[tuple[str, str | bytes]] = []

    def add(self, where: str, output: str | bytes) -> None:
        self.outputs.append((where, output))

    def answer(self, response: httpx.Response) -> httpx.Response:
        # The address is what the client said, and no answer.
        self.add(f"answer {response.request.method} {response.request.url.path}", str(response.headers))
        self.add(f"answer {response.request.method} {response.request.url.path}", response.content)
        return response


class Listener(logging.Handler):
    """Hears all loggers at all levels, also those that keep to themselves."""

    def __init__(self, said: Said) -> None:
        super().__init__(logging.NOTSET)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.add(f"log {record.name}", self.format(record))

    @contextmanager
    def listening(self) -> Generator[None]:
        # Not what the simulated providers log: of MCP, and of who asks a storage.
        others = ("mcp", "uvicorn.access")
        names = [name for name in logging.root.manager.loggerDict if not name.startswith(others)]
        loggers = [logging.getLogger(), *map(logging.getLogger, names)]
        before = [(logger, logger.level) for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
            if not logger.propagate or logger is logging.root:
                logger.addHandler(self)
        try:
            yield
        finally:
            for logger, level in before:
                logger.setLevel(level)
                logger.removeHandler(self)


def _echo(simulator: Simulator, status: int) -> tuple[bytes, str]:
    """An error that says back what was sent: in a sentence, as HTML in it, as a code."""
    sent = json.dumps(simulator.calls[-1].headers)
    credential = simulator.calls[-1].headers.get("authorization", "").rpartition(" ")[2]
    error = {"message": f"what is {sent} <pre>{credential}</pre>?", "code": credential, "request_id": credential}
    return json.dumps(
        {"error": error, "detail": f"no {credential}", "requestId": credential}
    ).encode(), "application/json"


class Planted:
    """The world, and how a gateway over it is configured. `said` has what comes out of it."""

    def __init__(self, world: DemoWorld, issuer: Issuer, folder: Path) -> None:
        self.world = world
        self.issuer = issuer
        self.said = Said()
        self._folder = folder
        self.token = issuer.token(sub="ann")
        self.bad_token = issuer.token(aud="others")
        world.eigenpal.token = SECRETS["literal"]
        world.refactor.token = SECRETS["environment"]
        world.middesk.token = SECRETS["file"]
        world.bridgetown.token = SECRETS["caller"]
        world.rightbrain.oauth.client_secret = SECRETS["client"]

    @property
    def secrets(self) -> dict[str, str]:
        tokens = {"JWT": self.token, "bad JWT": self.bad_token}
        signed = {name: token.rpartition(".")[2][-40:] for name, token in tokens.items()}
        minted = {"minted": "demo-access-token-"}
        keys = {"key": KEY[len(PREFIX) :], "bad key": OTHER_KEY[len(PREFIX) :]}
        return {**SECRETS, **signed, **minted, **keys}

    def leaks(self) -> list[tuple[str, str]]:
        return leaks(self.secrets, {output: (where, output) for where, output in self.said.outputs}.values())

    def configuration(self, redis_url: str | None = None) -> dict[str, Any]:
        """A configuration with secrets as such, in the environment, and in files."""
        document = self.world.configuration()
        providers = document["providers"]
        providers["refactor"]["token"] = f"env:{VARIABLE}"
        for name, key in (("middesk", "token"), ("rightbrain", "client_secret")):
            place = self._folder / name
            place.write_text(providers[name][key], encoding="utf-8")
            providers[name][key] = f"file:{place}"
        del providers["bridgetown"]["token"]
        providers["bridgetown"]["credentials"] = "caller"
        keys = {"reports": {"hash": hash_of(KEY)}}
        document["auth"] = {"keys": keys, "jwt": {"issuer": self.issuer.url, "audience": AUDIENCE}}
        document["cache"] = {"secret": SECRETS["cache"]}
        if redis_url is not None:
            document["cache"] |= {"url": redis_url, "url_timeout_ms": 10_000}
        return document

    def headers(self, credential: str = KEY, upstream: str = "caller") -> dict[str, str]:
        return {
            "authorization": f"Bearer {credential}",
            "x-bridgetown-authorization": f"Bearer {SECRETS[upstream]}",
            # Of nobody's concern, and still a secret.
            "x-refactor-authorization": SECRETS["stranger"],
            "cookie": f"session={SECRETS['stranger']}",
        }

    def look_into_memory(self) -> None:
        """What any object of ours would say of itself."""
        ours = [one for one in gc.get_objects() if _is_ours(type(one).__module__)]
        for one in ours:
            self.said.add(f"repr of {type(one).__qualname__}", repr(one))
            if type(one).__str__ is not object.__str__:
                self.said.add(f"str of {type(one).__qualname__}", str(one))


def _is_ours(module: str) -> bool:
    # Some classes say something else there than a text.
    return str(module).startswith(("adapters.", "gateway.")) and not str(module).startswith("gateway.demo")


def _signature(*_: str) -> str:
    return core(SECRETS["signature"])


@contextmanager
def planted(folder: Path) -> Generator[Planted]:
    """The providers, running. Their errors quote what they were sent, and what they sign is a canary."""
    issuer = Issuer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv(VARIABLE, SECRETS["environment"])

        def app(simulator: Simulator) -> Any:
            simulator.error_body = MethodType(_echo, simulator)
            return plain(simulator)

        plain = Simulator.app
        patch.setattr(Simulator, "app", app)
        patch.setattr(eigenpal_storage, "_signature", _signature)
        with DemoWorld() as world, LoopbackServers({"issuer": issuer.app()}) as servers:
            issuer.url = servers.urls["issuer"]
            yield Planted(world, issuer, folder)

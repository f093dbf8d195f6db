"""Gateways over simulated providers, and over adapters made up for a test."""

import logging
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from gateway.app import create_app
from gateway.demo.world import DemoWorld
from gateway.settings import parse
from tests.demo.conftest import SettableClock

from .asking import NO_CACHE, Gateway, eager
from .fake import FakeAdapter, app_over

Open = Callable[..., Gateway]
"""Opens a gateway over the simulated providers. Keywords are sections of the configuration: `cache`, `limits` .., and
providers by name, whose keys are added to those they have."""


@pytest.fixture(scope="session")
def clock() -> SettableClock:
    """The simulated providers' clock; every test finds it at the anchor."""
    return SettableClock()


@pytest.fixture(scope="session")
def running_world(clock: SettableClock) -> Iterator[DemoWorld]:
    with DemoWorld(clock=clock) as world:
        yield world


@pytest.fixture
def world(running_world: DemoWorld, clock: SettableClock) -> Iterator[DemoWorld]:
    """All simulated providers, without faults, modes and recorded calls of other tests."""
    clock.set(0)
    running_world.reset()
    yield running_world
    running_world.reset()


@pytest.fixture
def open_gateway(world: DemoWorld) -> Iterator[Open]:
    """Opens gateways that nobody has asked anything yet; they close with the test."""
    with ExitStack() as stack:

        def start(**sections: dict[str, Any]) -> Gateway:
            return stack.enter_context(over(world, **sections))

        yield start


@pytest.fixture
def gateway(open_gateway: Open) -> Gateway:
    """A gateway with the default cache, which is empty."""
    return open_gateway()


OpenFake = Callable[[FakeAdapter], Gateway]
"""Opens a gateway over an adapter that is made up."""


@pytest.fixture
def open_fake() -> Iterator[OpenFake]:
    with ExitStack() as stack:
        yield lambda adapter: stack.enter_context(Gateway(app_over(adapter)))


@pytest.fixture(scope="session")
def running_uncached(running_world: DemoWorld) -> Iterator[Gateway]:
    with over(running_world, cache=dict(NO_CACHE)) as gateway:
        yield gateway


@pytest.fixture
def uncached(running_uncached: Gateway, world: DemoWorld) -> Gateway:
    """A gateway that keeps no runs. It is shared by all tests, so that it may have tokens and sessions already."""
    return running_uncached


def over(world: DemoWorld, **sections: dict[str, Any]) -> Gateway:
    """A gateway over simulated providers; sections as for `Open`. No fault outlasts itself."""
    document = eager(world)
    for name, section in sections.items():
        part = document if name in ("cache", "documents", "feed", "limits", "server") else document["providers"]
        part[name] = {**part.get(name, {}), **section}
    return Gateway(create_app(parse(document)))


@pytest.fixture
def nothing_secret_is_said(world: DemoWorld, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test after which a credential stands in an answer or in the log, whatever its level."""
    caplog.set_level(logging.DEBUG)
    Gateway.said.clear()
    yield
    said = "".join((*Gateway.said, caplog.text))
    assert [secret for secret in secrets(world) if secret in said] == []


def secrets(world: DemoWorld) -> list[str]:
    """Everything that gateways over simulated providers must keep to themselves."""
    client = f"{world.rightbrain.client_id}:{world.rightbrain.client_secret}"
    tokens = [simulator.token for simulator in world.simulators.values()]
    return [*tokens, world.rightbrain.client_secret, b64encode(client.encode()).decode(), "demo-access-token-"]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]

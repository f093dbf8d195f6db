"""Operations that schemathesis makes of the schema it reads from a gateway: no server errors, whatever they ask for."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.demo.faults import Fault
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import parse
from tests.support import tries

if os.environ.get("CI") != "true":
    pytest.importorskip("schemathesis")
import schemathesis
from schemathesis.graphql import nodes
from schemathesis.specs.graphql import scalars

EXAMPLES = 15
"""How many operations are made for each root field."""
DOWN = "eigenpal"
FINE = {200, 400}
"""A request that can't be executed is a 400, and everything else a 200, whatever has become of the providers."""


@pytest.fixture(scope="module")
def world() -> Iterator[DemoWorld]:
    with DemoWorld() as world:
        yield world


@pytest.fixture(scope="module")
def url(world: DemoWorld) -> Iterator[str]:
    document = world.configuration()
    # Every operation reaches the providers.
    cache = {"terminal_ttl": 0, "live_ttl": 0, "waiting_ttl": 0, "not_found_ttl": 0, "reuse_answers": False}
    with LoopbackServers({"gateway": create_app(parse({**document, "cache": cache}))}) as servers:
        yield f"{servers.urls['gateway']}/graphql"


@pytest.fixture(autouse=True)
def values(world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arguments hold: mostly what means something here, such as ids of runs."""
    ids, of_down = (
        [f"{name}:{native_id}" for name in names for native_id in world.simulators[name].native_ids()[:8]]
        for names in (world.simulators, [DOWN])
    )
    names = [*world.simulators, "nobody"]
    text = st.text(max_size=20)
    known: Mapping[str, st.SearchStrategy[Any]] = {
        "ID": (st.sampled_from(ids) | st.sampled_from(of_down) | st.sampled_from(names).map("{}:x".format) | text).map(
            nodes.String
        ),
        "String": (st.sampled_from(names) | text).map(nodes.String),
        "Int": (st.integers(1, 20) | st.integers(-(2**31), 2**31 - 1)).map(nodes.Int),
    }
    for name, strategy in known.items():
        monkeypatch.setitem(scalars.CUSTOM_SCALARS, name, strategy)


def codes_of(operation: Any) -> set[str]:
    """The codes of the errors that generated operations on one root field lead to; fails where one is a server's."""
    codes: set[str] = set()

    @settings(
        tries(EXAMPLES),
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        response = case.call()
        answer = response.json()
        assert response.status_code in FINE, (case.body, answer)
        errors = answer.get("errors", [])
        wrong = [error for error in errors if error["extensions"]["code"] == "INTERNAL"]
        assert not wrong, (case.body, wrong)
        codes.update(error["extensions"]["code"] for error in errors)

    ask()
    return codes


def audited(url: str) -> dict[str, set[str]]:
    """The codes by root field."""
    schema: Any = schemathesis.graphql.from_url(url)
    operations = [result.ok() for result in schema.get_all_operations()]
    return {operation.label: codes_of(operation) for operation in operations}


def test_all_providers_are_up(url: str, world: DemoWorld) -> None:
    world.reset()
    codes = audited(url)

    assert len(codes) >= 6
    # Whatever was refused was the client's doing; and the providers were really asked.
    assert set().union(*codes.values()) == {"INVALID_INPUT"}
    assert [name for name, simulator in world.simulators.items() if not simulator.calls] == []


def test_one_provider_is_down(url: str, world: DemoWorld) -> None:
    world.reset()
    world.simulators[DOWN].faults.add(Fault(status=503))
    codes = audited(url)

    assert set().union(*codes.values()) == {"INVALID_INPUT", "UNAVAILABLE"}
    assert [name for name, simulator in world.simulators.items() if not simulator.calls] == []

"""The probes of graphql-cop, which is a script in a repository and in no package registry.

Each asks what the probe of that name there asks. What it calls a finding is a finding here, but for two that are
wanted: reading the schema and asking by GET, both of which can be switched off, or are safe.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import parse

TYPENAME = "query cop { __typename }"
CIRCLE = (
    "query cop { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } "
    "} } } } }"
)


class Target:
    """An endpoint, and the ways in which the probes ask it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, query: str) -> dict[str, Any]:
        return self.post(json={"query": query, "operationName": "cop"}).json()

    def post(self, **content: Any) -> httpx.Response:
        return httpx.post(self._url, timeout=60, trust_env=False, **content)

    def get(self, query: str | None = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        params = None if query is None else {"query": query}
        return httpx.get(self._url, params=params, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def targets() -> Iterator[Mapping[str, Target]]:
    """A gateway as it is by default, and one that shows nothing of itself."""
    with DemoWorld() as world:
        document = world.configuration()
        closed = {"introspection": False, "graphiql": False}
        apps = {
            "default": create_app(parse(document)),
            "closed": create_app(parse({**document, "server": closed})),
        }
        with LoopbackServers(apps) as servers:
            yield {name: Target(f"{url}/graphql") for name, url in servers.urls.items()}


@pytest.fixture
def target(targets: Mapping[str, Target]) -> Target:
    return targets["default"]


@pytest.fixture
def closed(targets: Mapping[str, Target]) -> Target:
    return targets["closed"]


def test_alias_overloading(target: Target) -> None:
    answer = target.query("query cop { " + " ".join(f"alias{number}:__typename" for number in range(101)) + " }")
    assert answer.get("data") is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_INPUT"}


def test_directive_overloading(target: Target) -> None:
    answer = target.query("query cop { __typename " + "@aa" * 10 + " }")
    # Not one error for each of them.
    assert 1 <= len(answer["errors"]) < 10


def test_field_duplication(target: Target) -> None:
    answer = target.query("query cop { " + "__typename \n" * 500 + " }")
    assert answer.get("data") is None


def test_batches(target: Target) -> None:
    response = target.post(json=[{"query": TYPENAME}] * 10)
    assert response.status_code == 400
    assert list(response.json()) == ["errors"]


def test_circular_introspection(target: Target, closed: Target) -> None:
    for one in (target, closed):
        answer = one.query(CIRCLE)
        assert answer.get("data") is None
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_INPUT"}


def test_mutations_by_get(target: Target) -> None:
    assert target.get("mutation cop { __typename }").json().get("data") is None


def test_urlencoded_posts(target: Target) -> None:
    for content in ({"data": {"query": TYPENAME}}, {"content": TYPENAME}, {"files": {"query": (None, TYPENAME)}}):
        response = target.post(**content)
        assert response.status_code == 415
        assert "data" not in response.json()


def test_the_explorer(target: Target, closed: Target) -> None:
    answers = [one.get(headers={"accept": "text/html"}) for one in (target, closed)]
    kinds = [answer.headers["content-type"].partition(";")[0] for answer in answers]
    assert kinds == ["text/html", "application/json"]


def test_field_suggestions(target: Target, closed: Target) -> None:
    messages = [one.query("query cop { __schema { directive } }")["errors"][0]["message"] for one in (target, closed)]
    # They give away no more than the schema does, where that may be read.
    assert ["Did you mean" in message for message in messages] == [True, False]
    assert "Did you mean" not in closed.query("query cop { provider { name } }")["errors"][0]["message"]


def test_introspection(target: Target, closed: Target) -> None:
    answers = [one.query("query cop { __schema { types { name fields { name } } } }") for one in (target, closed)]
    assert [bool(answer.get("data")) for answer in answers] == [True, False]


def test_queries_by_get(target: Target) -> None:
    """Answered: they change nothing, and no credential goes along by itself, as a cookie would."""
    response = target.get(TYPENAME)
    assert response.json() == {"data": {"__typename": "Query"}}
    assert "set-cookie" not in response.headers


def test_trace_mode(target: Target) -> None:
    for query in (TYPENAME, "query cop { nothing }"):
        assert "tracing" not in str(target.query(query)).lower()


def test_unhandled_errors(target: Target) -> None:
    answer = target.query("qwerty cop { abc }")
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_INPUT"}
    assert [word for word in ("exception", "traceback", "stack", ".py") if word in str(answer).lower()] == []

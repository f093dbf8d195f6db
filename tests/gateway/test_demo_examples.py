"""The demo's example queries: each one runs, and shows what its title says."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.demo.examples import examples
from gateway.demo.world import DemoWorld
from gateway.examples import examples_for
from gateway.graphiql import ExampleQuery
from gateway.settings import parse

from .sending import gateway, post

Answers = Mapping[str, Any]


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    """The `data` of each example by its title."""
    with DemoWorld() as world:
        app = create_app(parse(world.configuration()))
        yield {example.title: data_of(app, example) for example in examples(world)}


def data_of(app: ASGIApp, example: ExampleQuery) -> Any:
    answer = post(app, example.query, variables=json.loads(example.variables or "{}")).json()
    assert list(answer) == ["data"], answer
    return answer["data"]


def test_the_first_one_shows_a_run_of_each_provider(answers: Answers) -> None:
    runs = next(iter(answers.values()))["nodes"]

    assert [run["provider"]["name"] for run in runs] == ["refactor", "eigenpal", "middesk", "rightbrain", "bridgetown"]
    assert {run["status"] for run in runs} == {"SUCCEEDED"}


def test_the_others_show_what_they_are_about(answers: Answers) -> None:
    def about(words: str) -> Any:
        return next(data for title, data in answers.items() if title.startswith(words))

    usages = [run["usage"] for run in about("Usage")["nodes"]]
    assert any(usage and usage["cost"] for usage in usages)
    assert any(usage and usage["credits"] for usage in usages)
    assert all(run["error"]["code"] for run in about("What went wrong")["nodes"])
    eigenpal, middesk = about("Steps")["nodes"]
    assert eigenpal["steps"]
    assert eigenpal["files"]
    assert eigenpal["debug"]["traceId"]
    assert middesk["steps"]
    waiting, interrupted, model = about("What only one provider has")["nodes"]
    assert waiting["humanReview"]
    assert interrupted["interrupts"]
    assert model["outputs"]
    assert about("A run in progress")["run"]["status"] in ("QUEUED", "RUNNING")


def test_a_gateway_of_ones_own_has_examples_that_run() -> None:
    settings = parse({"providers": {"one": {"adapter": "refactor", "base_url": "http://p.test", "token": "t"}}})
    tabs = examples_for(next(iter(settings.providers)))

    assert data_of(gateway(), tabs[0])["providers"][0]["name"] == "one"
    assert json.loads(tabs[1].variables) == {"id": "one:<native id>"}

"""The demo's gateway as a visitor meets it: GraphiQL on live data."""

import re
from collections.abc import Iterator, Sequence

import pytest

from gateway.app import create_app
from gateway.demo.examples import examples
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.graphiql import ExampleQuery
from gateway.settings import parse

from .conftest import OpenGraphiQL

Demo = tuple[str, Sequence[ExampleQuery]]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The URL of the demo's endpoint, and its examples."""
    with DemoWorld() as world:
        tabs = examples(world)
        app = create_app(parse(world.configuration()), examples=tabs)
        with LoopbackServers({"gateway": app}) as servers:
            yield f"{servers.urls['gateway']}/graphql", tabs


def operation_of(example: ExampleQuery) -> str:
    """The name of an example's operation, which is its tab's title."""
    name = re.match(r"query (\w+)", example.query)
    assert name is not None
    return name[1]


def test_every_example_has_a_tab_and_runs(demo: Demo, graphiql_page: OpenGraphiQL) -> None:
    url, tabs = demo
    page = graphiql_page(url)
    names = [operation_of(example) for example in tabs]
    assert page.tabs() == names

    page.run()
    runs = page.result()["data"]["nodes"]
    assert [run["provider"]["name"] for run in runs] == ["refactor", "eigenpal", "middesk", "rightbrain", "bridgetown"]

    for name in names[1:]:
        page.open_tab(name)
        page.run()
        assert list(page.result()) == ["data"], name


def test_the_documentation_describes_a_run(demo: Demo, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(demo[0])

    page.open_panel("Documentation Explorer")
    panel = page.page.locator(".graphiql-plugin")
    panel.get_by_role("link", name="Query", exact=True).click()
    panel.get_by_role("link", name="Run", exact=True).first.click()

    page.page.get_by_text("One execution of an agent, workflow, prompt, task or model").wait_for()
    assert "Tokens, money and credits; null where the provider reports none." in page.panel_text()
    assert "RightbrainRun" in page.panel_text()

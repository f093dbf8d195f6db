"""GraphiQL's page and bundle in a real browser, before a small schema."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL

from gateway import graphiql
from gateway.demo.server import LoopbackServers
from gateway.graphiql import ExampleQuery

from .conftest import OpenGraphiQL


@strawberry.type(description="A planet and what is known of it.")
class Planet:
    name: str = strawberry.field(description="Its English name.")
    moons: int


PLANETS = [Planet(name="Earth", moons=1), Planet(name="Mars", moons=2)]


@strawberry.type
class Query:
    @strawberry.field(description="One planet by its name.")
    def planet(self, name: str) -> Planet | None:
        return next((planet for planet in PLANETS if planet.name == name), None)

    @strawberry.field
    def planets(self) -> list[Planet]:
        return PLANETS


EXAMPLES = (
    ExampleQuery(
        "One planet", "query OnePlanet($name: String!) { planet(name: $name) { name moons } }", '{"name": "Mars"}'
    ),
    ExampleQuery("Every planet", "query EveryPlanet {\n  planets { name }\n}"),
    ExampleQuery("</script><script>alert(1)</script> & <!--", "query Markup { planets { moons } }"),
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The URL of a GraphQL endpoint that shows GraphiQL to a browser."""
    answer = GraphQL[None, None](strawberry.Schema(Query), graphql_ide=None)

    async def show(_: Request) -> Response:
        return graphiql.page("/graphql", EXAMPLES)

    routes = [Route("/graphql", show, methods=["GET"]), Route("/graphql", answer), *graphiql.asset_routes()]
    with LoopbackServers({"planets": Starlette(routes=routes)}) as servers:
        yield servers.urls["planets"] + "/graphql"


def test_a_first_visit_shows_each_example_as_a_tab(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)

    assert page.page.title() == "RunGraph"
    assert page.tabs() == ["OnePlanet", "EveryPlanet", "Markup"]
    assert page.query() == f"# One planet\n{EXAMPLES[0].query}\n"
    assert page.variables() == EXAMPLES[0].variables


def test_running_an_example_shows_its_answer(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)

    page.run()
    assert page.result() == {"data": {"planet": {"name": "Mars", "moons": 2}}}

    page.open_tab("EveryPlanet")
    page.run()
    assert page.result() == {"data": {"planets": [{"name": "Earth"}, {"name": "Mars"}]}}

    page.open_panel("History")
    page.page.locator(".graphiql-history-item").get_by_text("OnePlanet").wait_for()


def test_headers_are_sent_but_never_stored(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)
    page.page.get_by_role("button", name="Headers").click()
    page.page.get_by_role("region", name="Headers").locator(".view-lines:visible").click()
    page.page.keyboard.insert_text('{"X-Planet-Key": "secret"}')

    with page.page.expect_request(endpoint) as sent:
        page.run()

    assert sent.value.headers["x-planet-key"] == "secret"
    assert sent.value.headers["content-type"] == "application/json"
    page.wait_until(lambda: any(key.endswith("graphiql:queries") for key in page.stored()))
    assert "secret" not in str(page.stored())


def test_the_documentation_describes_a_type(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)

    page.open_panel("Documentation Explorer")
    page.page.locator(".graphiql-plugin").get_by_role("link", name="Planet", exact=True).click()

    page.page.get_by_text("A planet and what is known of it.").wait_for()
    assert "Its English name." in page.panel_text()


def test_the_editor_completes_validates_and_formats(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)
    page.open_tab("EveryPlanet")
    editor = page.page.get_by_role("region", name="Operation Editor").locator(".monaco-editor").first

    page.write_query("{ planets { mo } }", cursor=14)
    page.page.keyboard.press("Control+Space")
    editor.locator(".suggest-widget").get_by_text("moons", exact=True).wait_for()
    page.page.keyboard.press("Escape")
    editor.locator(".squiggly-error").first.wait_for()

    page.write_query("# kept\n{planets{moons}}", cursor=0)
    page.page.get_by_role("button", name="Prettify query").click()
    page.wait_until(lambda: page.query() == "# kept\n{\n  planets {\n    moons\n  }\n}\n")


def test_variables_are_formatted(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)

    page.page.get_by_role("button", name="Prettify query").click()

    page.wait_until(lambda: page.variables() == '{\n  "name": "Mars"\n}')


def test_a_returning_visitor_keeps_their_own_tabs(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    first = graphiql_page(endpoint)
    first.page.get_by_role("button", name="Close Tab").first.click()
    first.wait_until(
        lambda: any(key.endswith("tabState") and "OnePlanet" not in text for key, text in first.stored().items())
    )

    second = graphiql_page(endpoint)

    assert second.tabs() == ["EveryPlanet", "Markup"]


def test_the_examples_panel_opens_an_example_in_a_new_tab(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    page = graphiql_page(endpoint)
    page.open_panel("Examples")
    assert page.panel_text().split("\n")[-1] == EXAMPLES[2].title

    page.open_example("One planet")
    page.run()

    assert page.result() == {"data": {"planet": {"name": "Mars", "moons": 2}}}
    assert page.tabs() == ["OnePlanet", "EveryPlanet", "Markup", "OnePlanet"]


def test_assets_are_compressed_and_cached_for_ever(endpoint: str) -> None:
    bundle = httpx.get(endpoint.replace("/graphql", f"{graphiql.ASSETS_PATH}/graphiql.js"))

    assert bundle.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert bundle.headers["content-encoding"] == "gzip"
    assert bundle.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(endpoint.replace("/graphql", f"{graphiql.ASSETS_PATH}/missing.js")).status_code == 404


def test_the_assets_address_names_what_is_committed() -> None:
    """A bundle edited by hand, or built and not committed whole, has another digest than its VERSION."""
    assets = Path(graphiql.__file__).parent / "static" / "graphiql"
    digest = hashlib.sha256()
    for file in sorted(assets.iterdir()):
        if file.name != "VERSION":
            digest.update(f"{file.name}\0".encode() + file.read_bytes())

    assert (assets / "VERSION").read_text(encoding="ascii").strip().endswith(f"-{digest.hexdigest()[:12]}")


def test_a_prefix_goes_before_every_address() -> None:
    text = bytes(graphiql.page("/graphql", (), root_path="/proxy").body).decode()

    assert '"graphqlPath":"/proxy/graphql"' in text
    assert text.count(f'"/proxy{graphiql.ASSETS_PATH}/') == 3


def test_the_page_may_load_nothing_from_elsewhere() -> None:
    answer = graphiql.page("/graphql", EXAMPLES)

    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert bytes(answer.body).count(b"<script") == 2

"""GraphiQL before a gateway that asks who calls."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.app import create_app
from gateway.auth.keys import hash_of
from gateway.demo.server import LoopbackServers
from gateway.settings import parse

from .conftest import OpenGraphiQL
from .graphiql_page import GraphiQLPage

KEY = "rgk_canary-of-the-browser"
PROVIDER = "acme-hidden-provider"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    section = {"adapter": "refactor", "base_url": "http://provider.test/v1", "token": "canary-t0ken"}
    keys = {"visitor": {"hash": hash_of(KEY)}}
    app = create_app(parse({"providers": {PROVIDER: section}, "auth": {"keys": keys}}))
    with LoopbackServers({"gateway": app}) as servers:
        yield f"{servers.urls['gateway']}/graphql"


def send_header(page: GraphiQLPage, value: str) -> None:
    """Write a header into the headers editor, as a visitor does."""
    page.page.get_by_role("button", name="Headers").click()
    page.page.get_by_role("region", name="Headers").locator(".view-lines:visible").click()
    page.page.keyboard.insert_text(value)


def test_a_visitor_says_who_they_are(endpoint: str, graphiql_page: OpenGraphiQL) -> None:
    """The page opens without a key and says what is missing; with one in the headers editor it works."""
    page = graphiql_page(endpoint)
    page.write_query("{ providers { name } }", cursor=0)
    page.run()
    (error,) = page.result()["errors"]
    assert error["message"] == "say who you are: send the header Authorization: Bearer <key>"
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    shown = page.page.content()
    assert [secret for secret in (PROVIDER, "canary-t0ken", "provider.test", "visitor") if secret in shown] == []
    # Browsers log every answer with such a status: that of the schema, which the page asks for, and that of the query.
    refusals = [problem for problem in page.problems if "401 (Unauthorized)" in problem]
    assert refusals == page.problems
    page.problems.clear()

    send_header(page, f'{{"Authorization": "Bearer {KEY}"}}')
    page.run()
    page.wait_until(lambda: "data" in page.result())
    assert page.result() == {"data": {"providers": [{"name": PROVIDER}]}}
    assert KEY not in str(page.stored())


@pytest.mark.parametrize("path", ["/", "/graphql", "/graphql?x=1"])
def test_the_page_tells_a_stranger_nothing(endpoint: str, path: str) -> None:
    root = endpoint.removesuffix("/graphql")
    with httpx.Client(base_url=root, trust_env=False, follow_redirects=True, timeout=60) as client:
        reply = client.get(path, headers={"accept": "text/html"})
        assert reply.status_code == 200
        said = f"{reply.headers}{reply.text}"
        assert [secret for secret in (PROVIDER, "canary-t0ken", "provider.test", "visitor") if secret in said] == []
        # What it shows is asked for like everything else.
        schema = client.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})
        assert (schema.status_code, "Query" in schema.text) == (401, False)

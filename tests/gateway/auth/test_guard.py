"""Nobody gets data without saying who they are, whichever way they ask."""

import re
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from gateway.app import create_app
from gateway.auth.access import access_of
from gateway.auth.callers import RateLimit
from gateway.auth.keys import PREFIX, hash_of, make_key
from gateway.cache import RunCache
from gateway.context import Context
from gateway.demo.world import DemoWorld
from gateway.documents import Documents
from gateway.endpoint import Endpoint
from gateway.graphiql import ASSETS_PATH
from gateway.providers import Providers
from gateway.schema.build import GatewaySchema
from gateway.service import RunService
from gateway.settings import CacheSettings, parse
from tests.gateway.sending import BROWSER, GRAPHQL_RESPONSE, refuse
from tests.support import run

from .asking import ALL, ONE, WRITER, asking, bearer, keys

PROVIDER = {"adapter": "refactor", "base_url": "http://provider.test/v1", "token": "t0ken"}
NAMES = "{ providers { name } }"


def document(**auth: Any) -> dict[str, Any]:
    names = ("refactor", "eigenpal")
    return {"providers": dict.fromkeys(names, PROVIDER), "auth": keys(**auth)}


def answers(*requests: tuple[str, str, dict[str, str]], **sections: Any) -> list[httpx.Response]:
    """The answers of a gateway whose providers nobody may call."""

    async def body() -> list[httpx.Response]:
        settings = parse({**document(), **sections})
        async with asking(settings, transport=httpx.MockTransport(refuse)) as gateway:
            return [await gateway.send(method, path, headers) for method, path, headers in requests]

    return run(body())


CLOSED = (
    ("POST", "/graphql"),
    ("GET", "/graphql?query={providers{name}}"),
    ("HEAD", "/graphql?query={providers{name}}"),
    ("PUT", "/graphql"),
    ("GET", "/export/runs.csv"),
    ("GET", "/export/runs.nothing"),
    ("GET", "/files/refactor:1/output"),
    ("GET", "/anything"),
    ("GET", "/livez/"),
    ("GET", "/livez/../graphql?query={providers{name}}"),
    ("GET", "/livez%2f..%2fgraphql?query={providers{name}}"),
)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer rgk_none"},
        {"authorization": f"Bearer {hash_of(ALL)}"},
        {"authorization": f"Bearer {hash_of(ALL).partition(':')[2]}"},
        {"authorization": ALL},
        {"x-api-key": ALL},
        {"cookie": f"authorization=Bearer {ALL}"},
    ],
    ids=str,
)
def test_a_stranger_gets_nothing(headers: dict[str, str]) -> None:
    for response in answers(*((method, path, headers) for method, path in CLOSED)):
        assert response.status_code == 401, response.request.url
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.headers["cache-control"] == "no-store"
        if response.request.method != "HEAD":
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "UNAUTHENTICATED"
            assert error["extensions"]["requestId"] == response.headers["x-request-id"]
            assert "refactor" not in response.text


def test_a_browser_that_asks_for_data_is_no_exception() -> None:
    (response,) = answers(("GET", "/graphql?query={providers{name}}", {"accept": BROWSER}))
    assert response.status_code == 401
    (posted,) = answers(("POST", "/graphql", {"accept": BROWSER}))
    assert posted.status_code == 401
    (closed,) = answers(("GET", "/graphql", {"accept": BROWSER}), server={"graphiql": False})
    assert closed.status_code == 401


def test_the_form_is_what_the_client_accepts() -> None:
    (response,) = answers(("POST", "/graphql", {"accept": GRAPHQL_RESPONSE}))
    assert response.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"
    assert response.headers["www-authenticate"] == "Bearer"


def test_health_and_the_page_are_open_and_tell_nothing() -> None:
    live, ready, root, page, script = answers(
        ("GET", "/livez", {}),
        ("GET", "/readyz", {}),
        ("GET", "/", {}),
        ("GET", "/graphql", {"accept": BROWSER}),
        ("GET", f"{ASSETS_PATH}/graphiql.js", {}),
    )
    assert [live.status_code, ready.status_code, root.status_code, page.status_code] == [200, 200, 307, 200]
    assert script.status_code == 200
    assert "<!doctype html>" in page.text
    assert not re.search("refactor|eigenpal", page.text)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("authorization", [b"Bearer a\x00b"]),
        ("authorization", [b"Bearer a\tb"]),
        ("authorization", ["Bearer \u00e9".encode("latin-1")]),
        ("authorization", [b"Bearer " + b"a" * 20_000]),
        ("authorization", [b""]),
        ("authorization", [f"Bearer {ALL}".encode(), f"Bearer {ONE}".encode()]),
        ("authorization", [f"Bearer {ALL} {ONE}".encode()]),
    ],
    ids=["control", "tab", "not ASCII", "long", "empty", "twice", "two in one"],
)
def test_a_header_that_can_t_be_meant(header: str, values: list[bytes]) -> None:
    async def body() -> None:
        async with asking(document(), transport=httpx.MockTransport(refuse)) as gateway:
            headers = [(header.encode(), value) for value in values]
            response = await gateway.client.post("/graphql", json={"query": NAMES}, headers=headers)
            assert response.status_code == 400
            assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
            assert header in response.json()["errors"][0]["message"]

    run(body())


def test_each_caller_sees_its_providers_and_no_other() -> None:
    async def body() -> None:
        async with asking(document(), transport=httpx.MockTransport(refuse)) as gateway:
            one, everything = bearer(ONE), bearer(ALL)
            assert await gateway.data(NAMES, everything) == {"providers": [{"name": "refactor"}, {"name": "eigenpal"}]}
            assert await gateway.data(NAMES, one) == {"providers": [{"name": "refactor"}]}
            # What is there for others is refused in the words for what is there for nobody.
            for query in (
                '{{ run(id: "{}:1") {{ id }} }}',
                '{{ node(id: "{}:1") {{ id }} }}',
                '{{ runs(filter: {{ providers: ["{}"] }}) {{ nodes {{ id }} }} }}',
                '{{ usage(filter: {{ providers: ["{}"] }}) {{ total {{ runs }} }} }}',
            ):
                hidden, missing = [
                    (await gateway.ask(query.format(name), one)).json()["errors"] for name in ("eigenpal", "nothing")
                ]
                for errors in (hidden, missing):
                    del errors[0]["extensions"]["requestId"]
                assert str(hidden).replace("eigenpal", "nothing") == str(missing)
            for path in ("/export/runs.csv?providers={}", "/export/runs.ndjson?providers={}"):
                refused = [await gateway.send("GET", path.format(name), one) for name in ("eigenpal", "nothing")]
                assert [response.status_code for response in refused] == [400, 400]
                said = [response.json()["errors"][0]["message"] for response in refused]
                assert said[0].replace("eigenpal", "nothing") == said[1]
                assert "configured ones: refactor" in said[1]

    run(body())


def test_reports_and_lists_name_no_other_provider(world: DemoWorld) -> None:
    async def body() -> None:
        settings = parse({**world.configuration(), "auth": keys()})
        async with asking(settings) as gateway:
            sources = "sources { provider }"
            lists = f"{{ runs {{ nodes {{ id }} {sources} }} usage {{ {sources} }} }}"
            seen = str(await gateway.data(lists, bearer("rgk_other")))
            assert "eigenpal" in seen
            exported = (await gateway.send("GET", "/export/runs.ndjson", bearer("rgk_other"))).text
            assert '"eigenpal:' in exported
            assert not re.search("refactor|middesk|rightbrain|bridgetown", seen + exported)

    run(body())
    assert {name for name, simulator in world.simulators.items() if simulator.calls} == {"eigenpal"}


def test_a_cursor_of_another_caller_leads_nowhere(world: DemoWorld) -> None:
    async def body() -> None:
        async with asking({**world.configuration(), "auth": keys()}) as gateway:
            query = "query($after: String) { runs(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } }"
            theirs = (await gateway.data(query, bearer(ALL)))["runs"]["pageInfo"]["endCursor"]
            refused = (await gateway.ask(query, bearer("rgk_other"), after=theirs)).json()
            assert refused["errors"][0]["extensions"]["code"] == "INVALID_INPUT"

    run(body())


def test_answers_are_not_shared_by_callers_who_see_different_runs(world: DemoWorld) -> None:
    async def body() -> None:
        async with asking({**world.configuration(), "auth": keys()}) as gateway:
            run_id = f"refactor:{world.refactor.by_status['completed'][0]}"
            query = f'{{ run(id: "{run_id}") {{ id status }} }}'
            for _ in range(2):
                for key in (ALL, ONE, WRITER):
                    assert await gateway.data(query, bearer(key)) == {"run": {"id": run_id, "status": "SUCCEEDED"}}
                assert (await gateway.ask(query, bearer("rgk_other"))).json()["data"] == {"run": None}
            got = await gateway.send("GET", "/graphql", bearer(ALL), params={"query": query})
            assert got.headers["cache-control"].startswith("private")
            assert "Authorization" in got.headers["vary"]
            crossed = {**bearer("rgk_other"), "if-none-match": got.headers["etag"]}
            answer = await gateway.send("GET", "/graphql", crossed, params={"query": query})
            assert answer.status_code == 200
            assert answer.json()["data"] == {"run": None}
            unknown = {**bearer("rgk_no"), "if-none-match": "*"}
            assert (await gateway.send("GET", "/graphql", unknown, params={"query": query})).status_code == 401

    run(body())
    assert len(world.refactor.calls) == 1


def test_a_burst_is_allowed_and_then_so_many_a_second() -> None:
    now = 100.0
    limit = RateLimit(2, 3, lambda: now)
    assert [limit.take() for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    now += 0.5
    assert [limit.take(), limit.take()] == [0, 0.5]
    now += 100
    assert [limit.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_rate_is_kept_whatever_is_asked_for() -> None:
    async def body() -> None:
        limited = document(one={"rate": 0.001, "burst": 2})
        async with asking(limited, transport=httpx.MockTransport(refuse)) as gateway:
            assert (await gateway.ask(NAMES, bearer(ONE))).status_code == 200
            assert (await gateway.send("GET", "/export/runs.nothing", bearer(ONE))).status_code == 404
            for path in ("/graphql?query={__typename}", "/export/runs.csv"):
                refused = await gateway.send("GET", path, bearer(ONE))
                assert refused.status_code == 429
                extensions = refused.json()["errors"][0]["extensions"]
                assert (extensions["code"], extensions["retryable"]) == ("RATE_LIMITED", True)
                assert 0 < extensions["retryAfterMs"] <= 1000 * int(refused.headers["retry-after"]) <= 1_000_000
            assert (await gateway.ask(NAMES, bearer(ALL))).status_code == 200

    run(body())


class TestChanges:
    """Operations that change something; the schema has none yet, so that this one is made up."""

    def endpoint(self, *, can_write: bool) -> Starlette:
        @strawberry.type
        class Query:
            @strawberry.field
            def value(self) -> int:
                return 1

        @strawberry.type
        class Mutation:
            @strawberry.mutation
            def change(self) -> int:
                return 2

        schema = GatewaySchema(query=Query, mutation=Mutation)
        schema.use(Documents(schema.graphql_schema, introspection=True))
        service = RunService(RunCache.in_memory(CacheSettings()))

        def new_context(request_id: str, _scope: Scope) -> Context:
            return Context(Providers([]), service, {}, 1, request_id, can_write=can_write)

        return Starlette(routes=[Route("/graphql", Endpoint(schema, new_context, 1 << 20, None))])

    def ask(self, query: str, *, can_write: bool) -> httpx.Response:
        async def body() -> httpx.Response:
            transport = httpx.ASGITransport(self.endpoint(can_write=can_write))
            async with httpx.AsyncClient(transport=transport, base_url="http://g.test") as client:
                return await client.post("/graphql", json={"query": query})

        return run(body())

    def test_need_the_scope_to_write(self) -> None:
        assert self.ask("mutation { change }", can_write=True).json() == {"data": {"change": 2}}
        assert self.ask("{ value }", can_write=False).json() == {"data": {"value": 1}}
        refused = self.ask("query A { value } mutation { change }", can_write=False)
        assert refused.status_code == 200, "two operations, and none is named"
        refused = self.ask("mutation { change }", can_write=False)
        assert refused.status_code == 403
        assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
        assert refused.json()["errors"][0]["extensions"]["code"] == "PERMISSION_DENIED"

    def test_the_scope_is_the_callers(self) -> None:
        seen: list[bool] = []

        async def body() -> None:
            app = create_app(parse(document()), transport=httpx.MockTransport(refuse))

            def note(request: Request) -> Response:
                seen.append(access_of(request.scope).caller.can_write)
                return Response()

            app.router.routes.append(Route("/noted", note))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://g.test") as client:
                for key in (ALL, WRITER):
                    await client.get("/noted", headers=bearer(key))
                assert (await client.get("/noted")).status_code == 401

        run(body())
        assert seen == [False, True]


def test_made_keys_are_random_and_recognisable() -> None:
    made = {make_key() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", key) for key in made)


def test_without_callers_nothing_stands_in_the_way() -> None:
    app = create_app(parse({"providers": {"refactor": PROVIDER}}), transport=httpx.MockTransport(refuse))
    assert app.user_middleware == []

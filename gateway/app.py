"""The server: routes, and what lives as long as it does."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from time import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Lifespan, Receive, Scope, Send

from adapters.upstream import Transport

from . import graphiql
from .cache import RunCache
from .caching.answers import Answers
from .caching.entry import Clock
from .caching.keys import Keys
from .context import Context
from .endpoint import Endpoint
from .examples import examples_for
from .export import EXPORT_PATH, Columns, ExportEndpoint
from .files.endpoint import FilesEndpoint
from .files.paths import FILES_PATH
from .graphiql import ExampleQuery
from .providers import Providers
from .schema import build, run_type_names
from .service import RunService
from .settings import Settings

GRAPHQL_PATH = "/graphql"


class GatewayApp(Starlette):
    """Starlette, with a short cut to the one path that nearly all requests are for."""

    def __init__(self, endpoint: Endpoint, routes: Sequence[BaseRoute], lifespan: Lifespan["GatewayApp"]) -> None:
        super().__init__(routes=[Route(GRAPHQL_PATH, endpoint), *routes], lifespan=lifespan)
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == GRAPHQL_PATH and not scope.get("root_path"):
            await self._endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    examples: Sequence[ExampleQuery] | None = None,
    transport: Transport | None = None,
    clock: Clock = time,
) -> GatewayApp:
    """The gateway as an ASGI application.

    `examples` are the tabs GraphiQL opens with; by default some that fit the configured providers.
    `transport` takes the place of the network towards the providers, `clock` that of the time by which runs are kept.
    """
    keys = Keys.of(settings.cache)
    providers = Providers.open(settings, transport, keys)
    record_types = {provider.adapter.record_type for provider in providers}
    cache = RunCache.open(settings.cache, keys, record_types, clock)
    answers = Answers(settings.cache, clock, cache.counts) if settings.cache.reuse_answers else None
    service = RunService(cache, concurrency=settings.feed.concurrency)
    type_names = run_type_names()
    server = settings.server

    def new_context(request_id: str) -> Context:
        return Context(providers, service, type_names, server.max_ids, request_id, feed_settings=settings.feed)

    tabs = examples_for(providers) if examples is None else examples

    def page(request: Request) -> Response:
        return graphiql.page(GRAPHQL_PATH, tabs, root_path=request.scope.get("root_path", ""))

    schema = build(introspection=server.introspection)
    endpoint = Endpoint(schema, new_context, server.max_body_bytes, page if server.graphiql else None, answers, clock)
    export = ExportEndpoint(Columns(schema.graphql_schema, suggestions=server.introspection), new_context)

    @asynccontextmanager
    async def lifespan(_app: GatewayApp) -> AsyncGenerator[None]:
        yield
        await providers.aclose()
        await cache.close()

    routes: list[BaseRoute] = [
        Route(EXPORT_PATH, export),
        Route(FILES_PATH, FilesEndpoint(new_context)),
        Route("/livez", _healthy),
        Route("/readyz", _healthy),
    ]
    if server.graphiql:
        routes += [*graphiql.asset_routes(), Route("/", _to_graphiql)]
    return GatewayApp(endpoint, routes, lifespan)


def _healthy(_request: Request) -> Response:
    """The process answers, and it only starts with a configuration it can use. Providers that are down don't count."""
    return JSONResponse({"status": "ok"})


def _to_graphiql(request: Request) -> Response:
    return RedirectResponse(request.scope.get("root_path", "") + GRAPHQL_PATH)

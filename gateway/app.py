"""The server: routes, and what lives as long as it does."""

from asyncio import Semaphore
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from time import time
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from adapters.upstream import Transport

from . import graphiql, health
from .auth.access import Access, access_of
from .auth.callers import ANYBODY
from .auth.desk import Desk
from .auth.guard import Guard
from .cache import RunCache
from .caching.answers import Answers
from .caching.entry import Clock
from .caching.keys import Keys
from .context import Context
from .endpoint import VARY, Endpoint
from .examples import examples_for
from .export import EXPORT_PATH, Columns, ExportEndpoint
from .files.endpoint import FilesEndpoint
from .files.paths import FILES_PATH
from .graphiql import ASSETS_PATH, ExampleQuery
from .incoming import headers_of, wants_page
from .limits.cost import Prices
from .limits.settings import TrustMode
from .limits.trusted import TrustedDocuments
from .providers import Providers
from .schema import build, run_type_names
from .service import RunService
from .settings import CacheSettings, Settings

GRAPHQL_PATH = "/graphql"


class GatewayApp(Starlette):
    """Starlette, with a short cut to the one path that nearly all requests are for.

    The short cut leads through `middleware` as every other way does.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        routes: Sequence[BaseRoute],
        lifespan: Lifespan["GatewayApp"],
        middleware: Sequence[Middleware],
    ) -> None:
        super().__init__(routes=[Route(GRAPHQL_PATH, endpoint), *routes], lifespan=lifespan, middleware=middleware)
        self._endpoint: ASGIApp = endpoint
        for outer in reversed(middleware):
            self._endpoint = outer.cls(self._endpoint, *outer.args, **outer.kwargs)

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
    previous: GatewayApp | None = None,
) -> GatewayApp:
    """The gateway as an ASGI application.

    `examples` are the tabs GraphiQL opens with; by default some that fit the configured providers.
    `transport` takes the place of the network towards the providers, `clock` that of the time by which runs are kept.
    `previous` is the one whose place this one takes: its runs are found by whoever may still find them.
    """
    kept: Kept | None = None if previous is None else previous.state.kept
    # What replicas share is found there.
    if kept is not None and (kept.settings != settings.cache or settings.cache.url is not None):
        kept = None
    keys = Keys.of(settings.cache) if kept is None else kept.keys
    providers = Providers.open(settings, transport, keys)
    record_types = {provider.adapter.record_type for provider in providers}
    cache = RunCache.open(settings.cache, keys, record_types, clock) if kept is None else kept.cache
    answers = Answers(settings.cache, clock, cache.counts) if settings.cache.reuse_answers else None
    service = RunService(cache, concurrency=settings.feed.concurrency)
    type_names = run_type_names()
    server = settings.server

    desk = Desk(settings, providers, keys, transport=transport)
    # Without anything to settle, no request pays for it.
    everybody = Access(ANYBODY, providers)
    see: Callable[[Scope], Access] = access_of if desk.is_needed else lambda _: everybody

    def new_context(request_id: str, scope: Scope) -> Context:
        access = see(scope)
        return Context(
            access.providers,
            service,
            type_names,
            server.max_ids,
            request_id,
            feed_settings=settings.feed,
            budget=server.request_budget(),
            can_write=access.caller.can_write,
            root_path=scope.get("root_path", ""),
        )

    # The page is open to everybody, and must not tell what only some may see.
    example = "<provider>" if settings.auth.is_required else next(iter(providers)).name
    tabs = examples_for(example) if examples is None else examples

    def page(scope: Scope) -> Response:
        return graphiql.page(GRAPHQL_PATH, tabs, root_path=scope.get("root_path", ""))

    limits, documents = settings.limits, settings.documents
    # GraphiQL writes documents, which nobody trusts then.
    has_page = server.graphiql and documents.mode is not TrustMode.ENFORCE
    prices = Prices(providers, type_names, settings.feed, server.max_ids, limits.max_cost)
    schema = build(introspection=server.introspection, limits=limits, prices=prices)
    endpoint = Endpoint(
        schema,
        new_context,
        server.max_body_bytes,
        page if has_page else None,
        answers,
        clock,
        lambda scope: see(scope).view,
        ", ".join((VARY, *desk.credential_headers)),
        TrustedDocuments(documents),
        limits,
    )
    columns = Columns(schema.graphql_schema, suggestions=server.introspection)
    export = ExportEndpoint(columns, new_context, Semaphore(server.max_exports))

    @asynccontextmanager
    async def lifespan(_app: GatewayApp) -> AsyncGenerator[None]:
        yield
        await desk.aclose()
        await providers.aclose()
        await cache.close()

    routes: list[BaseRoute] = [
        Route(EXPORT_PATH, export),
        Route(FILES_PATH, FilesEndpoint(new_context)),
        *health.routes(cache.is_reachable),
    ]
    if has_page:
        routes += [*graphiql.asset_routes(), Route("/", _to_graphiql)]
    guard = [Middleware(Guard, desk, _opened(graphiql=has_page))] if desk.is_needed else []
    app = GatewayApp(endpoint, routes, lifespan, guard)
    app.state.kept = Kept(settings.cache, keys, cache)
    return app


def _opened(*, graphiql: bool) -> Callable[[Scope], bool]:
    """What nobody has to say who they are for: health, and a page that holds no data."""
    paths = ("/livez", "/readyz", "/") if graphiql else ("/livez", "/readyz")

    def is_open(scope: Scope) -> bool:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in paths:
            return True
        if not graphiql:
            return False
        return wants_page(scope, headers_of(scope)) if path == GRAPHQL_PATH else path.startswith(f"{ASSETS_PATH}/")

    return is_open


class Kept(NamedTuple):
    """The runs that an application keeps, and the names it keeps them under."""

    settings: CacheSettings
    keys: Keys
    cache: RunCache


def _to_graphiql(request: Request) -> Response:
    return RedirectResponse(request.scope.get("root_path", "") + GRAPHQL_PATH)

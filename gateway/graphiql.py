"""GraphiQL for the browser: one page with example queries in tabs, and its assets, all served from here.

The assets in `static/graphiql` are built by `tools/graphiql`. Nothing is loaded from another host, so that the page
works in closed networks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_STATIC: Final = Path(__file__).parent / "static" / "graphiql"
# GraphiQL's version and a digest of the bundle, so that a new bundle has a new address.
ASSETS_PATH: Final = f"/graphiql/assets/{(_STATIC / 'VERSION').read_text(encoding='ascii').strip()}"

# Monaco writes <style> elements and style attributes, and draws some marks with data: images.
_CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>RunGraph</title>
<link rel="icon" href="{assets}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{assets}/graphiql.css">
<script type="application/json" id="graphiql-config">{config}</script>
<script src="{assets}/graphiql.js" defer></script>
</head>
<body><div id="graphiql"></div></body>
</html>
"""

# Inside <script> HTML ends the element at "</script" and changes its parsing at "<!--", whatever these are to JSON.
_SCRIPT_SAFE: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True)
class ExampleQuery:
    """A query offered on a first visit, as a tab, and always in the Examples panel.

    `title` is shown in that panel and as the tab's first comment line. The tab itself is named after the query's
    operation, so the operation should have a name. `variables` is JSON text; empty for none.
    """

    title: str
    query: str
    variables: str = ""


def page(graphql_path: str, examples: Sequence[ExampleQuery], *, root_path: str = "") -> HTMLResponse:
    """The GraphiQL page for the endpoint at `graphql_path`, an absolute path on the page's own origin.

    `root_path` is the prefix under which a proxy or a mount serves the application (ASGI `root_path`); it goes before
    `graphql_path` and before the assets' address. Tabs that a returning visitor has in local storage win over the
    examples.
    """
    config = {"graphqlPath": root_path + graphql_path, "examples": [_tab(example) for example in examples]}
    text = _PAGE.format(
        assets=quote(root_path + ASSETS_PATH),
        config=json.dumps(config, separators=(",", ":")).translate(_SCRIPT_SAFE),
    )
    headers = {
        "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        # The GraphQL endpoint answers on the same path, by what the client accepts.
        "Vary": "Accept",
    }
    return HTMLResponse(text, headers=headers)


def asset_routes() -> list[BaseRoute]:
    """Routes for the page's assets, compressed on the way and cacheable for ever, as their address holds a digest."""
    return [Mount(ASSETS_PATH, app=GZipMiddleware(_ImmutableFiles(directory=_STATIC), compresslevel=6))]


class _ImmutableFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _tab(example: ExampleQuery) -> dict[str, str]:
    title = " ".join(example.title.split())
    return {"title": title, "query": f"# {title}\n{example.query.strip()}\n", "variables": example.variables.strip()}

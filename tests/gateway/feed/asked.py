"""`runs` as a client asks for it."""

from collections.abc import Iterator
from typing import Any

from tests.gateway.asking import Gateway

ASKED = """query ($filter: RunFilter, $first: Int, $after: String) {
  runs(filter: $filter, first: $first, after: $after) {
    edges { cursor node { SELECTION } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    sources {
      provider scope state error { code message retryAfterMs } fetched skipped missing hasMore reason
    }
  }
}"""


def asked(selection: str = "id createdAt") -> str:
    """A query for a page of runs with this selection on each."""
    return ASKED.replace("SELECTION", selection)


def nodes_of(connection: Any) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


def pages(gateway: Gateway, selection: str = "id createdAt", **variables: Any) -> Iterator[Any]:
    """All pages of a list."""
    after: str | None = None
    for _ in range(200):
        connection = gateway.data(asked(selection), after=after, **variables)["runs"]
        yield connection
        after = connection["pageInfo"]["endCursor"]
        if not connection["pageInfo"]["hasNextPage"]:
            return
    raise AssertionError("no end")


def source(provider: str, scope: str | None = None, **values: Any) -> dict[str, Any]:
    """The report of a source that is OK and has more, but for `values`."""
    return {
        "provider": provider,
        "scope": scope,
        "state": "OK",
        "error": None,
        "fetched": 0,
        "skipped": 0,
        "missing": 0,
        "hasMore": True,
        "reason": None,
        **values,
    }

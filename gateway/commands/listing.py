"""Reads a list of runs, as many pages as it takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .client import Client
from .problems import SOURCE_FIELDS, Source, refuse

MAX_PAGE = 100

QUERY = f"""query Runs($filter: RunFilter, $first: Int, $after: String) {{
  runs(filter: $filter, first: $first, after: $after) {{
    nodes {{
      id nativeId provider {{ name }} kind status rawStatus isTerminal
      createdAt startedAt endedAt durationMs
      target {{ id name version }}
      initiator {{ id name email kind }}
      error {{ code message }}
    }}
    pageInfo {{ hasNextPage endCursor }}
    {SOURCE_FIELDS}
  }}
}}"""
"""Fields that every row of a list carries, so that they cost no further call."""

_WORST_FIRST = ("FAILED", "PARTIAL")


@dataclass(frozen=True, slots=True)
class RunList:
    """The newest runs that fit a filter, and how the sources did."""

    runs: Sequence[Mapping[str, Any]]
    page_info: Mapping[str, Any]
    sources: Sequence[Source]
    errors: Sequence[Mapping[str, Any]]


async def read_runs(
    client: Client, wanted: Mapping[str, Any], limit: int, read: Callable[[int], None] | None = None
) -> RunList:
    """The newest `limit` runs. `read` is told how many there are so far, page by page."""
    runs: list[Mapping[str, Any]] = []
    errors: list[Mapping[str, Any]] = []
    sources: dict[tuple[str, str | None], Source] = {}
    page_info: Mapping[str, Any] = {"hasNextPage": True, "endCursor": None}
    while len(runs) < limit and page_info["hasNextPage"]:
        size = min(limit - len(runs), MAX_PAGE)
        answer = await client.ask(QUERY, {"filter": wanted, "first": size, "after": page_info["endCursor"]})
        page = answer.data.get("runs")
        if page is None:
            raise refuse(answer.errors)
        errors += answer.errors
        runs += page["nodes"]
        page_info = page["pageInfo"]
        for report in page["sources"]:
            key = report["provider"], report["scope"]
            sources[key] = together(sources.get(key), report)
        if read is not None:
            read(len(runs))
    return RunList(runs, page_info, list(sources.values()), errors)


def together(before: Source | None, now: Source) -> Source:
    """The report of one source over pages: the counts of all of them, and the worst that can't be made up for.

    That a page ended early because it had looked through enough is made up for by the next one.
    """
    if before is None:
        return now
    counts = {name: before[name] + now[name] for name in ("fetched", "skipped")}
    stays = before["error"] is not None or before["skipped"] > 0
    worse = before if stays and now["error"] is None else now
    return {**worse, **counts, "hasMore": now["hasMore"]}

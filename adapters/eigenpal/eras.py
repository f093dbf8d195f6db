"""Older shapes of Eigenpal's run document, made into the newest one, so that `parse` knows one shape.

Up to release 0.6 a run came as `{"run": {...}}` with most names at one level; since then it is nested.
"""

from collections.abc import Mapping
from typing import Any, cast

from adapters.model import Json

_MOVED: Mapping[str, tuple[str, ...]] = {
    "executionId": ("id",),
    "runId": ("id",),
    "result": ("output",),
    "createdAt": ("timing", "createdAt"),
    "startedAt": ("timing", "startedAt"),
    "completedAt": ("timing", "completedAt"),
    "durationMs": ("timing", "durationMs"),
    "cancelRequestedAt": ("timing", "cancelRequestedAt"),
    "status": ("execution", "status"),
    "schemaValid": ("execution", "schemaValid"),
    "batchId": ("execution", "batchId"),
    "retryNumber": ("execution", "retry", "number"),
    "previousExecutionId": ("execution", "retry", "previousRunId"),
    "triggerType": ("trigger", "type"),
    "triggeredBy": ("trigger", "by"),
    "sourceId": ("source", "id"),
    "sourceName": ("source", "name"),
    "version": ("source", "version"),
    "agentSlug": ("source", "slug"),
    "requestedSourceRef": ("source", "git", "requestedRef"),
    "resolvedGitRef": ("source", "git", "resolvedRef"),
    "resolvedGitTag": ("source", "git", "resolvedTag"),
    "resolvedCommitSha": ("source", "git", "commitSha"),
    "evalPassed": ("eval", "passed"),
    "evalScore": ("eval", "score"),
    "exampleId": ("eval", "exampleId"),
    "exampleName": ("eval", "example"),
}
"""Where each flat name of the older shape stands today."""


def unwrapped(body: Json) -> tuple[Json, str]:
    """The run in a reply, and its path there: some releases put it under `run`."""
    if isinstance(body, dict):
        document = cast("dict[str, Json]", body)
        if "id" not in document and isinstance(document.get("run"), dict):
            return document["run"], "run"
        return document, ""
    return body, ""


def nested(run: Mapping[str, Json]) -> Mapping[str, Json]:
    """The run with every flat name also at its place in the newest shape, unless something stands there already."""
    if _MOVED.keys().isdisjoint(run):
        return run
    result: dict[str, Any] = dict(run)
    ours: dict[tuple[str, ...], dict[str, Any]] = {(): result}
    for name in _MOVED:
        if name in run:
            *sections, key = _MOVED[name]
            section = _section(ours, tuple(sections))
            if section is not None and section.get(key) is None:
                section[key] = run[name]
    return result


def _section(ours: dict[tuple[str, ...], dict[str, Any]], path: tuple[str, ...]) -> dict[str, Any] | None:
    """The object at a path, as a copy that may be written to; None where something else stands there.

    `ours` holds the copies made so far by path: the document as received is never changed.
    """
    if path in ours:
        return ours[path]
    above = _section(ours, path[:-1])
    if above is None:
        return None
    there = above.get(path[-1])
    if there is not None and not isinstance(there, dict):
        return None
    copy: dict[str, Any] = dict(cast("dict[str, Any]", there or {}))
    above[path[-1]] = ours[path] = copy
    return copy

"""Bridge Town's tools: what each takes, what it returns, and how it says no."""

import re
from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
from mcp.shared.exceptions import MCPError

from .bridgetown_data import PROJECTS, STATUSES, Document
from .bridgetown_runs import RunStore

MAX_LIMIT: Final = 50
DEFAULT_LIMIT: Final = 10


class Refused(Exception):
    """A tool's own error, in the words of the provider's envelope `{error, message, hint}`."""

    def __init__(self, error: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.envelope = {"error": error, "message": message, "hint": hint}


def call(runs: RunStore, name: str, arguments: Mapping[str, Any]) -> Document:
    """What a tool returns. Raises `Refused` for the tool's own errors, `MCPError` for arguments of the wrong type."""
    if name == "get_run":
        return _get_run(runs, _text(arguments, "run_id"))
    if name == "list_runs":
        limit = arguments.get("limit", DEFAULT_LIMIT)
        if not isinstance(limit, int):
            raise MCPError(types.INVALID_PARAMS, "invalid params: limit must be an integer")
        status = _text(arguments, "status") if "status" in arguments else ""
        return _list_runs(runs, _text(arguments, "project_name"), limit, status)
    if name == "list_projects":
        return {"projects": [{"project_name": name} for name in PROJECTS], "total_returned": len(PROJECTS)}
    raise Refused("unknown_tool", f"Unknown tool: {name}", "call tools/list")


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str):
        raise MCPError(types.INVALID_PARAMS, f"invalid params: {name} must be a string")
    return value


def _get_run(runs: RunStore, run_id: str) -> Document:
    wanted = run_id.lower()
    if not re.fullmatch(r"[0-9a-f-]+", wanted):
        raise Refused("invalid_run_id", "run_id must be a UUID or the beginning of one", "hex digits and dashes only")
    if exact := runs.exact(wanted):
        return exact.document
    matching = [run for run in runs.all() if run.id.startswith(wanted)]
    if not matching:
        raise Refused("run_not_found", "no run matches this id", "call list_runs for recent ids")
    if len(matching) > 1:
        raise Refused("ambiguous_run_id", f"run_id is ambiguous: {len(matching)} runs match", "give more of the id")
    return matching[0].document


def _list_runs(runs: RunStore, project: str, limit: int, status: str) -> Document:
    if project not in PROJECTS:
        raise Refused("project_not_found", f"project {project!r} not found", "call list_projects")
    if status and status not in STATUSES:
        raise Refused("invalid_status", f"status must be one of {', '.join(STATUSES)}", "leave it out for all")
    limit = min(max(limit, 1), MAX_LIMIT)
    in_project = (run.row for run in runs.all() if run.project == project)
    found = [row for row in in_project if not status or row.get("status") == status]
    return {"project_name": project, "runs": found[:limit], "total_returned": len(found[:limit])}


def described(*, structured: bool) -> list[types.Tool]:
    """The tools as `tools/list` shows them; an output schema only where results have structured content."""
    text = {"type": "string"}
    run_id = {"run_id": {**text, "description": "Full UUID or the beginning of one"}}
    listing = {"project_name": text, "limit": {"type": "integer", "default": DEFAULT_LIMIT}, "status": text}
    tools: Mapping[str, tuple[str, Document, list[str]]] = {
        "get_run": ("One run with its output", run_id, ["run_id"]),
        "list_runs": ("The latest runs of a project", listing, ["project_name"]),
        "list_projects": ("The projects of this account", {}, []),
    }
    return [
        types.Tool(
            name=name,
            description=description,
            input_schema={"type": "object", "properties": properties, "required": required},
            output_schema={"type": "object", "additionalProperties": True} if structured else None,
            annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True),
        )
        for name, (description, properties, required) in tools.items()
    ]

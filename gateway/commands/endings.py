"""What an exported file says at its end: whether it is whole, and if not, what is missing.

It is read from the bytes, rather than taken for granted because the transfer ended: a file that was cut has none.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote

TAIL_BYTES = 1 << 20
"""More than an end has, in any format."""

Ending = Mapping[str, Any]
"""complete, rows, rowsFailed, error, sources: as `_end` of the NDJSON format has it."""


def _of_csv(tail: bytes) -> Ending | None:
    """From a last line such as `#end complete=false rows=3 incomplete=name/scope:FAILED:TIMEOUT,,`."""
    if not tail.endswith(b"\r\n"):
        return None
    line = tail[:-2].rpartition(b"\r\n")[2].decode("utf-8", "replace").rstrip(",")
    marker, *words = line.split(" ")
    said: dict[str, str] = {}
    for word in words:
        name, _, said[name] = word.partition("=")
    if marker != "#end" or said.get("complete") not in ("true", "false") or not said.get("rows", "").isdecimal():
        return None
    return {
        "complete": said["complete"] == "true",
        "rows": int(said["rows"]),
        "rowsFailed": int(said.get("rowsFailed", "0")),
        "error": said.get("error"),
        "sources": [_source(word) for word in said.get("incomplete", "").split(";") if word],
    }


def _source(word: str) -> Mapping[str, Any]:
    name, state, code = (*word.split(":"), "", "")[:3]
    provider, _, scope = name.partition("/")
    error = {"code": code, "message": None} if code else None
    return {"provider": provider, "scope": unquote(scope) or None, "state": state, "reason": None, "error": error}


def _of_ndjson(tail: bytes) -> Ending | None:
    if not tail.endswith(b"\n"):
        return None
    try:
        line: Any = json.loads(tail[:-1].rpartition(b"\n")[2])
    except ValueError:
        return None
    document = cast("dict[str, Any]", line) if isinstance(line, dict) else {}
    return document["_end"] if list(document) == ["_end"] else None


def _of_parquet(tail: bytes) -> Ending | None:
    """From the metadata in the footer, where keys and values stand as plain text."""
    before, key, after = tail.rpartition(b"rungraph_end")
    start = after.find(b"{")
    if not before or not key or start < 0 or not tail.endswith(b"PAR1"):
        return None
    try:
        return json.JSONDecoder().raw_decode(after[start:].decode("utf-8", "replace"))[0]
    except ValueError:
        return None


FORMATS: Mapping[str, Callable[[bytes], Ending | None]] = {
    "csv": _of_csv,
    "ndjson": _of_ndjson,
    "parquet": _of_parquet,
}
"""How the end of each format is read; None where there is none: the file was cut."""

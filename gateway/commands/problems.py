"""What went wrong, as lines for standard error, and the exit code it leads to."""

from collections.abc import Mapping, Sequence
from typing import Any

from .exits import CommandError, ExitCode
from .terminal import say

Source = Mapping[str, Any]
"""A report of `sources` in a GraphQL answer."""

SOURCE_FIELDS = """sources {
    provider scope state fetched skipped hasMore reason
    error { code message retryAfterMs }
  }"""

REFUSED = frozenset({"INVALID_INPUT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNSUPPORTED"})
"""Codes of errors that another try won't change."""


def error_line(error: Mapping[str, Any]) -> str:
    """An entry of `errors` in one line: where, what, code."""
    path = ".".join(str(part) for part in error.get("path") or ())
    code = code_of(error)
    message = str(error.get("message") or "an error without a message")
    return (f"{path}: " if path else "") + message + (f" ({code})" if code else "")


def code_of(error: Mapping[str, Any]) -> str | None:
    """The code of an entry of `errors`."""
    extensions: Mapping[str, Any] = error.get("extensions") or {}
    code = extensions.get("code")
    return code if isinstance(code, str) else None


def refuse(errors: Sequence[Mapping[str, Any]]) -> CommandError:
    """The error for an answer without data: a definite no, or that nobody could look."""
    first = errors[0] if errors else {"message": "the answer is empty"}
    code = ExitCode.NO if code_of(first) in REFUSED else ExitCode.INCOMPLETE
    return CommandError(str(error_line({**first, "path": None})), code)


def source_line(source: Source) -> str | None:
    """How a source did, in one line; None where it did all that was asked."""
    if source["state"] == "OK":
        return None
    name = source["provider"] + (f" ({source['scope']})" if source["scope"] else "")
    error = source["error"]
    parts = [source["state"].lower()]
    if error is not None:
        wait = error.get("retryAfterMs")
        after = "" if wait is None else f", retry after {wait / 1000:.0f} s"
        parts.append(" ".join(filter(None, (error["message"], f"({error['code']}{after})"))))
    if source["reason"]:
        parts.append(source["reason"])
    return f"{name}: {': '.join(parts[:2])}{''.join(f' {part}' for part in parts[2:])}"


def is_incomplete(sources: Sequence[Source]) -> bool:
    """Whether runs are missing. A provider that can't list, or lacks a scope, is said but is no failure."""
    return any(source["state"] in ("FAILED", "PARTIAL") for source in sources)


def say_sources(sources: Sequence[Source]) -> ExitCode:
    """Say what is missing on standard error; the exit code that follows."""
    for line in filter(None, map(source_line, sources)):
        say(line)
    return ExitCode.INCOMPLETE if is_incomplete(sources) else ExitCode.DONE

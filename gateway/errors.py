"""Errors as clients see them: one code each, one set of extensions, nothing unexpected shown."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import FieldNode, GraphQLError

from adapters.errors import AdapterError, ErrorCode

from . import encoding
from .crashes import report

log = logging.getLogger(__name__)

MASKED = "Something went wrong in the gateway. Its log has the details under this request id."


class RequestError(Exception):
    """A client's mistake that never went upstream. `str()` and `extensions` are shown to the client."""

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        code: ErrorCode = ErrorCode.INVALID_INPUT,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.code = code
        self.extensions = extensions or {}


def present(errors: Sequence[GraphQLError], request_id: str, most: int) -> list[dict[str, Any]]:
    """The `errors` entries of an answer: the first `most`, and one more that says how many were left out.

    Unexpected ones are masked, and logged once each.
    """
    logged: set[int] = set()
    entries = [_entry(error, request_id, logged) for error in errors[:most]]
    if (left_out := len(errors) - most) > 0:
        extensions = {"code": ErrorCode.UNKNOWN.value, "retryable": False, "leftOut": left_out, "requestId": request_id}
        entries.append({"message": f"There are {left_out} more errors.", "extensions": extensions})
    return entries


def _entry(error: GraphQLError, request_id: str, logged: set[int]) -> dict[str, Any]:
    cause = _cause(error)
    message = error.message
    extensions: dict[str, Any]
    if isinstance(cause, AdapterError):
        extensions = adapter_extensions(cause)
    elif isinstance(cause, RequestError):
        extensions = {"code": cause.code.value, "retryable": False, **cause.extensions}
        if cause.provider is not None:
            extensions["provider"] = cause.provider
    elif cause is None and _is_about_the_request(error):
        extensions = {"code": ErrorCode.INVALID_INPUT.value, "retryable": False}
    else:
        if id(cause or error) not in logged:
            logged.add(id(cause or error))
            log_unexpected(cause or error, request_id, ".".join(map(str, error.path or ())))
        message = MASKED
        extensions = {"code": ErrorCode.INTERNAL.value, "retryable": False}
    entry: dict[str, Any] = {"message": message}
    if error.locations:
        entry["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        entry["path"] = error.path
    entry["extensions"] = {**extensions, "requestId": request_id}
    return entry


def refused(
    message: str, code: ErrorCode, request_id: str, *, retryable: bool = False, retry_after_ms: int | None = None
) -> bytes:
    """The document for a request that goes no further, in the form of GraphQL errors."""
    extensions: dict[str, Any] = {"code": code.value, "retryable": retryable, "requestId": request_id}
    if retry_after_ms is not None:
        extensions["retryAfterMs"] = retry_after_ms
    return encoding.dumps({"errors": [{"message": message, "extensions": extensions}]})


def adapter_extensions(error: AdapterError) -> dict[str, Any]:
    """The extensions of an error of a provider. Keys whose value is unknown are left out."""
    known = {
        "retryAfterMs": error.retry_after_ms,
        "upstreamStatus": error.upstream_status,
        "upstreamCode": error.raw_code,
        "upstreamRequestId": error.upstream_request_id,
    }
    return {
        "code": error.code.value,
        "provider": error.provider,
        "retryable": error.retryable,
        **{key: value for key, value in known.items() if value is not None},
    }


def log_unexpected(error: BaseException, request_id: str, where: str) -> None:
    """One log entry with the trace."""
    kind = type(error).__qualname__
    log.error("request %s: unexpected %s at %s\n%s", request_id, kind, where or "the root", report(error))


def _is_about_the_request(error: GraphQLError) -> bool:
    """Whether an error of graphql-core is about the client's words: syntax, validation, variables, arguments.

    The only ones with a path are about arguments: they point at a value, where errors of results point at a field.
    """
    return error.path is None or (bool(error.nodes) and not isinstance(error.nodes[0], FieldNode))


def _cause(error: GraphQLError) -> BaseException | None:
    """What was raised, below any wrapping by graphql-core; None for an error of its own."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause

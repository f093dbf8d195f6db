"""GraphQL over HTTP, as it comes in: what a request asks for, and what is wrong with one that asks for nothing."""

from collections.abc import Mapping
from typing import Any, cast

import orjson
from msgspec import Struct
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope

from adapters.errors import ErrorCode

from . import accept

METHODS = "GET, HEAD, POST"
DOCUMENT_PARAMETERS = frozenset({"query", "documentId", "extensions"})
"""Parameters that say which document is meant."""

Headers = Mapping[bytes, bytes]
"""Headers by their names in lower case."""


class HttpError(Exception):
    """A request that is not GraphQL over HTTP, with the status that says so."""

    def __init__(self, status: int, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        refused = ErrorCode.PERMISSION_DENIED if status == 403 else ErrorCode.INVALID_INPUT
        self.code = ErrorCode.INTERNAL if status >= 500 else refused


class GraphQLRequest(Struct, frozen=True):
    """The parameters of a GraphQL-over-HTTP request. `size`: of the text that they were in, in bytes."""

    size: int
    query: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None
    """The name of the document, in place of its text."""


def headers_of(scope: Scope) -> Headers:
    """The headers of a request. Of one that comes several times the lines are joined, as HTTP has it."""
    lines: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(lines)
    if len(headers) < len(lines):
        headers = {name: b",".join([value for key, value in lines if key == name]) for name in headers}
    return headers


def text(headers: Headers, name: bytes) -> str:
    """The value of a header; empty where there is none."""
    return headers.get(name, b"").decode("latin-1")


def wants_page(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks for a page to look at, rather than for the answer to a query."""
    if scope["method"] not in ("GET", "HEAD"):
        return False
    parameters = QueryParams(scope["query_string"])
    return DOCUMENT_PARAMETERS.isdisjoint(parameters) and accept.prefers_page(text(headers, b"accept"))


async def read_request(scope: Scope, headers: Headers, receive: Receive, max_body_bytes: int) -> GraphQLRequest:
    """The GraphQL parameters of an HTTP request; HttpError where it is none."""
    method = scope["method"]
    if method == "POST":
        media_type = text(headers, b"content-type").partition(";")[0].strip().lower()
        if media_type != accept.JSON:
            raise HttpError(415, f"the content type must be {accept.JSON}")
        body = await _body(headers, receive, max_body_bytes)
        document = _json(body, "the body")
        if not isinstance(document, dict):
            raise HttpError(400, "the body must be an object; batches are not accepted")
        return _request(cast("dict[str, Any]", document), len(body))
    if method in ("GET", "HEAD"):
        query_string: bytes = scope["query_string"]
        parameters: dict[str, Any] = dict(QueryParams(query_string))
        for name in ("variables", "extensions"):
            if value := parameters.pop(name, ""):
                parameters[name] = _json(value.encode(), f"the {name} parameter")
        return _request(parameters, len(query_string))
    raise HttpError(405, f"the method must be one of {METHODS}", {b"allow": METHODS.encode()})


def _request(parameters: dict[str, Any], size: int) -> GraphQLRequest:
    query: Any = parameters.get("query")
    operation_name: Any = parameters.get("operationName")
    variables, extensions = parameters.get("variables"), parameters.get("extensions")
    document_id = parameters.get("documentId")
    if query is None and document_id is None and not extensions:
        raise HttpError(400, "the query is missing")
    if query is not None and (not isinstance(query, str) or not query):
        raise HttpError(400, "the query must be a text that is not empty")
    for name, value in (("operationName", operation_name), ("documentId", document_id)):
        if value is not None and not isinstance(value, str):
            raise HttpError(400, f"{name} must be a text")
    for name, value in (("variables", variables), ("extensions", extensions)):
        if value is not None and not isinstance(value, dict):
            raise HttpError(400, f"{name} must be an object")
    return GraphQLRequest(size, query, operation_name or None, variables, extensions, document_id)


async def _body(headers: Headers, receive: Receive, max_bytes: int) -> bytearray:
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    is_whole = False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, "the body ended early")
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        is_whole = not message.get("more_body", False)
    return body


def _too_large(max_bytes: int) -> HttpError:
    return HttpError(413, f"the body may hold {max_bytes} bytes at most", {b"connection": b"close"})


def _json(value: bytes | bytearray, what: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise HttpError(400, f"{what} is not valid JSON") from None

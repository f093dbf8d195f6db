"""`GET /files/{run id}/{path}`: one file of a run, passed on while it arrives.

The gateway's credential stays between it and the provider: a client sees the content, the few headers that describe
it, and errors in the form of GraphQL ones.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.budget import CURRENT
from adapters.errors import AdapterError, ErrorCode, InvalidInput, Unsupported
from adapters.upstream import ByteRange, Download
from gateway import encoding
from gateway.context import Context, request_id_for
from gateway.disconnect import ClientWatch
from gateway.errors import RequestError, present, refused
from gateway.providers import Provider
from gateway.streamed import Streamed

from . import headers as described
from .paths import asked_for

log = logging.getLogger(__name__)

METHODS = "GET, HEAD"

STATUSES: Mapping[ErrorCode, int] = {
    ErrorCode.INVALID_INPUT: 400,
    # At the provider. A 401 is the gateway's own word, and asks a client for another credential for the gateway.
    ErrorCode.UNAUTHENTICATED: 502,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.QUOTA_EXCEEDED: 402,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.CANCELLED: 502,
    ErrorCode.POLICY_BLOCKED: 451,
    ErrorCode.UPSTREAM_ERROR: 502,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.BAD_RESPONSE: 502,
    ErrorCode.UNSUPPORTED: 501,
    ErrorCode.INTERNAL: 502,
    ErrorCode.UNKNOWN: 502,
}
"""The HTTP status of each error of a provider."""


class BrokenOff(Exception):
    """A file that ended before its end. Raised through the server, which then cuts the connection: all that is left
    to tell a client that has the headers already."""


@dataclass(frozen=True, slots=True)
class FilesEndpoint:
    """An ASGI application for `FILES_PATH`."""

    new_context: Callable[[str, Scope], Context]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request_id = request_id_for(request.headers.get("x-request-id", ""))
        headers = {**described.GUARDS, "x-request-id": request_id}
        # The download stays open until the answer is sent, and ends with it, however that ends.
        async with AsyncExitStack() as stack:
            client = ClientWatch(receive)
            try:
                try:
                    response = await self._respond(request, request_id, headers, stack)
                except Exception as error:
                    response = _refusal(error, request_id, headers)
                finally:
                    await client.stop()
            except asyncio.CancelledError:
                if not client.caught():
                    raise
                # Nobody is there to answer.
                return
            await response(scope, receive, send)

    async def _respond(
        self, request: Request, request_id: str, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> Response:
        if request.method not in ("GET", "HEAD"):
            body = refused(f"the method must be one of {METHODS}", ErrorCode.INVALID_INPUT, request_id)
            return Response(body, 405, {**headers, "allow": METHODS}, "application/json")
        run_id, path = asked_for(request.scope)
        context = self.new_context(request_id, request.scope)
        provider, native_id = context.locate(run_id)
        is_head = request.method == "HEAD"
        part = None if is_head else ByteRange.of(request.headers.get("range"), request.headers.get("if-range"))
        # Also for HEAD, and then given up: signed URLs of storages are for GET only.
        token = CURRENT.set(context.budget)
        try:
            download = await _opened(provider, native_id, path, part, stack)
        finally:
            CURRENT.reset(token)
        of_content = described.of_content(download.headers)
        if download.status == 416:
            error = InvalidInput("there is no such range in this file", provider=provider.name, upstream_status=416)
            response = _refusal(error, request_id, headers, 416)
            if "content-range" in of_content:
                response.headers["content-range"] = of_content["content-range"]
            return response
        headers = {**headers, **of_content, "content-disposition": described.attachment(path)}
        if is_head:
            response = Response(None, download.status, headers)
            if "content-length" not in headers:
                # Unknown, not 0.
                del response.headers["content-length"]
            return response
        return Streamed(_pieces(download, request_id), download.status, headers, headers["content-type"])


async def _opened(
    provider: Provider, native_id: str, path: str, part: ByteRange | None, stack: AsyncExitStack
) -> Download:
    """The file, its outcome noted in the provider's health."""
    files = provider.files
    if files is None:
        raise Unsupported("its files can't be downloaded here", provider=provider.name)

    async def opened() -> Download:
        return await stack.enter_async_context(files.open_file(provider.adapter.canonical_id(native_id), path, part))

    return await provider.health.watch(opened())


async def _pieces(download: Download, request_id: str) -> AsyncGenerator[bytes]:
    try:
        async for piece in download.chunks:
            yield piece
    except AdapterError as error:
        log.warning("request %s: a file broke off, so the connection is cut: %s", request_id, error)
        # Without what went before it: a server logs that too, and it may hold a signed URL.
        raise BrokenOff(request_id) from None


def _refusal(error: Exception, request_id: str, headers: Mapping[str, str], status: int | None = None) -> Response:
    entries = present([GraphQLError(str(error), original_error=error)], request_id, 1)
    retry_after_ms = None
    if isinstance(error, AdapterError):
        status = status or STATUSES[error.code]
        retry_after_ms = error.retry_after_ms
    elif isinstance(error, RequestError):
        status = 400
    if retry_after_ms is not None:
        headers = {**headers, "retry-after": str(-(-retry_after_ms // 1000))}
    return Response(encoding.dumps({"errors": entries}), status or 500, headers, "application/json")

"""GraphQL over HTTP: one request in, one answer out.

Follows the GraphQL-over-HTTP draft. A client that accepts `application/graphql-response+json` gets 4xx for a request
that could not be executed; one that accepts `application/json` gets 200, as older clients expect.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any, cast

import orjson
from graphql import GraphQLError
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from adapters.budget import CURRENT
from adapters.errors import ErrorCode

from . import accept, encoding
from .caching.answers import Answers, KeptAnswer, Question
from .caching.entry import Clock
from .conditional import cache_headers, is_known
from .context import Context, request_id_for
from .disconnect import ClientWatch
from .errors import MASKED, RequestError, log_unexpected, present, refused
from .limits.cost import shows_cost
from .limits.settings import LimitSettings
from .limits.shape import refusal
from .limits.trusted import TrustedDocuments
from .limits.variables import holds_more
from .schema import GatewaySchema

METHODS = "GET, HEAD, POST"
VARY = "Accept, Authorization"
FORBIDDEN: Mapping[str, str] = {"www-authenticate": 'Bearer error="insufficient_scope"'}
DOCUMENT_PARAMETERS = frozenset({"query", "documentId", "extensions"})
"""Parameters that say which document is meant."""


class HttpError(Exception):
    """A request that is not GraphQL over HTTP, with the status that says so."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        refused = ErrorCode.PERMISSION_DENIED if status == 403 else ErrorCode.INVALID_INPUT
        self.code = ErrorCode.INTERNAL if status >= 500 else refused


class GraphQLRequest(Struct, frozen=True):
    """The parameters of a GraphQL-over-HTTP request."""

    query: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None
    """The name of the document, in place of its text."""


class Answer(Struct, frozen=True):
    """What a client gets. `max_age`: for how many seconds it holds; None where nobody may keep it."""

    status: int
    body: bytes
    max_age: float | None = None


def anybody(_request: Request) -> str:
    """Whom a request comes from, as far as what they may see depends on it: everybody sees the same."""
    return ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An ASGI application for one path. `page` renders GraphiQL for a browser; None where it is switched off.

    `answers` keeps whole answers, apart for each caller that `identify` tells apart; None keeps none. `vary` names the
    headers that an answer depends on.
    """

    schema: GatewaySchema
    new_context: Callable[[str, Scope], Context]
    max_body_bytes: int
    page: Callable[[Request], Response] | None
    answers: Answers | None = None
    clock: Clock = time
    identify: Callable[[Request], str] = anybody
    vary: str = VARY
    trusted: TrustedDocuments = field(default_factory=TrustedDocuments)
    limits: LimitSettings = field(default_factory=LimitSettings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self.page is not None and wants_page(request):
            await self.page(request)(scope, receive, send)
            return
        status, headers, body = await self._respond(request)
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        """The status, headers and body of the answer, whatever the request is."""
        request_id = request_id_for(header(request, b"x-request-id"))
        media_type = accept.answer_type(header(request, b"accept"))
        headers: Mapping[str, str] = {}
        try:
            if media_type is None:
                raise HttpError(406, f"the answer can be {accept.GRAPHQL_RESPONSE} or {accept.JSON}")
            answer = await self._answer(request, request_id, media_type)
        except HttpError as error:
            headers = error.headers
            answer = Answer(error.status, refused(str(error), error.code, request_id))
        headers = {
            **headers,
            **cache_headers(request, answer.body, answer.max_age),
            "x-request-id": request_id,
            "vary": self.vary,
            "x-content-type-options": "nosniff",
        }
        if is_known(request, headers):
            return 304, headers, b""
        content = {
            "content-type": f"{media_type or accept.JSON}; charset=utf-8",
            "content-length": str(len(answer.body)),
        }
        return answer.status, {**headers, **content}, answer.body

    async def _answer(self, request: Request, request_id: str, media_type: str) -> Answer:
        asked = await read_request(request, self.max_body_bytes)
        query = asked.query
        if asked.variables and holds_more(asked.variables, most := self.limits.max_variable_values):
            words = f"The variables hold more than {most} values; the limit is limits.max_variable_values."
            return self._refused([refusal(words)], request_id, media_type)
        if query is None or asked.extensions is not None or self.trusted.is_watching:
            try:
                query = self.trusted.text(query, asked.document_id, asked.extensions)
            except RequestError as error:
                return self._refused([GraphQLError(str(error), original_error=error)], request_id, media_type)
        question = None
        # Who asks for the cost gets it anew, and an answer of their own.
        if self.answers is not None and not shows_cost(asked.extensions):
            who = self.identify(request)
            question = Question.of(who, media_type, query, asked.operation_name, asked.variables)
            if question is not None and (kept := self.answers.get(question)) is not None:
                return Answer(200, kept.body, kept.expires_at - self.clock())
        context = self.new_context(request_id, request.scope)
        result = await self._execute(query, asked, request, context)
        if result.data is None and result.errors and result.errors[0].path is None:
            return self._refused(result.errors, request_id, media_type)
        errors = present(result.errors, request_id, self.limits.max_errors) if result.errors else []
        freshness = context.freshness
        extensions = freshness.extensions()
        if result.extensions:
            extensions = {**extensions, **result.extensions}
        document = {"data": result.data, "errors": errors, "extensions": extensions}
        body = _encoded({key: value for key, value in document.items() if value or key == "data"}, request_id)
        if errors or extensions or freshness.until is None or not context.depends_on_runs_alone:
            return Answer(200, body)
        if not freshness.is_settled:
            return Answer(200, body, 0)
        if question is not None and self.answers is not None:
            self.answers.put(question, KeptAnswer(body, freshness.until))
        return Answer(200, body, freshness.until - self.clock())

    def _refused(self, errors: Sequence[GraphQLError], request_id: str, media_type: str) -> Answer:
        """The answer to a request that was not executed."""
        entries = present(errors, request_id, self.limits.max_errors)
        return Answer(400 if media_type == accept.GRAPHQL_RESPONSE else 200, _encoded({"errors": entries}, request_id))

    async def _execute(self, query: str, asked: GraphQLRequest, request: Request, context: Context) -> ExecutionResult:
        # The answer says which runs are stale.
        context.freshness.allows_stale = True
        token = CURRENT.set(context.budget)
        client = ClientWatch(request.receive)
        may_change = request.method == "POST" and context.can_write
        allowed = {OperationType.QUERY, OperationType.MUTATION} if may_change else {OperationType.QUERY}
        try:
            return await self.schema.execute(
                query,
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation_name,
                allowed_operation_types=allowed,
                operation_extensions=asked.extensions,
            )
        except CannotGetOperationTypeError:
            return ExecutionResult(None, [GraphQLError("operationName must name one of the document's operations.")])
        except InvalidOperationTypeError as error:
            if request.method == "POST" and error.operation_type is OperationType.MUTATION:
                raise HttpError(403, "this caller may read, and change nothing", FORBIDDEN) from None
            raise HttpError(405, f"this operation can't be sent with {request.method}", {"allow": "POST"}) from None
        except Exception as error:
            log_unexpected(error, context.request_id, "the operation")
            raise HttpError(500, MASKED) from None
        except asyncio.CancelledError:
            if client.caught():
                raise HttpError(499, "the client went away") from None
            raise
        finally:
            CURRENT.reset(token)
            context.close()
            await client.stop()


def _encoded(answer: Mapping[str, Any], request_id: str) -> bytes:
    try:
        return encoding.dumps(answer)
    except (RecursionError, TypeError, ValueError) as error:
        # A provider's document may be nested just deeply enough to be read and not written.
        log_unexpected(error, request_id, "the answer")
        raise HttpError(500, MASKED) from None


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page to look at, rather than for the answer to a query."""
    if request.method not in ("GET", "HEAD"):
        return False
    return DOCUMENT_PARAMETERS.isdisjoint(request.query_params) and accept.prefers_page(header(request, b"accept"))


async def read_request(request: Request, max_body_bytes: int) -> GraphQLRequest:
    """The GraphQL parameters of an HTTP request; HttpError where it is none."""
    if request.method in ("GET", "HEAD"):
        parameters: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if text := parameters.pop(name, ""):
                parameters[name] = _json(text.encode(), f"the {name} parameter")
    elif request.method == "POST":
        media_type = header(request, b"content-type").partition(";")[0].strip().lower()
        if media_type != accept.JSON:
            raise HttpError(415, f"the content type must be {accept.JSON}")
        body = _json(await _body(request, max_body_bytes), "the body")
        if not isinstance(body, dict):
            raise HttpError(400, "the body must be an object; batches are not accepted")
        parameters = cast("dict[str, Any]", body)
    else:
        raise HttpError(405, f"the method must be one of {METHODS}", {"allow": METHODS})
    return _parameters(parameters)


def _parameters(parameters: dict[str, Any]) -> GraphQLRequest:
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
    return GraphQLRequest(query, operation_name or None, variables, extensions, document_id)


async def _body(request: Request, max_bytes: int) -> bytearray:
    declared = header(request, b"content-length")
    if declared.isdigit() and int(declared) > max_bytes:
        raise HttpError(413, f"the body may hold {max_bytes} bytes at most", {"connection": "close"})
    body = bytearray()
    is_whole = False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, "the body ended early")
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise HttpError(413, f"the body may hold {max_bytes} bytes at most", {"connection": "close"})
        is_whole = not message.get("more_body", False)
    return body


def _json(text: bytes | bytearray, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise HttpError(400, f"{what} is not valid JSON") from None


def header(request: Request, name: bytes) -> str:
    """The value of a header by its name in lower case, all its lines joined. A third of what Starlette's way costs."""
    return b",".join([value for key, value in request.scope["headers"] if key == name]).decode("latin-1")

"""GraphQL over HTTP: one request in, one answer out.

Follows the GraphQL-over-HTTP draft. A client that accepts `application/graphql-response+json` gets 4xx for a request
that could not be executed; one that accepts `application/json` gets 200, as older clients expect.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import time
from typing import Any

from graphql import GraphQLError
from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from adapters.budget import CURRENT

from . import accept, encoding
from .caching.answers import Answers, KeptAnswer, Question
from .caching.entry import Clock
from .conditional import NOT_KEPT, cache_headers, is_known
from .context import Context, request_id_for
from .disconnect import ClientWatch
from .errors import MASKED, RequestError, log_unexpected, present, refused
from .incoming import GraphQLRequest, Headers, HttpError, headers_of, read_request, text, wants_page
from .limits.cost import shows_cost
from .limits.settings import LimitSettings
from .limits.shape import refusal
from .limits.trusted import TrustedDocuments
from .limits.variables import holds_more
from .schema import GatewaySchema
from .sharing import Shared

VARY = "Accept, Authorization"
FORBIDDEN: Headers = {b"www-authenticate": b'Bearer error="insufficient_scope"'}
_READS = frozenset({OperationType.QUERY})
_READS_AND_WRITES = frozenset({OperationType.QUERY, OperationType.MUTATION})


class Answer(Struct, frozen=True):
    """What a client gets. `max_age`: for how many seconds it holds; None where nobody may keep it."""

    status: int
    body: bytes
    max_age: float | None = None


def anybody(_scope: Scope) -> str:
    """Whom a request comes from, as far as what they may see depends on it: everybody sees the same."""
    return ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An ASGI application for one path. `page` renders GraphiQL for a browser; None where it is switched off.

    `answers` keeps whole answers, apart for each caller that `identify` tells apart; None keeps none. Where it does,
    the same question asked several times at a time is answered once. `vary` names the headers that answers depend on.
    """

    schema: GatewaySchema
    new_context: Callable[[str, Scope], Context]
    max_body_bytes: int
    page: Callable[[Scope], Response] | None
    answers: Answers | None = None
    clock: Clock = time
    identify: Callable[[Scope], str] = anybody
    vary: str = VARY
    trusted: TrustedDocuments = field(default_factory=TrustedDocuments)
    limits: LimitSettings = field(default_factory=LimitSettings)
    under_way: Shared[Question, Answer] = field(
        default_factory=lambda: Shared(lambda answer: answer.max_age is not None)
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = headers_of(scope)
        if self.page is not None and wants_page(scope, sent):
            await self.page(scope)(scope, receive, send)
            return
        status, headers, body = await self._respond(scope, sent, receive)
        await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Scope, sent: Headers, receive: Receive) -> tuple[int, Headers, bytes]:
        """The status, headers and body of the answer, whatever the request is."""
        request_id = request_id_for(text(sent, b"x-request-id"))
        media_type = accept.answer_type(text(sent, b"accept"))
        headers: Headers = {}
        try:
            if media_type is None:
                raise HttpError(406, f"the answer can be {accept.GRAPHQL_RESPONSE} or {accept.JSON}")
            asked = await read_request(scope, sent, receive, self.max_body_bytes)
            answer = await self._answer(asked, scope, receive, request_id, media_type)
        except HttpError as error:
            headers = error.headers
            answer = Answer(error.status, refused(str(error), error.code, request_id))
        is_get = scope["method"] in ("GET", "HEAD")
        headers = {
            **headers,
            **(cache_headers(answer.body, answer.max_age) if is_get else NOT_KEPT),
            b"x-request-id": request_id.encode(),
            b"vary": self.vary.encode(),
            b"x-content-type-options": b"nosniff",
        }
        if is_get and is_known(sent, headers):
            return 304, headers, b""
        headers[b"content-type"] = b"%s; charset=utf-8" % (media_type or accept.JSON).encode()
        headers[b"content-length"] = b"%d" % len(answer.body)
        return answer.status, headers, answer.body

    async def _answer(
        self, asked: GraphQLRequest, scope: Scope, receive: Receive, request_id: str, media_type: str
    ) -> Answer:
        query = asked.query
        # Every value takes two characters, so that a short text can't hold too many.
        most = self.limits.max_variable_values
        if asked.size > 2 * most and asked.variables and holds_more(asked.variables, most):
            words = f"The variables hold more than {most} values; the limit is limits.max_variable_values."
            return self._refused([refusal(words)], request_id, media_type)
        if query is None or asked.extensions is not None or self.trusted.is_watching:
            try:
                query = self.trusted.text(query, asked.document_id, asked.extensions)
            except RequestError as error:
                return self._refused([GraphQLError(str(error), original_error=error)], request_id, media_type)
        question = self._question(query, asked, scope, media_type)
        if question is not None and self.answers is not None and (kept := self.answers.get(question)) is not None:
            return Answer(200, kept.body, kept.expires_at - self.clock())
        # Its time runs while it waits for another one's answer, too.
        context = self.new_context(request_id, scope)
        make = partial(self._made, query, asked, scope["method"], context, media_type, question)
        client = ClientWatch(receive, partial(self.under_way.is_needed, question))
        try:
            return await make() if question is None else await self.under_way.get(question, make)
        except asyncio.CancelledError:
            if client.caught():
                raise HttpError(499, "the client went away") from None
            raise
        finally:
            await client.stop()

    def _question(self, query: str, asked: GraphQLRequest, scope: Scope, media_type: str) -> Question | None:
        """What others may have the answer to, too; None for what is answered for this request alone."""
        # Who asks for the cost gets it anew, and an answer of their own.
        if self.answers is None or shows_cost(asked.extensions):
            return None
        operation = self.schema.operation(query, asked.operation_name)
        if operation is None or not operation.depends_on_runs_alone:
            return None
        return Question.of(self.identify(scope), media_type, query, asked.operation_name, asked.variables)

    async def _made(
        self,
        query: str,
        asked: GraphQLRequest,
        method: str,
        context: Context,
        media_type: str,
        question: Question | None,
    ) -> Answer:
        request_id = context.request_id
        result = await self._execute(query, asked, method, context)
        if result.data is None and result.errors and result.errors[0].path is None:
            return self._refused(result.errors, request_id, media_type)
        freshness = context.freshness
        extensions = {**freshness.extensions(), **(result.extensions or {})}
        document: dict[str, Any] = {"data": result.data}
        if result.errors:
            document["errors"] = present(result.errors, request_id, self.limits.max_errors)
        if extensions:
            document["extensions"] = extensions
        body = _encoded(document, request_id)
        if result.errors or extensions or freshness.until is None or not context.depends_on_runs_alone:
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

    async def _execute(self, query: str, asked: GraphQLRequest, method: str, context: Context) -> ExecutionResult:
        # The answer says which runs are stale.
        context.freshness.allows_stale = True
        token = CURRENT.set(context.budget)
        try:
            return await self.schema.execute(
                query,
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation_name,
                allowed_operation_types=_READS_AND_WRITES if method == "POST" and context.can_write else _READS,
                operation_extensions=asked.extensions,
            )
        except CannotGetOperationTypeError:
            return ExecutionResult(None, [GraphQLError("operationName must name one of the document's operations.")])
        except InvalidOperationTypeError as error:
            if method == "POST" and error.operation_type is OperationType.MUTATION:
                raise HttpError(403, "this caller may read, and change nothing", FORBIDDEN) from None
            raise HttpError(405, f"this operation can't be sent with {method}", {b"allow": b"POST"}) from None
        except Exception as error:
            log_unexpected(error, context.request_id, "the operation")
            raise HttpError(500, MASKED) from None
        finally:
            CURRENT.reset(token)
            context.close()


def _encoded(answer: Mapping[str, Any], request_id: str) -> bytes:
    try:
        return encoding.dumps(answer)
    except (RecursionError, TypeError, ValueError) as error:
        # A provider's document may be nested just deeply enough to be read and not written.
        log_unexpected(error, request_id, "the answer")
        raise HttpError(500, MASKED) from None

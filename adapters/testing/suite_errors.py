"""The error matrix: whatever goes wrong with a call, the right AdapterError, and no secret in it."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import RunAdapter
from adapters.errors import (
    AdapterError,
    BadResponse,
    ErrorCode,
    ErrorReading,
    NotFound,
    RateLimited,
    TimedOut,
    Unavailable,
)
from adapters.model import Json, RunRecord
from adapters.upstream import ErrorReply

from .case import TOKEN, Outcome, fetch
from .fixtures import Exchange, handshake_reply, to_bytes
from .mutations import STABLE
from .suite_base import Suite

STATUSES = (
    *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415, 418, 422, 429, 451, 499),
    *(500, 501, 502, 503, 504, 507, 529),
)
HTML = b"<!doctype html><html><body><h1>Bad Gateway</h1></body></html>"
_ECHO = dict.fromkeys(("message", "detail", "reason", "code", "requestId", "hint", "title", "error_description"), TOKEN)
ECHOES: Sequence[Json] = (
    {**_ECHO, "error": TOKEN},
    {"error": _ECHO, "errors": [_ECHO, TOKEN], "issues": [_ECHO], "detail": [{"loc": [TOKEN], "msg": TOKEN}]},
    {"detail": _ECHO, "message": f"Bearer {TOKEN}: refused, {TOKEN}"},
    {"jsonrpc": "2.0", "id": 2, "error": {"code": -32000, "message": f"refused: {TOKEN}", "data": _ECHO}},
    {"jsonrpc": "2.0", "id": 2, "result": {"isError": True, "content": [{"type": "text", "text": f"bad {TOKEN}"}]}},
    {"jsonrpc": "2.0", "id": 2, "result": {"structuredContent": {**_ECHO, "error": TOKEN}}},
)
"""Error bodies of every usual form, saying the credential that they were sent."""

Fault = Callable[[httpx.Request], Awaitable[httpx.Response]]


class FaultyTransport(httpx.AsyncBaseTransport):
    """Answers every call with one fault; opening an MCP session works. `requests` holds the calls that met it."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        handshake = handshake_reply(request)
        if handshake is not None:
            return handshake
        self.requests.append(request)
        return await self._fault(request)


Oddity = Callable[[bytes], tuple[bytes, dict[str, str]]]
ODDITIES: Sequence[Oddity] = (
    lambda body: (b"\xef\xbb\xbf" + body, {}),
    lambda body: (gzip.compress(body), {"content-encoding": "gzip"}),
    lambda body: (b"\r\n" + body + b"\r\n", {}),
    lambda body: (body, {"content-type": "text/plain"}),
)
"""Ways to put a body on the wire, with the headers they need."""


def replying(status: int, content: bytes = b"", **headers: str) -> Fault:
    """A fault that is a reply."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content, headers=named)

    return reply


def raising(error: BaseException) -> Fault:
    """A fault that is an exception of the HTTP client."""

    async def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


class Endless(httpx.AsyncByteStream):
    """A body of 20 MB in pieces; `sent` counts the pieces that were taken."""

    def __init__(self, piece: bytes = b" " * 65536, pieces: int = 320) -> None:
        self._piece, self._pieces = piece, pieces
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            self.sent += 1
            yield self._piece


BROKEN_BODIES: dict[str, tuple[int, bytes, str]] = {
    "empty": (200, b"", "application/json"),
    "no content": (204, b"", "application/json"),
    "HTML": (200, HTML, "text/html"),
    "HTML that claims to be JSON": (200, HTML, "application/json"),
    "null": (200, b"null", "application/json"),
    "array": (200, b"[1, 2]", "application/json"),
    "text": (200, b'"run"', "application/json"),
    "number": (200, b"7", "application/json"),
    "empty object": (200, b"{}", "application/json"),
    "NaN": (200, b'{"id": NaN}', "application/json"),
    "not UTF-8": (200, b'{"id": "\xff"}', "application/json"),
    "wrong charset": (200, b'{"id": "\xff"}', "application/json; charset=no-such"),
    "nested deeply": (200, b'{"id":' * 20_000 + b"1" + b"}" * 20_000, "application/json"),
    "two documents": (200, b"{}{}", "application/json"),
    "event stream without events": (200, b": nothing\n\n", "text/event-stream"),
    "redirect": (302, b"", "text/html"),
    "permanent redirect": (308, b"", "text/html"),
    "not modified": (304, b"", "application/json"),
}


class ErrorSuite(Suite):
    """Over the real UpstreamClient, with the network replaced."""

    @pytest.mark.parametrize("status", STATUSES)
    def test_status(self, status: int) -> None:
        bodies = ((b"{}", "application/json"), (HTML, "text/html"), (b"", ""), (b"null", "application/json"))
        for content, content_type in bodies:
            error = self._error(replying(status, content, content_type=content_type))
            expected = self.case.error_for(status)
            if expected is NotFound and content is HTML:
                # A web page says that the base URL is wrong, nothing of the run.
                expected = BadResponse
            assert type(error) is expected
            assert error.provider == self.case.name
            assert error.upstream_status == status
            assert error.retry_after_ms is None

    def test_documented_error_replies(self) -> None:
        for sample in self.case.error_samples:
            error = self._error(replying(sample.status, to_bytes(sample.body), content_type="application/json"))
            assert type(error) is sample.kind
            assert sample.message is None or sample.message in str(error)
            assert error.raw_code == sample.raw_code
            assert error.upstream_request_id == sample.request_id

    @pytest.mark.parametrize(
        ("header", "wait_ms"),
        [
            ("7", 7000),
            ("0", 0),
            ("1.5", 1500),
            ("Fri, 31 Dec 2999 23:59:59 GMT", 86_400_000),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("999999999999999999999", 86_400_000),
            ("soon", None),
            ("-1", None),
            ("", None),
        ],
    )
    def test_retry_after(self, header: str, wait_ms: int | None) -> None:
        for status in (429, 503):
            error = self._error(replying(status, b"{}", retry_after=header))
            assert error.retry_after_ms == wait_ms
        assert isinstance(self._error(replying(429, b"{}")), RateLimited)

    @pytest.mark.parametrize("what", BROKEN_BODIES)
    def test_broken_body(self, what: str) -> None:
        status, content, content_type = BROKEN_BODIES[what]
        fault = replying(status, content, content_type=content_type, location="https://elsewhere.example/login")
        transport = FaultyTransport(fault)
        error = self._error(transport)
        assert type(error) is BadResponse
        assert error.upstream_status == status
        assert len(transport.requests) == 1, "a redirect is not followed and a broken reply is not asked for again"

    def test_truncated_body(self) -> None:
        whole = to_bytes(self._main_exchange.body)
        for end in (1, len(whole) // 2, len(whole) - 1):
            assert type(self._error(replying(200, whole[:end], content_type="application/json"))) is BadResponse

    def test_huge_body_is_not_read_to_its_end(self) -> None:
        stream = Endless()

        async def reply(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=stream, headers={"content-type": "application/json"})

        assert type(self._error(reply)) is BadResponse
        assert stream.sent < 200

    def test_small_reply_that_inflates(self) -> None:
        bomb = gzip.compress(b" " * 20_000_000)
        fault = replying(200, bomb, content_type="application/json", content_encoding="gzip")
        assert type(self._error(fault)) is BadResponse

    def test_harmless_oddities(self) -> None:
        """A byte order mark, compression, line breaks and another Content-Type change nothing."""
        plain = self._main_outcome(lambda body: (body, {}))
        assert isinstance(plain, RunRecord)
        for odd in ODDITIES:
            assert self._main_outcome(odd) == plain

    def test_transport_errors(self) -> None:
        for raised, kind in (
            (httpx.ConnectError("x"), Unavailable),
            (httpx.ConnectTimeout("x"), Unavailable),
            (httpx.ReadTimeout("x"), TimedOut),
            (httpx.PoolTimeout("x"), TimedOut),
            (httpx.ReadError("x"), Unavailable),
            (httpx.RemoteProtocolError("x"), Unavailable),
            (httpx.DecodingError("x"), BadResponse),
        ):
            error = self._error(raising(raised))
            assert type(error) is kind
            assert error.provider == self.case.name

    def test_no_answer_in_time(self) -> None:
        async def hang(_: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        assert type(self._error(hang, timeout_ms=5)) is TimedOut

    def test_cancellation_passes_through(self) -> None:
        started = asyncio.Event()

        async def hang(_: httpx.Request) -> httpx.Response:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def cancelled() -> bool:
            task = asyncio.create_task(fetch(self.case, FaultyTransport(hang), self._known_id))
            await started.wait()
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled()

        assert asyncio.run(cancelled())

    def test_bugs_are_not_hidden(self) -> None:
        """An exception that no HTTP client raises is a fault of ours and passes through."""
        with pytest.raises(ZeroDivisionError):
            asyncio.run(fetch(self.case, FaultyTransport(raising(ZeroDivisionError())), self._known_id))

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
    def test_no_secret_in_errors(self, status: int, caplog: pytest.LogCaptureFixture) -> None:
        for body in ECHOES:
            fault = replying(status, to_bytes(body), content_type="application/json", x_request_id=TOKEN)
            for error in _chain(self._error(fault)):
                texts = (str(error), repr(error), repr(error.args), error.raw_code, error.upstream_request_id)
                assert not [text for text in texts if text and TOKEN in text]
        assert TOKEN not in caplog.text

    def test_no_secret_in_representations(self) -> None:
        adapter = self.case.open(FaultyTransport(replying(500)))
        assert TOKEN not in f"{adapter!r} {adapter.settings!r} {adapter.settings} {adapter.upstream!r}"

    def test_check(self) -> None:
        """`check` meets the errors that a look-up would meet."""
        for status in (401, 403, 429, 500, 503):
            assert type(self._check_error(replying(status, b"{}"))) is self.case.error_for(status)
        assert type(self._check_error(raising(httpx.ConnectError("x")))) is Unavailable

    def test_read_error_is_total(self) -> None:
        adapter = self.case.adapter

        @STABLE
        @given(st.integers(300, 599), st.binary(max_size=200) | st.sampled_from([to_bytes(body) for body in ECHOES]))
        def reads(status: int, body: bytes) -> None:
            reading = adapter.read_error(ErrorReply(status, {"x-request-id": "r"}, body))
            assert type(reading) is ErrorReading
            assert reading.code is None or isinstance(reading.code, ErrorCode)
            for text in (reading.message, reading.raw_code, reading.request_id):
                assert text is None or isinstance(text, str)

        reads()

    @property
    def _known_id(self) -> str:
        known = self.case.fixture(self.case.succeeded).ask.id
        assert known is not None
        return known

    @property
    def _main_exchange(self) -> Exchange:
        fixture = self.case.fixture(self.case.succeeded)
        return fixture.exchanges[fixture.main]

    def _error(self, fault: Fault | FaultyTransport, **settings: object) -> AdapterError:
        transport = fault if isinstance(fault, FaultyTransport) else FaultyTransport(fault)
        return asyncio.run(self._outcome_error(transport, **settings))

    async def _outcome_error(self, transport: FaultyTransport, **settings: object) -> AdapterError:
        adapter = self.case.open(transport, **settings)
        return await _error_of(adapter, adapter.fetch(self._known_id, frozenset()))

    def _check_error(self, fault: Fault) -> AdapterError:
        async def check() -> AdapterError:
            adapter = self.case.open(FaultyTransport(fault))
            return await _error_of(adapter, adapter.check())

        return asyncio.run(check())

    def _main_outcome(self, odd: Oddity) -> Outcome:
        """What comes of the succeeded scenario when its replies are put on the wire in an odd form."""
        fixture = self.case.fixture(self.case.succeeded)

        async def reply(request: httpx.Request) -> httpx.Response:
            exchange = next(exchange for exchange in fixture.exchanges if exchange.fits(request))
            response = exchange.reply(request)
            body, headers = odd(response.content)
            content_type = response.headers.get("content-type", "application/json")
            return httpx.Response(response.status_code, content=body, headers={"content-type": content_type, **headers})

        return asyncio.run(fetch(self.case, FaultyTransport(reply), self._known_id, fixture.ask.parts))


async def _error_of(adapter: RunAdapter[Any], call: Awaitable[object]) -> AdapterError:
    try:
        await call
    except AdapterError as error:
        return error
    finally:
        await adapter.aclose()
    raise AssertionError("the call succeeded")


def _chain(error: BaseException | None) -> Iterator[AdapterError]:
    """An error and its causes, as far as they are ours."""
    while error is not None:
        if isinstance(error, AdapterError):
            yield error
        error = error.__cause__ or error.__context__

"""What carries requests: the only module that knows HTTP clients."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
from pyreqwest import exceptions as rust
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.request import RequestBuilder, StreamRequest
from pyreqwest.response import Response

from adapters import errors
from adapters.settings import ProviderSettings
from adapters.text import clean

Transport = httpx.AsyncBaseTransport
"""What carries requests; anything else can take the network's place in tests."""


class TooLarge(Exception):
    """A body beyond the limit; what was read of it is dropped. `status` is that of its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers by name in lower case, and whole body."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is read piece by piece, each when it is asked for. Headers by name in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: AsyncIterator[bytes]


class RustCarrier:
    """The connection pool of one provider. It never follows a redirect and keeps no cookies.

    It times out connecting, and calls that wait for more of an answer. A call as a whole is bounded by
    `UpstreamClient`; it is here, too, since pyreqwest 0.15 goes on with a call that is cancelled, unseen, until its own
    time is over.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self._timeout = timedelta(milliseconds=settings.timeout_ms)
        # The calls' own limit says it all where it is not the longer one.
        self._read_s = settings.read_timeout_ms / 1000 if settings.read_timeout_ms < settings.timeout_ms else None
        self._settings = settings
        self._client = self._builder().build()
        self._leaving: set[asyncio.Future[None]] = set()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, max_bytes: int
    ) -> Answer:
        request = self._client.request(method, url).headers(headers).timeout(self._timeout)
        if content is not None:
            request = request.body_bytes(content)
        if self._read_s is not None:
            return await self._watched(request, max_bytes, self._read_s)
        async with request.build_streamed() as response:
            declared = response.get_header("content-length")
            # A compressed body has no length here: it is counted while it is unpacked.
            if declared is not None and int(declared) <= max_bytes:
                return response.status, response.headers, bytes(await response.bytes())
            chunks = bytearray()
            while (chunk := await response.body_reader.read()) is not None:
                chunks += chunk
                if len(chunks) > max_bytes:
                    raise TooLarge(response.status)
            return response.status, response.headers, bytes(chunks)

    async def _watched(self, request: RequestBuilder, max_bytes: int, read_s: float) -> Answer:
        """The same, given up where nothing arrives for some time. pyreqwest has that for all of a client, or not."""
        loop = asyncio.get_running_loop()
        chunks = bytearray()
        try:
            async with asyncio.timeout(self._settings.connect_timeout_ms / 1000 + read_s) as silence:
                # Without it, the headers would be kept back until a buffer is full.
                async with request.streamed_read_buffer_limit(0).build_streamed() as response:
                    silence.reschedule(loop.time() + read_s)
                    async for chunk in _chunks(response):
                        silence.reschedule(loop.time() + read_s)
                        chunks += chunk
                        if len(chunks) > max_bytes:
                            raise TooLarge(response.status)
                    return response.status, response.headers, bytes(chunks)
        except rust.PyreqwestError:
            raise
        except TimeoutError:
            raise httpx.ReadTimeout("nothing arrives") from None

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], address: str | None) -> AsyncGenerator[Streamed]:
        """A GET. Leaving the block ends the exchange.

        `address` is that of the URL's host, whatever a resolver says. The connection to one is not of the pool, which
        asks a resolver, and is closed afterwards.
        """
        client = self._client if address is None else await asyncio.to_thread(self._pinned, url, address)
        # Without it, the headers would be kept back until a buffer is full.
        request = client.get(url).headers(headers).streamed_read_buffer_limit(0)
        try:
            async with self._left_when_cancelled(request.build_streamed()) as response:
                yield Streamed(response.status, response.headers, _chunks(response))
        finally:
            if address is not None:
                await client.close()

    @asynccontextmanager
    async def _left_when_cancelled(self, request: StreamRequest) -> AsyncGenerator[Response]:
        """The answer to a request. A caller that is cancelled before the answer begins leaves as soon as it does.

        pyreqwest goes on with a request whose caller is cancelled, and would read a file that nobody wants.
        """
        opening = asyncio.ensure_future(request.__aenter__())
        try:
            response = await asyncio.shield(opening)
        except asyncio.CancelledError:
            leaving = asyncio.ensure_future(_leave(opening, request))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            raise
        try:
            yield response
        finally:
            await request.__aexit__(None, None, None)

    async def aclose(self) -> None:
        for leaving in self._leaving:
            leaving.cancel()
        await self._client.close()
        # Its idle connections close when nothing refers to it any more, which may be long after this.
        del self._client

    def _builder(self) -> ClientBuilder:
        return (
            ClientBuilder()
            .connect_timeout(timedelta(milliseconds=self._settings.connect_timeout_ms))
            .pool_max_idle_per_host(self._settings.max_connections)
            .follow_redirects(False)
            .default_cookie_store(False)
            .referer(False)
            .http2(True)
        )

    def _pinned(self, url: str, address: str) -> Client:
        # The port is that of the URL. An address in the URL itself is never looked up.
        return self._builder().resolve(urlsplit(url).hostname or "", address, 0).build()


async def _leave(opening: "asyncio.Future[Response]", request: StreamRequest) -> None:
    with suppress(*FOREIGN):
        await opening
        await request.__aexit__(None, None, None)


async def _chunks(response: Response) -> AsyncGenerator[bytes]:
    while (chunk := await response.body_reader.read_chunk()) is not None:
        yield bytes(chunk)


class TransportCarrier:
    """Any httpx transport in place of the network."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, max_bytes: int
    ) -> Answer:
        request = httpx.Request(method, url, headers=dict(headers), content=content)
        response = await self._transport.handle_async_request(request)
        async with aclosing(response):
            chunks = bytearray()
            async for chunk in response.aiter_bytes():
                chunks += chunk
                if len(chunks) > max_bytes:
                    raise TooLarge(response.status_code)
        return response.status_code, response.headers, bytes(chunks)

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], address: str | None) -> AsyncGenerator[Streamed]:
        """Where a host is, is for the transport to know."""
        response = await self._transport.handle_async_request(httpx.Request("GET", url, headers=dict(headers)))
        async with aclosing(response):
            yield Streamed(response.status_code, response.headers, response.aiter_bytes())

    async def aclose(self) -> None:
        await self._transport.aclose()


Carrier = RustCarrier | TransportCarrier

TRANSPORT_ERRORS: Sequence[tuple[type[Exception], type[errors.AdapterError]]] = (
    (httpx.ConnectTimeout, errors.Unavailable),
    (httpx.TimeoutException, errors.TimedOut),
    (httpx.NetworkError, errors.Unavailable),
    (httpx.ProxyError, errors.Unavailable),
    (httpx.RemoteProtocolError, errors.Unavailable),
    (httpx.LocalProtocolError, errors.InvalidInput),
    (httpx.UnsupportedProtocol, errors.InvalidInput),
    (httpx.InvalidURL, errors.InvalidInput),
    (httpx.DecodingError, errors.BadResponse),
    (httpx.TooManyRedirects, errors.BadResponse),
    (httpx.StreamError, errors.BadResponse),
    (httpx.HTTPError, errors.Unavailable),
    (rust.ConnectTimeoutError, errors.Unavailable),
    (rust.RequestTimeoutError, errors.TimedOut),
    (rust.BuilderError, errors.InvalidInput),
    (rust.BodyDecodeError, errors.BadResponse),
    (rust.DecodeError, errors.BadResponse),
    (rust.PyreqwestError, errors.Unavailable),
)
"""What each exception of the HTTP clients means; the first that fits. Total over both families."""


FOREIGN: tuple[type[Exception], ...] = tuple(foreign for foreign, _ in TRANSPORT_ERRORS)


def meaning(error: Exception) -> type[errors.AdapterError]:
    """What an exception of the HTTP clients means."""
    if isinstance(error, rust.ConnectTimeoutError) and not _says(error, "(Connect)"):
        # pyreqwest reports every timeout before the headers as one of the connection.
        return errors.TimedOut
    if isinstance(error, rust.BodyDecodeError) and _says(error, "end of file before message length"):
        # The connection ended in the middle of an answer; others are garbled.
        return errors.Unavailable
    return next(ours for foreign, ours in TRANSPORT_ERRORS if isinstance(error, foreign))


def reason(error: errors.AdapterError) -> str | None:
    """What the HTTP client gives as the innermost reason of a call without an answer; None where it gives none.

    For who operates the gateway, not for its callers: it may name what is in the provider's network.
    """
    cause = error.__cause__
    causes = _causes(cause) if isinstance(cause, rust.DetailedPyreqwestError) else ()
    return clean(causes[-1]) if causes else None


def _says(error: rust.DetailedPyreqwestError, words: str) -> bool:
    """Whether a cause of an error says so: its class alone does not tell."""
    return any(words in cause for cause in _causes(error))


def _causes(error: rust.DetailedPyreqwestError) -> Sequence[str]:
    """What led to an error, the outermost first."""
    return [cause["message"] for cause in (error.details or {}).get("causes") or ()]

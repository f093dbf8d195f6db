"""What carries requests: the only module that knows HTTP clients."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from wreq import Client, Method, Response
from wreq import exceptions as rust
from wreq.dns import DnsOptions
from wreq.header import HeaderMap
from wreq.redirect import Policy
from wreq.runtime import Runtime
from wreq.tls import CertStore

from adapters import errors
from adapters.settings import ProviderSettings
from adapters.text import clean

if TYPE_CHECKING:
    # Known to type checkers only.
    from wreq import Request

Transport = httpx.AsyncBaseTransport
"""What carries requests; anything else can take the network's place in tests."""


class TooLarge(Exception):
    """A body beyond the limit; what was read of it is dropped. `status` is that of its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


Prepared = HeaderMap
"""Headers to send, made once for any number of calls."""


def prepared(headers: Mapping[str, str]) -> Prepared:
    try:
        return HeaderMap(headers)
    except (RuntimeError, UnicodeEncodeError):
        # Nothing of the value is said: it may be a credential.
        raise httpx.LocalProtocolError("a header can't be sent") from None


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

    A call that runs out of time, or whose caller is cancelled, ends at once: its connection is closed, or its stream of
    HTTP/2 reset. A stream has only the limits of connecting and of each silence; whoever opens it bounds it as a whole.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._client: Client | None = self._opened()
        # The calls' own limit says it all where it is not the longer one.
        bounds_silence = settings.read_timeout_ms < settings.timeout_ms
        self._longest_silence = timedelta(milliseconds=settings.read_timeout_ms) if bounds_silence else None

    async def send(
        self, method: str, url: str, headers: Prepared, content: bytes | None, max_bytes: int, seconds: float
    ) -> Answer:
        """One exchange, which may take so many seconds from its start to the end of the body."""
        # On the Rust side a limit costs a fraction of what `asyncio.timeout` does.
        request: Request = {"headers": headers, "timeout": timedelta(0, max(seconds, 0))}
        if content is not None:
            request["body"] = content
        if self._longest_silence is not None:
            request["read_timeout"] = self._longest_silence
        response = await self._pool.request(_METHODS[method], url, **request)
        status, received = response.status.as_int(), _Received(response.headers)
        length = response.content_length
        # A compressed body has no length here: it is counted while it is unpacked.
        if length is not None and length <= max_bytes:
            return status, received, bytes(await response.bytes())
        body = bytearray()
        async with aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(status)
        return status, received, bytes(body)

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], address: str | None) -> AsyncGenerator[Streamed]:
        """A GET. Leaving the block ends the exchange.

        `address` is that of the URL's host, whatever a resolver says. The connection to one is not of the pool, which
        asks a resolver, and is closed afterwards.
        """
        client = self._pool if address is None else await asyncio.to_thread(self._opened, url, address)
        async with await client.get(url, headers=prepared(headers)) as response, aclosing(_chunks(response)) as chunks:
            yield Streamed(response.status.as_int(), _Received(response.headers), chunks)

    async def aclose(self) -> None:
        """Close idle connections. Calls under way keep theirs, and end as they would have."""
        self._client = None

    @property
    def _pool(self) -> Client:
        if self._client is None:
            raise httpx.ConnectError("the connections to this provider are closed")
        return self._client

    def _opened(self, url: str = "", address: str | None = None) -> Client:
        names = DnsOptions(system_dns=True)
        if address is not None:
            # The port is that of the URL. An address in the URL itself is never looked up.
            names.add_resolve(urlsplit(url).hostname or "", [ip_address(address)])
        return Client(
            runtime=_runtime(),
            connect_timeout=timedelta(milliseconds=self._settings.connect_timeout_ms),
            pool_max_idle_per_host=self._settings.max_connections,
            redirect=Policy.none(),
            cookie_store=False,
            referer=False,
            dns_options=names,
            tls_verify=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        )


_METHODS = {
    "GET": Method.GET,
    "HEAD": Method.HEAD,
    "POST": Method.POST,
    "PUT": Method.PUT,
    "PATCH": Method.PATCH,
    "DELETE": Method.DELETE,
}


@cache
def _runtime() -> Runtime:
    """One thread for all connections of a process: it is quicker than several, which would contend with Python's."""
    return Runtime(workers=1)


@cache
def _trusted(*_places: str | None) -> CertStore:
    """The certificates that the system trusts, or those in the places that these variables name.

    Python knows more places than the Rust side, which in turn knows folders whose files Python reads only when needed.
    """
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return CertStore(der_certs=known, default_paths=True)


class _Received(Mapping[str, str]):
    """Headers of an answer. They are read as text where they are asked for: most are not."""

    __slots__ = ("_headers",)

    def __init__(self, headers: HeaderMap) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        value = self._headers.get(name)
        if value is None:
            raise KeyError(name)
        return str(value, "latin-1")

    def __iter__(self) -> Iterator[str]:
        return (str(name, "latin-1") for name in self._headers.keys())  # noqa: SIM118 - it iterates over pairs

    def __len__(self) -> int:
        return len(self._headers.keys())


async def _chunks(response: Response) -> AsyncGenerator[bytes]:
    async with response.stream() as frames:
        async for frame in frames:
            if not isinstance(frame, HeaderMap):
                yield bytes(frame)


class TransportCarrier:
    """Any httpx transport in place of the network."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(
        self, method: str, url: str, headers: Prepared, content: bytes | None, max_bytes: int, seconds: float
    ) -> Answer:
        fields = [(bytes(name), bytes(value)) for name, value in headers]
        request = httpx.Request(method, url, headers=fields, content=content)
        chunks = bytearray()
        try:
            async with asyncio.timeout(seconds):
                response = await self._transport.handle_async_request(request)
                async with aclosing(response):
                    async for chunk in response.aiter_bytes():
                        chunks += chunk
                        if len(chunks) > max_bytes:
                            raise TooLarge(response.status_code)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time") from error
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
    (rust.ConnectionError, errors.Unavailable),
    (rust.ConnectionResetError, errors.Unavailable),
    (rust.ProxyConnectionError, errors.Unavailable),
    (rust.TlsError, errors.Unavailable),
    (rust.RequestError, errors.Unavailable),
    (rust.TimeoutError, errors.TimedOut),
    (rust.BuilderError, errors.InvalidInput),
    (rust.BodyError, errors.BadResponse),
    (rust.DecodingError, errors.BadResponse),
    (rust.RedirectError, errors.BadResponse),
    (rust.StatusError, errors.BadResponse),
    (rust.UpgradeError, errors.BadResponse),
    (rust.WebSocketError, errors.BadResponse),
)
"""What each exception of the HTTP clients means; the first that fits. Total over both families."""


FOREIGN: tuple[type[Exception], ...] = tuple(foreign for foreign, _ in TRANSPORT_ERRORS)


def meaning(error: Exception) -> type[errors.AdapterError]:
    """What an exception of the HTTP clients means."""
    if isinstance(error, rust.BodyError | rust.DecodingError) and "source: TimedOut" in str(error):
        # Their classes are those of everything that happens while a body is read.
        return errors.TimedOut
    if isinstance(error, rust.DecodingError) and "IncompleteBody" in str(error):
        # The connection ended in the middle of an answer; others are garbled.
        return errors.Unavailable
    if isinstance(error, rust.RequestError) and "netty::Error(Parse(" in str(error):
        # What came is not HTTP; in others nothing came.
        return errors.BadResponse
    return next(ours for foreign, ours in TRANSPORT_ERRORS if isinstance(error, foreign))


_TOLD = re.compile(r'\b(?:message|error|reason): "((?:[^"\\]|\\.)*)"')
"""What the Rust side quotes of an operating system, resolver or TLS library, in its own form of an error."""


def reason(error: errors.AdapterError) -> str | None:
    """What the HTTP client gives as the innermost reason of a call without an answer; None where it gives none.

    For who operates the gateway, not for its callers: it may name what is in the provider's network.
    """
    told = _TOLD.findall(str(error.__cause__))
    return clean(told[-1]) if told else None

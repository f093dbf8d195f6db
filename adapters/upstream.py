"""Calls to a provider over HTTP: the only module that knows an HTTP client.

A Rust connection pool (pyreqwest) carries them, because httpx's own pool loses throughput as concurrency grows. Any
`httpx.AsyncBaseTransport` can take its place, and httpx's headers and exceptions are understood all the same.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import orjson
from pyreqwest import exceptions as rust
from pyreqwest.client import ClientBuilder

from . import codec, errors
from .auth import Auth
from .settings import ProviderSettings
from .text import clean

Transport = httpx.AsyncBaseTransport
"""What carries requests; anything else can take the network's place in tests."""

MAX_RETRY_AFTER = timedelta(hours=24)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """A reply that is not a success, for an adapter's `read_error`."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return codec.loads(self.body)
        except ValueError:
            return None


ReadError = Callable[[ErrorReply], errors.ErrorReading]


@dataclass(frozen=True, slots=True)
class Reply:
    """A success: its status, headers and whole body."""

    provider: str
    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON; BadResponse where it is none."""
        content_type = self.headers.get("content-type", "")
        charset = _CHARSET.search(content_type)
        try:
            return codec.loads(self.body, charset and charset[1])
        except ValueError as error:
            kind = f" ({clean(content_type, 60)})" if content_type and "json" not in content_type else ""
            raise errors.BadResponse(
                f"the answer{kind} is {error}", provider=self.provider, upstream_status=self.status
            ) from None


class TooLarge(Exception):
    """A body beyond the limit; what was read of it is dropped."""


Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers by name in lower case, and whole body."""


class _RustCarrier:
    """The connection pool of one provider. It never follows a redirect and keeps no cookies.

    It times out connecting only. A call as a whole is bounded by `UpstreamClient`: pyreqwest reports any timeout before
    the headers as one of the connection, which would read as "can't be reached".
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self._client = (
            ClientBuilder()
            .connect_timeout(timedelta(milliseconds=settings.connect_timeout_ms))
            .pool_max_idle_per_host(settings.max_connections)
            .follow_redirects(False)
            .default_cookie_store(False)
            .referer(False)
            .build()
        )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, max_bytes: int
    ) -> Answer:
        request = self._client.request(method, url).headers(headers)
        if content is not None:
            request = request.body_bytes(content)
        async with request.build_streamed() as response:
            declared = response.get_header("content-length")
            # A compressed body has no length here: it is counted while it is unpacked.
            if declared is not None and int(declared) <= max_bytes:
                return response.status, response.headers, bytes(await response.bytes())
            chunks = bytearray()
            while (chunk := await response.body_reader.read()) is not None:
                chunks += chunk
                if len(chunks) > max_bytes:
                    raise TooLarge
            return response.status, response.headers, bytes(chunks)

    async def aclose(self) -> None:
        await self._client.close()


class _TransportCarrier:
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
                    raise TooLarge
        return response.status_code, response.headers, bytes(chunks)

    async def aclose(self) -> None:
        await self._transport.aclose()


class UpstreamClient:
    """One provider's API. Every failure is an AdapterError that names the provider and holds no secret.

    A call is given up after `settings.timeout_ms`, its answer beyond `settings.max_response_bytes`.
    """

    def __init__(
        self,
        provider: str,
        settings: ProviderSettings,
        *,
        auth: Auth,
        read_error: ReadError,
        transport: Transport | None = None,
    ) -> None:
        self.provider = provider
        self._base_url = settings.base_url
        self._timeout = settings.timeout_ms / 1000
        self._max_bytes = settings.max_response_bytes
        self._auth = auth
        self._read_error = read_error
        self._carrier = _RustCarrier(settings) if transport is None else _TransportCarrier(transport)

    async def get(self, *segments: str, params: Mapping[str, str | int] | None = None) -> Any:
        """The JSON answer to a GET. Every path segment is quoted, so that an id can't reach another resource."""
        return (await self.send("GET", segments, params=params)).json()

    async def send(
        self,
        method: str,
        segments: Sequence[str] = (),
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One call, repeated once with another credential where the provider refused the one sent."""
        request_headers = {"accept": "application/json", "user-agent": "rungraph", **(headers or {})}
        content: bytes | None = None
        try:
            url = self._url(segments, params)
            if json is not None:
                content = orjson.dumps(json)
                request_headers["content-type"] = "application/json"
            elif form is not None:
                content = urlencode(form).encode()
                request_headers["content-type"] = "application/x-www-form-urlencoded"
        except (UnicodeEncodeError, orjson.JSONEncodeError):
            # Half a surrogate pair, which JSON may escape and no encoding can hold.
            raise errors.InvalidInput("this text can't be sent", provider=self.provider) from None
        try:
            async with asyncio.timeout(self._timeout):
                credential = await self._auth.header()
                reply = await self._exchange(method, url, request_headers, content, credential)
                if credential is not None and self._is_refused(reply) and await self._auth.renew(credential):
                    renewed = await self._auth.header()
                    reply = await self._exchange(method, url, request_headers, content, renewed)
        except TimeoutError:
            raise errors.TimedOut(provider=self.provider) from None
        if 200 <= reply.status < 300:
            return reply
        raise self.error_of(reply)

    def error_of(self, reply: Reply) -> errors.AdapterError:
        """The error that a reply stands for, by what the adapter reads from it, else by its status."""
        reading = self._read_error(ErrorReply(reply.status, reply.headers, reply.body))
        kind = errors.for_status(reply.status) if reading.code is None else errors.BY_CODE[reading.code]
        if kind is errors.NotFound and "html" in reply.headers.get("content-type", ""):
            # A web page, not the API: with a wrong base URL every run would seem to be missing.
            kind, reading = errors.BadResponse, errors.ErrorReading("there is a web page, not an API, at this URL")
        return kind(
            self.redacted(reading.message),
            provider=self.provider,
            upstream_status=reply.status,
            retry_after_ms=retry_after_ms(reply.headers),
            raw_code=self.redacted(reading.raw_code),
            upstream_request_id=self.redacted(reading.request_id),
        )

    def redacted(self, text: str | None) -> str | None:
        """A provider's words without the credentials that this client sends."""
        for secret in self._auth.secrets():
            text = text and text.replace(secret, "***")
        return text

    async def aclose(self) -> None:
        """Close the connections, and those that the credential needed."""
        await self._auth.aclose()
        await self._carrier.aclose()

    def _is_refused(self, reply: Reply) -> bool:
        """Whether the credential was not accepted, by the adapter's reading: not every provider says 401 then."""
        return reply.status >= 300 and isinstance(self.error_of(reply), errors.Unauthenticated)

    def _url(self, segments: Sequence[str], params: Mapping[str, str | int] | None) -> str:
        for segment in segments:
            if segment in ("", ".", ".."):
                raise errors.InvalidInput("this can't be a run id", provider=self.provider)
        url = "/".join((self._base_url, *(quote(segment, safe="") for segment in segments)))
        return f"{url}?{urlencode(params, safe=',')}" if params else url

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, credential: str | None
    ) -> Reply:
        sent = headers if credential is None else {**headers, "authorization": credential}
        try:
            return Reply(self.provider, *await self._carrier.send(method, url, sent, content, self._max_bytes))
        except TooLarge:
            raise errors.BadResponse(
                f"the answer is larger than {self._max_bytes} bytes", provider=self.provider
            ) from None
        except FOREIGN as error:
            # The client's text is dropped: it may hold the URL.
            ours = next(ours for foreign, ours in TRANSPORT_ERRORS if isinstance(error, foreign))
            raise ours(provider=self.provider) from error


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


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Milliseconds that a Retry-After header asks to wait, from seconds or an HTTP date; at most 24 hours."""
    value = headers.get("retry-after")
    if value is None:
        return None
    value = value.strip()
    try:
        wait = timedelta(seconds=min(float(value), 1e9)) if value[:1].isdigit() else _until(value)
    except (ValueError, OverflowError):
        return None
    return int(min(max(wait, timedelta()), MAX_RETRY_AFTER) / timedelta(milliseconds=1))


def _until(http_date: str) -> timedelta:
    moment = parsedate_to_datetime(http_date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)

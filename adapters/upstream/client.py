"""One provider's API over HTTP."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from adapters import errors
from adapters.addresses import Resolve, system_addresses
from adapters.auth import Auth
from adapters.settings import ProviderSettings

from .carriers import FOREIGN, Carrier, Prepared, RustCarrier, TooLarge, Transport, TransportCarrier, meaning, prepared
from .downloads import ByteRange, Download, Downloads
from .gate import Gate
from .replies import ErrorReply, ReadError, Reply, retry_after_ms
from .retry import Retry
from .timing import Timing

SAFE_METHODS = frozenset({"GET", "HEAD"})


_COMMON_HEADERS = {"accept": "application/json", "user-agent": "rungraph"}


class _Request(NamedTuple):
    """`headers`: those that not every call has."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    idempotent: bool


_PLAIN = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9_.~-]+")
"""A segment that is the same in a URL, and leads nowhere else."""

_LEADS_AWAY = re.compile(r"(?:^|[/\\])\.{0,2}(?:[/\\]|$)")
"""An empty, "." or ".." part of a path."""


class UpstreamClient:
    """One provider's API. Every failure is an AdapterError that names the provider and holds no secret.

    A call is given up after `settings.timeout_ms`, its answer beyond `settings.max_response_bytes`. It is on the budget
    of the request that it is for (`adapters.budget`), and passes `gate`. So does a download until it begins.
    """

    def __init__(
        self,
        provider: str,
        settings: ProviderSettings,
        *,
        auth: Auth,
        read_error: ReadError,
        transport: Transport | None = None,
        carrier: Carrier | None = None,
        resolve: Resolve = system_addresses,
        gate: Gate | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`transport` takes the place of the network; `carrier` is one to share, which somebody else closes.

        `resolve` finds the hosts that downloads are redirected to.
        """
        self._timing = timing or Timing()
        self.provider = provider
        self.gate = gate or Gate(provider, settings, self._timing)
        self._settings = settings
        self._base_url = settings.base_url
        self._timeout = settings.timeout_ms / 1000
        self._max_bytes = settings.max_response_bytes
        self._auth = auth
        self._usual_credential: str | None = None
        self._usual_headers = prepared(_COMMON_HEADERS)
        self._read_error = read_error
        self._owns_carrier = carrier is None
        if carrier is None:
            carrier = RustCarrier(settings) if transport is None else TransportCarrier(transport)
        self._carrier = carrier
        self._resolve = resolve
        self._retry = Retry(settings, self._timing, self.gate.traffic)
        self._downloads = Downloads(
            provider,
            settings,
            auth,
            carrier,
            self.error_of,
            resolve,
            gate=self.gate,
            retry=self._retry,
            timing=self._timing,
        )

    def with_auth(self, auth: Auth) -> "UpstreamClient":
        """The same API, asked with another credential over the same connections, which stay this client's.

        Nothing else is shared, so that what is known of one credential says nothing about another.
        """
        return UpstreamClient(
            self.provider,
            self._settings,
            auth=auth,
            read_error=self._read_error,
            carrier=self._carrier,
            resolve=self._resolve,
            gate=self.gate.for_another_credential(),
            timing=self._timing,
        )

    async def get(self, *segments: str, params: Mapping[str, str | int] | None = None) -> Any:
        """The JSON answer to a GET. Every path segment is quoted, so that an id can't reach another resource."""
        return (await self.send("GET", segments, params=params)).json()

    def download(
        self, *segments: str, params: Mapping[str, str | int] | None = None, part: ByteRange | None = None
    ) -> AbstractAsyncContextManager[Download]:
        """A file, all of it or a part. Leaving the block ends the download; see `Downloads`.

        A segment may hold slashes, which are quoted. Whoever unquotes them must not be led to another place.
        """
        if any(map(_LEADS_AWAY.search, segments)):
            raise errors.InvalidInput("this can't be a file of a run", provider=self.provider)
        try:
            url = self._url(segments, params)
        except UnicodeEncodeError:
            raise errors.InvalidInput("this text can't be sent", provider=self.provider) from None
        return self._downloads.open(url, part)

    async def send(
        self,
        method: str,
        segments: Sequence[str] = (),
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> Reply:
        """One call, repeated once with another credential where the provider refused the one sent.

        A GET or HEAD that fails for a moment is retried; another call where it is said to be `idempotent`.
        """
        own_headers = headers or {}
        content: bytes | None = None
        try:
            url = self._url(segments, params)
            if json is not None:
                content = orjson.dumps(json)
                own_headers = {**own_headers, "content-type": "application/json"}
            elif form is not None:
                content = urlencode(form).encode()
                own_headers = {**own_headers, "content-type": "application/x-www-form-urlencoded"}
        except (UnicodeEncodeError, orjson.JSONEncodeError):
            # Half a surrogate pair, which JSON may escape and no encoding can hold.
            raise errors.InvalidInput("this text can't be sent", provider=self.provider) from None
        request = _Request(method, url, own_headers, content, idempotent or method in SAFE_METHODS)
        ends_at = self._timing.now() + self._timeout
        if self._auth.is_ready():
            credential = await self._auth.header()
        else:
            async with self._until(ends_at):
                credential = await self._auth.header()
        try:
            return await self._exchange(request, credential, ends_at)
        except errors.AdapterError as error:
            return await self._second(request, credential, ends_at, error)

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
        if text:
            # The longest first: one may be the start of another.
            for secret in sorted(filter(None, self._auth.secrets()), key=len, reverse=True):
                # As it is, as in a URL, a JSON text or HTML; in any case, which services and proxies change.
                forms = {secret, quote(secret, safe=""), orjson.dumps(secret)[1:-1].decode(), escape(secret)}
                text = re.sub("|".join(map(re.escape, forms)), "***", text, flags=re.IGNORECASE)
        return text

    async def aclose(self) -> None:
        """Close the connections, unless they are shared, and those that the credential needed."""
        await self._auth.aclose()
        if self._owns_carrier:
            await self._carrier.aclose()

    def _url(self, segments: Sequence[str], params: Mapping[str, str | int] | None) -> str:
        # Most segments are plain, and `quote` costs more than to see that.
        quoted = [segment if _PLAIN.fullmatch(segment) else self._quoted(segment) for segment in segments]
        url = "/".join((self._base_url, *quoted))
        return f"{url}?{urlencode(params, safe=',')}" if params else url

    def _quoted(self, segment: str) -> str:
        if segment in ("", ".", ".."):
            raise errors.InvalidInput("this can't be a run id", provider=self.provider)
        return quote(segment, safe="")

    @asynccontextmanager
    async def _until(self, ends_at: float) -> AsyncGenerator[None]:
        """Bounds the wait for a credential. Everything else that a call waits for has the bound in itself."""
        try:
            async with asyncio.timeout(ends_at - self._timing.now()):
                yield
        except TimeoutError:
            raise errors.TimedOut(provider=self.provider) from None

    async def _second(
        self, request: _Request, credential: str | None, ends_at: float, error: errors.AdapterError
    ) -> Reply:
        """What comes after a call that failed: more calls where they may help, else the error."""
        # By the adapter's reading: not every provider says 401 to a credential that it does not accept.
        if credential is not None and isinstance(error, errors.Unauthenticated):
            async with self._until(ends_at):
                is_renewed = await self._auth.renew(credential)
                if is_renewed:
                    credential = await self._auth.header()
            if is_renewed:
                try:
                    return await self._exchange(request, credential, ends_at)
                except errors.AdapterError as refused:
                    error = refused
        if not request.idempotent:
            raise error
        return await self._retry.after(error, lambda: self._exchange(request, credential, ends_at), ends_at)

    async def _exchange(self, request: _Request, credential: str | None, ends_at: float) -> Reply:
        """One request and its answer, as soon as it may be made; every answer but a success raises its error."""
        await self.gate.enter(ends_at)
        try:
            answer = await self._carrier.send(
                request.method,
                request.url,
                self._headers(request.headers, credential),
                request.content,
                self._max_bytes,
                ends_at - self._timing.now(),
            )
            reply = Reply(self.provider, *answer)
            if not 200 <= reply.status < 300:
                raise self.error_of(reply)
        except (TooLarge, *FOREIGN) as error:
            # No name for it here: its trace would hold this frame, and this frame it.
            raise self._failed(error) from error
        except BaseException as error:
            self.gate.leave(error)
            raise
        self.gate.leave()
        return reply

    def _failed(self, error: Exception) -> errors.AdapterError:
        """What an exception of the carrier is to callers, noted. Its text is dropped: it may hold the URL."""
        if isinstance(error, TooLarge):
            message = f"the answer is larger than {self._max_bytes} bytes"
            failure = errors.BadResponse(message, provider=self.provider, upstream_status=error.status)
        else:
            failure = meaning(error)(provider=self.provider, upstream_status=None)
        self.gate.leave(failure)
        return failure

    def _headers(self, own: Mapping[str, str], credential: str | None) -> Prepared:
        """Those of every call, those of this one, and the credential."""
        if not own and credential == self._usual_credential:
            return self._usual_headers
        authorization = {} if credential is None else {"authorization": credential}
        headers = prepared({**_COMMON_HEADERS, **own, **authorization})
        if not own:
            self._usual_credential, self._usual_headers = credential, headers
        return headers

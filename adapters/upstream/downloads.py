"""Files of a provider, read while they are passed on.

Nothing is gathered: the next piece is read when the last one was taken. The provider may redirect to a storage, which
never gets the provider's credential, and which must not lead into a network that the provider itself is not in.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

from adapters import errors
from adapters.addresses import Address, Origin, Reach, Resolve, is_listed, origin, reach, target
from adapters.auth import Auth
from adapters.settings import ProviderSettings

from .carriers import FOREIGN, Carrier, Streamed, meaning
from .replies import Reply, retry_after_ms

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_ERROR_BYTES = 64 * 1024
_PASSED = ("content-type", "content-length", "content-range", "accept-ranges", "etag", "last-modified")
_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:[0-9]{1,18}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file: the values of the headers Range and If-Range."""

    range: str
    if_range: str | None = None

    @classmethod
    def of(cls, range_: str | None, if_range: str | None) -> "ByteRange | None":
        """The range that headers ask for; None, which means the whole file, for anything but one range of bytes."""
        if range_ is None or not _RANGE.fullmatch(range_.strip()):
            return None
        return cls(range_.strip(), if_range)


@dataclass(frozen=True, slots=True)
class Download:
    """A file being read. `status` is 200, 206 for the range asked for, or 416 where there is no such range.

    `headers`, by name in lower case, are those that describe the content, as the provider sent them; a
    `content-length` is that of what `chunks` gives. `chunks` raises AdapterError where the file breaks off.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Downloads:
    """Opens the files of one provider. Failures are AdapterErrors, as of `UpstreamClient`."""

    def __init__(
        self,
        provider: str,
        settings: ProviderSettings,
        auth: Auth,
        carrier: Carrier,
        error_of: Callable[[Reply], errors.AdapterError],
        resolve: Resolve,
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._auth = auth
        self._carrier = carrier
        self._error_of = error_of
        self._resolve = resolve
        self._home = origin(settings.base_url)

    @asynccontextmanager
    async def open(self, url: str, part: ByteRange | None) -> AsyncGenerator[Download]:
        """The file at a URL of the provider. Leaving the block ends the download, whatever is left of it."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._settings.timeout_ms / 1000):
                    answer = await self._answer(stack, url, part)
            except TimeoutError:
                raise errors.TimedOut(provider=self._provider) from None
            except FOREIGN as error:
                raise meaning(error)(provider=self._provider) from error
            async with aclosing(self._chunks(answer)) as chunks:
                yield Download(answer.status, self._described(answer, part), chunks)

    async def _answer(self, stack: AsyncExitStack, url: str, part: ByteRange | None) -> Streamed:
        """The answer to a GET, redirects followed; it is open until the stack is closed."""
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "rungraph"}
        if part is not None:
            headers["range"] = part.range
            if part.if_range is not None:
                headers["if-range"] = part.if_range
        renewed = is_away = False
        address: str | None = None
        redirects = 0
        while True:
            credential = None if is_away else await self._auth.header()
            sent = headers if credential is None else {**headers, "authorization": credential}
            answer = await stack.enter_async_context(self._carrier.stream(url, sent, address))
            if answer.status in (200, 206, 416):
                return answer
            if answer.status in _REDIRECTS:
                redirects += 1
                if redirects > MAX_REDIRECTS:
                    raise self._bad("the file's redirects don't end", answer)
                location = answer.headers.get("location")
                if not location:
                    raise self._bad("the file's redirect says no place", answer)
                url = target(url, location)
                place, address = await self._checked(url, answer)
                # For good: a storage that redirects back must not choose what the credential is used for.
                is_away = is_away or place != self._home
            else:
                error = await self._error(answer, is_away=is_away)
                refused = credential is not None and isinstance(error, errors.Unauthenticated)
                if not refused or renewed or credential is None or not await self._auth.renew(credential):
                    raise error
                renewed = True
            await stack.aclose()

    async def _checked(self, url: str, answer: Streamed) -> tuple[Origin, str | None]:
        """The origin of a redirect's URL, and the address to connect to where it is not for the network to choose."""
        try:
            place = origin(url)
        except ValueError as error:
            raise self._bad(f"the file's redirect can't be followed: {error}", answer) from None
        scheme, host, port = place
        if place == self._home:
            return place, None
        if scheme not in ("https", self._home[0]):
            raise self._bad("the file's redirect leads away from TLS", answer)
        if self._settings.download_hosts:
            if is_listed(host, self._settings.download_hosts):
                return place, None
            raise self._bad("the file's redirect leads to a host that download_hosts does not name", answer)
        found = await self._addresses(host, port)
        allowed = {Reach.PUBLIC}
        if not {reach(address) for address in found} <= allowed:
            # What is in a private network may have its storage there, too.
            _, home_host, home_port = self._home
            homes = {reach(address) for address in await self._addresses(home_host, home_port)}
            allowed |= homes - {Reach.SPECIAL}
        if not {reach(address) for address in found} <= allowed:
            raise self._bad("the file's redirect leads into a network that is not the provider's", answer)
        return place, str(found[0])

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = list(await self._resolve(host, port))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise errors.Unavailable("the host of the file has no address", provider=self._provider)
        return found

    async def _error(self, answer: Streamed, *, is_away: bool) -> errors.AdapterError:
        """What an answer that is no file says. Of one from elsewhere, only the status counts."""
        if is_away:
            kind = errors.for_status(answer.status)
            if kind in (errors.Unauthenticated, errors.PermissionDenied, errors.InvalidInput):
                # That the link is refused says nothing of the gateway's credential, or of what was asked.
                kind = errors.UpstreamFault
            return kind(
                f"the storage of the file answered with status {answer.status}",
                provider=self._provider,
                upstream_status=answer.status,
                retry_after_ms=retry_after_ms(answer.headers),
            )
        body = bytearray()
        async for chunk in answer.chunks:
            body += chunk
            if len(body) > _MAX_ERROR_BYTES:
                break
        return self._error_of(Reply(self._provider, answer.status, answer.headers, bytes(body[:_MAX_ERROR_BYTES])))

    def _described(self, answer: Streamed, part: ByteRange | None) -> dict[str, str]:
        headers = {name: value for name in _PASSED if (value := answer.headers.get(name)) is not None}
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            # It is unpacked here, and what describes the packed form would be wrong.
            headers = {name: value for name, value in headers.items() if name in ("content-type", "last-modified")}
        if answer.status == 416:
            content_range = headers.get("content-range", "")
            return {"content-range": content_range} if _UNSATISFIED.fullmatch(content_range) else {}
        if answer.status == 200:
            headers.pop("content-range", None)
        elif part is None or not _CONTENT_RANGE.fullmatch(headers.get("content-range", "")):
            raise self._bad("the provider answered with a range that was not asked for", answer)
        most, length = self._settings.max_download_bytes, headers.get("content-length", "")
        if most is not None and length.isdigit() and int(length) > most:
            raise self._too_large(most, answer)
        return headers

    async def _chunks(self, answer: Streamed) -> AsyncGenerator[bytes]:
        most, idle = self._settings.max_download_bytes, self._settings.download_idle_timeout_ms / 1000
        size = 0
        try:
            while True:
                async with asyncio.timeout(idle):
                    chunk = await anext(answer.chunks, None)
                if chunk is None:
                    return
                size += len(chunk)
                if most is not None and size > most:
                    raise self._too_large(most, answer)
                yield chunk
        except TimeoutError:
            raise errors.TimedOut("the file stopped arriving", provider=self._provider) from None
        except FOREIGN as error:
            raise meaning(error)(provider=self._provider) from error

    def _bad(self, message: str, answer: Streamed) -> errors.BadResponse:
        return errors.BadResponse(message, provider=self._provider, upstream_status=answer.status)

    def _too_large(self, most: int, answer: Streamed) -> errors.BadResponse:
        return self._bad(f"the file is larger than {most} bytes", answer)

"""Files of a provider, read while they are passed on.

Nothing is gathered: the next piece is read when the last one was taken. The provider may redirect to a storage, which
never gets the provider's credential, and which must not lead into a network that the provider itself is not in.

Asking the provider for a file is a call like any other, until the head of its answer is there. The file itself is not:
a client that reads slowly must keep no other call waiting.
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
from .gate import Gate
from .replies import Reply, retry_after_ms
from .retry import Retry
from .timing import Timing

MAX_REDIRECTS = 3
_FILES = frozenset({200, 206, 416})
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
        gate: Gate,
        retry: Retry,
        timing: Timing,
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._auth = auth
        self._carrier = carrier
        self._error_of = error_of
        self._resolve = resolve
        self._gate = gate
        self._retry = retry
        self._timing = timing
        self._home = origin(settings.base_url)

    @asynccontextmanager
    async def open(self, url: str, part: ByteRange | None) -> AsyncGenerator[Download]:
        """The file at a URL of the provider. Leaving the block ends the download, whatever is left of it."""
        async with AsyncExitStack() as stack:
            ends_at = self._timing.now() + self._settings.timeout_ms / 1000
            try:
                async with asyncio.timeout(self._timing.seconds_left(ends_at)) as limit:
                    try:
                        answer = await self._answer(stack, url, part, limit, ends_at)
                    except errors.AdapterError as error:
                        answer = await self._retry.after(
                            error, lambda: self._answer(stack, url, part, limit, ends_at), ends_at
                        )
            except TimeoutError:
                raise errors.TimedOut(provider=self._provider) from None
            async with aclosing(self._chunks(answer)) as chunks:
                yield Download(answer.status, self._described(answer, part), chunks)

    async def _answer(
        self, stack: AsyncExitStack, url: str, part: ByteRange | None, limit: asyncio.Timeout, ends_at: float
    ) -> Streamed:
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
            # Of an answer before this one, or of an attempt that failed.
            await stack.aclose()
            if is_away:
                answer = await self._head(stack, url, headers, address, is_away=True)
            else:
                credential = await self._auth.header()
                sent = headers if credential is None else {**headers, "authorization": credential}
                try:
                    answer = await self._called(stack, url, sent, limit, ends_at)
                except errors.Unauthenticated:
                    if renewed or credential is None or not await self._auth.renew(credential):
                        raise
                    renewed = True
                    continue
            if answer.status in _FILES:
                return answer
            redirects += 1
            if redirects > MAX_REDIRECTS:
                raise self._bad("the file's redirects don't end", answer)
            location = answer.headers.get("location")
            if not location:
                raise self._bad("the file's redirect says no place", answer)
            try:
                url = target(url, location)
                place = origin(url)
            except ValueError as error:
                raise self._bad(f"the file's redirect can't be followed: {error}", answer) from None
            address = await self._checked(place, answer)
            # For good: a storage that redirects back must not choose what the credential is used for.
            is_away = is_away or place != self._home

    async def _called(
        self, stack: AsyncExitStack, url: str, headers: Mapping[str, str], limit: asyncio.Timeout, ends_at: float
    ) -> Streamed:
        """The provider's answer to one GET, for which a call's place is taken until its head is there."""
        await self._gate.enter(ends_at)
        try:
            answer = await self._head(stack, url, headers, None, is_away=False)
        except BaseException as error:
            # The time limit of the whole cancels the call, too; that is known only from the limit.
            self._gate.leave(errors.TimedOut(provider=self._provider) if limit.expired() else error)
            raise
        self._gate.leave()
        return answer

    async def _head(
        self, stack: AsyncExitStack, url: str, headers: Mapping[str, str], address: str | None, *, is_away: bool
    ) -> Streamed:
        """The answer to one GET: a file or a redirect. Any other raises the error that it stands for."""
        try:
            answer = await stack.enter_async_context(self._carrier.stream(url, headers, address))
            if answer.status in _FILES or answer.status in _REDIRECTS:
                return answer
            error = await self._error(answer, is_away=is_away)
        except FOREIGN as foreign:
            raise meaning(foreign)(provider=self._provider, upstream_status=None) from foreign
        raise error

    async def _checked(self, place: Origin, answer: Streamed) -> str | None:
        """The address to connect to for a redirect to this origin, where it is not for the network to choose."""
        scheme, host, port = place
        if place == self._home:
            return None
        if scheme not in ("https", self._home[0]):
            raise self._bad("the file's redirect leads away from TLS", answer)
        if self._settings.download_hosts:
            if is_listed(host, self._settings.download_hosts):
                return None
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
        return str(found[0])

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
        if most is not None and length.isdecimal() and int(length) > most:
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
            raise meaning(error)(provider=self._provider, upstream_status=answer.status) from error

    def _bad(self, message: str, answer: Streamed) -> errors.BadResponse:
        return errors.BadResponse(message, provider=self._provider, upstream_status=answer.status)

    def _too_large(self, most: int, answer: Streamed) -> errors.BadResponse:
        return self._bad(f"the file is larger than {most} bytes", answer)

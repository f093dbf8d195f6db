"""Files, for adapters that serve them, and the contract of those that don't."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, unquote

import httpx
import pytest

from adapters.contract import Capability, ServesFiles, capabilities_of
from adapters.errors import AdapterError, BadResponse, InvalidInput, Unavailable
from adapters.upstream import ByteRange

from .case import TOKEN, Case, Files
from .suite_base import Suite
from .suite_errors import HTML, STATUSES, FaultyTransport, raising, replying

CONTENT = bytes(range(256)) * 8
STORAGE = "https://storage.example/signed?signature=5e1f"
ELSEWHERE = "https://elsewhere.example/signed"
TRICKS = ("", ".", "..", "../x", "x/..", "x/../y", "x/./y", "x//y", "/x", "x/", "..\\x", "x\\..\\y")
"""Paths that could mean another file than they say."""


class FilesSuite(Suite):
    """An adapter with the ability to serve the content of a run's files. `Case.files` names one."""

    def test_serves_files(self) -> None:
        assert Capability.FILES in capabilities_of(self.case.adapter)
        assert isinstance(self.case.open(FaultyTransport(replying(200))), ServesFiles)

    def test_whole_file(self) -> None:
        headers = {"content_type": "application/pdf", "etag": '"1"', "set_cookie": "a=b"}
        transport = FaultyTransport(replying(200, CONTENT, **headers))
        status, described, content = self._taken(transport)
        assert (status, content) == (200, CONTENT)
        assert described == {"content-type": "application/pdf", "etag": '"1"', "content-length": str(len(CONTENT))}
        (request,) = transport.requests
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        assert (request.method, unquote(path)) == ("GET", self._file.place)
        assert dict(parse_qsl(query)) == self._file.query
        assert TOKEN in request.headers["authorization"]
        assert "range" not in request.headers
        assert request.headers["accept-encoding"] == "identity"

    def test_part_of_a_file(self) -> None:
        some = {"content_range": f"bytes 2-5/{len(CONTENT)}"}
        transport = FaultyTransport(replying(206, CONTENT[2:6], **some))
        status, described, content = self._taken(transport, ByteRange("bytes=2-5", '"1"'))
        assert (status, content) == (206, CONTENT[2:6])
        assert described["content-range"] == some["content_range"]
        (request,) = transport.requests
        assert (request.headers["range"], request.headers["if-range"]) == ("bytes=2-5", '"1"')

    def test_no_such_part_of_a_file(self) -> None:
        fault = replying(416, content_range=f"bytes */{len(CONTENT)}")
        status, described, content = self._taken(FaultyTransport(fault), ByteRange("bytes=9999-"))
        assert (status, described, content) == (416, {"content-range": f"bytes */{len(CONTENT)}"}, b"")

    def test_missing_file(self) -> None:
        transport = FaultyTransport(replying(404, b"{}", content_type="application/json"))
        assert type(self._file_error(transport)) is self.case.error_for(404)
        assert len(transport.requests) == 1

    @pytest.mark.parametrize("path", TRICKS)
    def test_path_that_is_a_trick(self, path: str) -> None:
        transport = FaultyTransport(replying(200, CONTENT))
        assert type(self._file_error(transport, path=path)) is InvalidInput
        assert transport.requests == []

    @pytest.mark.parametrize("native_id", [trick for trick in TRICKS if "\\" not in trick])
    def test_id_that_is_a_trick(self, native_id: str) -> None:
        transport = FaultyTransport(replying(200, CONTENT))
        assert type(self._file_error(transport, native_id=native_id)) is InvalidInput
        assert transport.requests == []

    def test_redirect_to_a_storage(self) -> None:
        """It is followed without the credential, which no part of the request holds."""

        async def reply(request: httpx.Request) -> httpx.Response:
            if request.url.host == "storage.example":
                return httpx.Response(200, content=CONTENT)
            return httpx.Response(302, headers={"location": STORAGE})

        transport = FaultyTransport(reply)
        with pytest.raises(BadResponse):
            self._taken(FaultyTransport(replying(302, location=ELSEWHERE)), download_hosts=("storage.example",))
        assert self._taken(transport, download_hosts=("storage.example",))[2] == CONTENT
        first, second = transport.requests
        assert TOKEN in first.headers["authorization"]
        assert str(second.url) == STORAGE
        assert TOKEN not in f"{second.url} {second.headers.raw}"
        assert not {"authorization", "cookie", "referer"} & set(second.headers)

    @pytest.mark.parametrize("status", STATUSES)
    def test_error_instead_of_a_file(self, status: int) -> None:
        fault = replying(status, b'{"message": "refused %s"}' % TOKEN.encode(), content_type="application/json")
        transport = FaultyTransport(fault)
        error = self._file_error(transport)
        assert type(error) is self.case.error_for(status)
        assert (error.provider, error.upstream_status) == (self.case.name, status)
        assert TOKEN not in f"{error} {error!r} {error.raw_code}"
        assert len(transport.requests) == 1

    def test_web_page_instead_of_a_file(self) -> None:
        assert type(self._file_error(FaultyTransport(replying(404, HTML, content_type="text/html")))) is BadResponse

    def test_no_connection_for_a_file(self) -> None:
        assert type(self._file_error(FaultyTransport(raising(httpx.ConnectError(TOKEN))))) is Unavailable

    def test_file_that_breaks_off(self) -> None:
        class Broken(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                yield CONTENT
                raise httpx.ReadError(TOKEN)

        async def reply(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Broken())

        transport = FaultyTransport(reply)
        error = self._file_error(transport)
        assert type(error) is Unavailable
        assert TOKEN not in str(error)
        assert len(transport.requests) == 1, "what was passed on can't be taken back"

    @property
    def _file(self) -> Files:
        assert self.case.files is not None, "an adapter that serves files has Files"
        return self.case.files

    def _taken(
        self,
        transport: FaultyTransport,
        part: ByteRange | None = None,
        *,
        native_id: str | None = None,
        path: str | None = None,
        **settings: object,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of the case's file, or of another one."""
        run = self._file.run if native_id is None else native_id
        name = self._file.path if path is None else path
        return asyncio.run(_read(self.case, transport, run, name, part, **settings))

    def _file_error(
        self, transport: FaultyTransport, *, native_id: str | None = None, path: str | None = None
    ) -> AdapterError:
        with pytest.raises(AdapterError) as caught:
            self._taken(transport, native_id=native_id, path=path)
        return caught.value


async def _read(
    case: Case, transport: FaultyTransport, native_id: str, path: str, part: ByteRange | None, **settings: object
) -> tuple[int, dict[str, str], bytes]:
    adapter = case.open(transport, **settings)
    assert isinstance(adapter, ServesFiles)
    try:
        async with adapter.open_file(native_id, path, part) as download:
            content = b"".join([chunk async for chunk in download.chunks])
            return download.status, dict(download.headers), content
    finally:
        await adapter.aclose()


class NoFilesSuite(Suite):
    """An adapter that can't serve files does not look as if it could."""

    def test_serves_no_files(self) -> None:
        assert Capability.FILES not in capabilities_of(self.case.adapter)
        assert not hasattr(self.case.adapter, "open_file")
        assert self.case.files is None

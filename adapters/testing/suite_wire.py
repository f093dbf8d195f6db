"""What goes over the wire: the calls of the fixture with the credential, and nothing that an id could smuggle in."""

import asyncio
import contextlib
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AdapterError, InvalidInput

from .case import TOKEN, fetch, play
from .fixtures import Fixture, ReplayTransport
from .mutations import STABLE
from .suite_base import Suite

HOSTILE_IDS = (
    "a/b",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/..",
    "a/../b",
    "a/../../b",
    "..%2fa",
    "%2e%2e",
    "%2e%2e/%2e%2e",
    "a%2Fb",
    "a%00b",
    "%",
    "a?b=c",
    "a#b",
    "a&b=c",
    "a;b",
    "a\\b",
    "..\\a",
    "a b",
    "a+b",
    "é",
    "運行",
    "\U0001f642",
    "a:b@c",
    "//elsewhere.example/a",
    "https://elsewhere.example/a",
    "a\r\nx-header: y",
    "a\x00b",
    "\u202ea",
    "\ud800",
    "",
    " ",
    "a" * 10_000,
)


class WireSuite(Suite):
    """Method, path and query are held by the goldens, whose replay is strict."""

    def test_credential_goes_with_every_call(self, fixture: Fixture) -> None:
        _, transport = asyncio.run(play(self.case, fixture))
        assert transport.requests
        for request in transport.requests:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            assert TOKEN not in str(request.url)
            assert TOKEN.encode() not in request.content

    def test_every_call_goes_to_the_configured_server(self, fixture: Fixture) -> None:
        _, transport = asyncio.run(play(self.case, fixture))
        base = httpx.URL(str(self.case.settings["base_url"]))
        for request in transport.requests:
            assert (request.url.scheme, request.url.netloc) == (base.scheme, base.netloc)
            assert request.url.raw_path.startswith(base.raw_path.rstrip(b"/"))

    @pytest.mark.parametrize("native_id", HOSTILE_IDS, ids=lambda text: ascii(text)[:20])
    def test_id_can_not_reach_another_resource(self, native_id: str) -> None:
        assert self._smuggled(native_id) == []

    def test_no_text_can_reach_another_resource(self) -> None:
        @STABLE
        @given(st.text(max_size=20) | st.text("./\\%2eE?#:@ ", max_size=12))
        def stays(native_id: str) -> None:
            assert self._smuggled(native_id) == []

        stays()

    def test_canonical_id(self) -> None:
        """Total, and idempotent, without a call."""
        transport = ReplayTransport(())
        adapter = self.case.open(transport)

        @STABLE
        @given(st.text(max_size=30) | st.sampled_from(HOSTILE_IDS))
        def is_total(native_id: str) -> None:
            with contextlib.suppress(InvalidInput):
                canonical = adapter.canonical_id(native_id)
                assert adapter.canonical_id(canonical) == canonical

        is_total()
        for fixture in self.case.runs():
            assert fixture.ask.id is not None
            assert adapter.canonical_id(fixture.ask.id)
        assert not transport.requests

    def _smuggled(self, native_id: str) -> list[str]:
        """What is wrong with the calls that a look-up of this id makes."""
        usual = self._call_of(self.case.fixture(self.case.succeeded).ask.id or "")[0]
        found: list[str] = []
        for request in self._call_of(native_id):
            path = request.url.raw_path.partition(b"?")[0].decode("ascii")
            usual_path = usual.url.raw_path.partition(b"?")[0].decode("ascii")
            if (request.method, request.url.scheme, request.url.netloc) != (usual.method, "https", usual.url.netloc):
                found.append(f"goes to {request.method} {request.url}")
            if path.count("/") != usual_path.count("/"):
                found.append(f"{path} has another number of segments than {usual_path}")
            if any(unquote(segment) in ("", ".", "..") for segment in path.split("/")[1:]):
                found.append(f"{path} has an empty or a relative segment")
            if sorted(request.url.params) != sorted(usual.url.params):
                found.append(f"the query is {request.url.query!r}")
            if set(request.headers) - set(usual.headers):
                found.append(f"headers {set(request.headers) - set(usual.headers)}")
        return found

    def _call_of(self, native_id: str) -> list[httpx.Request]:
        """The calls of a look-up of an id that no server knows."""
        transport = ReplayTransport((), strict=False)
        outcome = asyncio.run(fetch(self.case, transport, native_id))
        assert isinstance(outcome, AdapterError)
        return transport.requests

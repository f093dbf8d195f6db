"""What an upstream can send to do harm, and what an id can't do."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from adapters import codec
from adapters.errors import BadResponse, InvalidInput
from adapters.settings import ProviderSettings
from adapters.testing.mutations import STABLE
from adapters.text import MESSAGE_LIMIT
from adapters.wire import Fields
from gateway.demo.server import LoopbackServers
from tests.support import run

from .downloads import Parties, opened, parties
from .raw_server import sending
from .upstreams import JSON_HEAD, asked, raw_outcome

BROTLI_BOMB = base64.b64decode("y///P/glQOKxQCD3/i//LDHwSwDEYRGAjiMG")
"""Ten million blanks, packed with Brotli."""
ZSTD_BOMB = bytes.fromhex("28b52ffd0058") + b"\x02\x00\x10\x20" * 400 + b"\x03\x00\x10\x20"
"""401 blocks of 128 KiB, each one blank repeated: 50 MB in Zstandard."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def world() -> Iterator[Parties]:
    with parties() as state:
        yield state


BOMBS = {
    "gzip": gzip.compress(b" " * 20_000_000),
    "deflate": zlib.compress(b" " * 20_000_000),
    "br": BROTLI_BOMB,
    "zstd": ZSTD_BOMB,
}


@pytest.mark.parametrize("encoding", BOMBS)
def test_bombs_are_given_up_at_the_limit(encoding: str) -> None:
    """Each says that it was too large, which means that it was unpacked, and no further than the limit."""
    bomb = BOMBS[encoding]
    head = JSON_HEAD + b"content-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(bomb))
    error = raw_outcome(sending(head + bomb), max_response_bytes=4096)
    assert type(error) is BadResponse
    assert str(error) == "acme: the answer is larger than 4096 bytes"
    assert error.upstream_status == 200


def test_a_bomb_in_a_bomb_is_not_unpacked_twice() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 20_000_000))
    head = JSON_HEAD + b"content-encoding: gzip, gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    assert type(raw_outcome(sending(head + bomb), max_response_bytes=4096)) is BadResponse


def test_redirects_of_calls_are_not_followed_anywhere(world: Parties) -> None:
    """Neither the credential nor the call itself reaches the other place."""
    world.locations[:] = ["{storage}/x", "/base/file"]
    for number in ("0", "1"):
        with pytest.raises(BadResponse):
            asked(f"{world.provider.url}/base", lambda upstream, number=number: upstream.get("to", number))
    assert world.storage.seen == []
    assert world.provider.paths == ["/base/to/0", "/base/to/1"]


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth // 2) + b"[" * (depth - depth // 2) + b"]" * (depth - depth // 2) + b"}" * (depth // 2)


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (300, True), (500, True), (501, False), (900, False)])
def test_depth(depth: int, fits: bool) -> None:
    if fits:
        assert codec.loads(nested(depth)) is not None
    else:
        with pytest.raises(ValueError, match=r"^nested more than 500 levels deep$"):
            codec.loads(nested(depth))


def test_depth_is_named_to_the_client() -> None:
    body = nested(501)
    error = raw_outcome(sending(JSON_HEAD + b"content-length: %d\r\n\r\n" % len(body) + body))
    assert str(error) == "acme: the answer is nested more than 500 levels deep"
    assert error.upstream_status == 200


def test_brackets_in_texts_are_no_depth() -> None:
    assert codec.loads(json.dumps({"a": "[" * 5000, "b": ["]" * 600] * 600}).encode())["a"] == "[" * 5000
    assert len(codec.loads(b"[" + b"[]," * 5000 + b"{}]")) == 5001
    deep = b'["]",' * 600 + b"1" + b"]" * 600
    with pytest.raises(ValueError, match="levels deep"):
        codec.loads(deep)


def test_numbers_too_large_for_64_bits_do_not_hide_depth() -> None:
    body = b'{"n": 123456789012345678901234567890, "a": %s}'
    assert codec.loads(body % nested(499))["n"] == 123456789012345678901234567890
    with pytest.raises(ValueError, match="levels deep"):
        codec.loads(body % nested(500))


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "1e-400", "1E+999999", "9" * 4000, "0." + "1" * 5000, "1" * 25 + "e5", "1e999999999"]
)
def test_absurd_numbers_are_warnings_where_they_are_counts(text: str) -> None:
    try:
        document = codec.loads(b'{"n": %s}' % text.encode())
    except ValueError:
        return
    fields = Fields.of(document, provider="acme")
    read = (fields.count("n"), fields.integer("n"), fields.instant("n"), fields.text("n"), fields.number("n"))
    assert read[0] is None
    assert all(value is None or len(str(value)) < 6000 for value in read)
    assert fields.warnings


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e99999999999999999999", "9" * 100_000, "0x10", "1_0"]
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not valid"):
        codec.loads(b'{"n": %s}' % text.encode())


def test_a_number_with_a_huge_exponent_stays_small() -> None:
    value = codec.loads(b"1e999999")
    assert isinstance(value, Decimal)
    assert len(str(value)) < 20


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream", "image/png; charset=x", "", "a\tb" * 100])
def test_the_content_type_decides_nothing(kind: str) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: 2\r\n\r\n" % kind.encode()
    assert raw_outcome(sending(head + b"{}")) == {}
    error = raw_outcome(sending(head + b"{x"))
    assert type(error) is BadResponse
    assert str(error).isprintable()
    assert len(str(error)) < 200


@STABLE
@given(st.lists(st.text(max_size=12), min_size=1, max_size=3), st.text(max_size=12))
@example(["a\r\nx-injected: 1"], "b\r\nx-injected: 1")
@example(["..%2f", "%2e%2e", "a/../b", "?x#y"], "&admin=1#")
@example(["\\..\\", "@evil.example", "//evil.example"], ";")
def test_an_id_is_one_segment_whatever_it_holds(ids: list[str], value: str) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    async def ask() -> None:
        async with opened("https://p.test/base", transport=httpx.MockTransport(answer)) as upstream:
            await upstream.get("runs", *ids, params={"q": value})

    try:
        run(ask())
    except InvalidInput:
        assert seen == []
        return
    (request,) = seen
    path, _, query = request.url.raw_path.decode().partition("?")
    assert [unquote(segment) for segment in path.split("/")] == ["", "base", "runs", *ids]
    assert path.isprintable()
    assert len(query.split("&")) == 1
    assert request.url.host == "p.test"
    assert not any("injected" in name for name in request.headers)


def test_an_id_reaches_a_real_server_quoted() -> None:
    seen: list[tuple[bytes, list[bytes]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.append((scope["raw_path"], [name for name, _ in scope["headers"]]))
            await JSONResponse({})(scope, receive, send)

    ids = ["a\r\nx-injected: 1", "%0d%0a", "a\tb", "\u2028"]
    with LoopbackServers({"acme": app}) as servers:
        for native_id in ids:
            asked(servers.urls["acme"], lambda upstream, native_id=native_id: upstream.get("runs", native_id))
    assert [raw_path.decode() for raw_path, _ in seen] == [f"/runs/{quote(native_id)}" for native_id in ids]
    assert not any(b"x-injected" in names for _, names in seen)


def test_a_providers_words_are_short_and_on_one_line() -> None:
    words = "a\r\nb\x1b[31m\u202e" + "c" * 10_000
    body = json.dumps({"message": words}).encode()
    head = b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    message = str(raw_outcome(sending(head + body)))
    assert message.isprintable()
    assert len(message) <= len("acme: ") + MESSAGE_LIMIT


@pytest.mark.parametrize(
    "url",
    [
        "https://@acme.example",
        "https://:@acme.example",
        "https://acme.example?",
        "https://acme.example/#",
        "https://acme.example\\@evil.example",
        "https://acme.example\\.evil.example/",
        "https://127.1/",
        "https://2130706433/",
        "https://%61cme.example/",
        "gopher://acme.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "HTTPS:acme.example",
    ],
)
def test_base_urls_that_mean_another_place_to_somebody(url: str) -> None:
    with pytest.raises(ValueError, match="base_url") as caught:
        ProviderSettings.model_validate({"adapter": "acme", "base_url": url})
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("host", ["https://s.example", "s.example:443", "*", "*.*.example", "a b", "", "s.example/x"])
def test_download_hosts_are_hosts(host: str) -> None:
    with pytest.raises(ValueError, match="download_hosts"):
        ProviderSettings.model_validate({"adapter": "a", "base_url": "https://a.example", "download_hosts": [host]})

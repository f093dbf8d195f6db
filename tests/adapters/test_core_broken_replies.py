"""UpstreamClient and the Rust transport against servers that break HTTP, stop half-way or never end."""

import asyncio
import gzip
import json

import pytest

from adapters.errors import AdapterError, BadResponse, TimedOut, Unavailable
from tests.support import run

from .raw_server import Answer, endless, hanging, raw_server, resetting, sending
from .upstreams import JSON_HEAD, TOKEN, client, raw_outcome


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


BROKEN: dict[str, tuple[Answer, tuple[type[AdapterError], ...]]] = {
    "closed at once": (sending(b""), (Unavailable,)),
    "reset at once": (resetting(b""), (Unavailable,)),
    "not HTTP": (sending(b"220 smtp.example ready\r\n\r\n"), (BadResponse,)),
    "headers only": (sending(JSON_HEAD), (Unavailable,)),
    "headers without end": (endless(JSON_HEAD, b"x-a: " + b"a" * 1000 + b"\r\n"), (BadResponse,)),
    "shorter than it says": (sending(JSON_HEAD + b'content-length: 50\r\n\r\n{"id": '), (Unavailable,)),
    "reset in the body": (resetting(JSON_HEAD + b'content-length: 50\r\n\r\n{"id": '), (Unavailable,)),
    "chunks cut off": (sending(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{}"), (Unavailable,)),
    "broken chunks": (sending(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}"), (BadResponse,)),
    "two lengths": (sending(JSON_HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"), (BadResponse,)),
    "broken gzip": (
        sending(JSON_HEAD + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"),
        (BadResponse,),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_connection(what: str) -> None:
    answer, kinds = BROKEN[what]
    error = raw_outcome(answer)
    assert type(error) in kinds
    assert (error.provider, error.upstream_status) == ("acme", None)
    assert TOKEN not in f"{error} {error!r} {error.__cause__} {error.__cause__!r}"


def test_body_until_the_connection_closes() -> None:
    assert raw_outcome(sending(b"HTTP/1.0 200 OK\r\n\r\n{}")) == {}


@pytest.mark.parametrize("kind", [b"application/json; charset=latin-1", b'text/json;Charset = "ISO-8859-1"'])
def test_a_body_in_the_character_set_that_it_declares(kind: bytes) -> None:
    body = b'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-type: %s\r\n\r\n"\xe9"'
    assert raw_outcome(sending(body % kind)) == "é"
    assert type(raw_outcome(sending(body % b"application/json"))) is BadResponse


def test_compressed_body() -> None:
    body = gzip.compress(b'{"id": "r"}')
    head = JSON_HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert raw_outcome(sending(head + body)) == {"id": "r"}


def test_body_at_the_limit() -> None:
    for size, fits in ((2048, True), (2049, False)):
        body = b'"' + b"x" * (size - 2) + b'"'
        reply = JSON_HEAD + b"content-length: %d\r\n\r\n" % size + body
        outcome = raw_outcome(sending(reply), max_response_bytes=2048)
        assert isinstance(outcome, str) if fits else type(outcome) is BadResponse


def test_compressed_body_that_inflates_beyond_the_limit() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    head = JSON_HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    error = raw_outcome(sending(head + bomb))
    assert type(error) is BadResponse
    assert "larger than" in str(error)


def test_endless_body_is_given_up_at_the_limit() -> None:
    """Not at the timeout, which would mean that all of it is read."""
    error = raw_outcome(endless(JSON_HEAD + b"\r\n", b" " * 65536))
    assert type(error) is BadResponse
    assert "larger than" in str(error)


@pytest.mark.parametrize("sent", [b"", JSON_HEAD, JSON_HEAD + b"content-length: 50\r\n\r\n{"], ids=len)
def test_no_answer_in_time(sent: bytes) -> None:
    assert type(raw_outcome(hanging(sent), timeout_ms=50)) is TimedOut


def test_cancelled_while_waiting() -> None:
    async def ask() -> bool:
        async with raw_server(hanging()) as server:
            upstream = client(server.url)
            task = asyncio.ensure_future(upstream.get("x"))
            await server.asked.wait()
            task.cancel()
            await asyncio.wait([task])
            await upstream.aclose()
            return task.cancelled()

    assert run(ask())


def test_content_type_shows_in_the_message_of_a_reply_that_is_no_json() -> None:
    page = b"<html>"
    error = raw_outcome(sending(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n" + page))
    assert str(error) == "acme: the answer (text/html) is not valid JSON"
    assert error.upstream_status == 200


def test_credential_in_a_providers_words_is_hidden() -> None:
    body = json.dumps({"message": f"token {TOKEN} expired"}).encode()
    head = b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert str(raw_outcome(sending(head + body))) == "acme: token *** expired"

"""What comes in, as ASGI servers may hand it over."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from gateway.incoming import GraphQLRequest, HttpError, headers_of, read_request
from gateway.limits.variables import holds_more
from tests.support import run

BODY = b'{"query": "{ a }", "variables": {"b": 1}}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=1),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=1), inner, max_size=5),
    max_leaves=40,
)


def scope(*headers: tuple[bytes, bytes], method: str = "POST") -> dict[str, Any]:
    return {"method": method, "headers": list(headers), "query_string": b""}


def read(pieces: Sequence[bytes], most: int = 1000, *headers: tuple[bytes, bytes]) -> GraphQLRequest:
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1}
        for place, piece in enumerate(pieces)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    asked = scope((b"content-type", b"application/json"), *headers)
    return run(read_request(asked, headers_of(asked), receive, most))


def test_lines_of_one_header_are_joined() -> None:
    sent = scope((b"accept", b"text/html"), (b"x", b"1"), (b"accept", b"application/json"))
    assert headers_of(sent) == {b"accept": b"text/html,application/json", b"x": b"1"}


@pytest.mark.parametrize(
    "pieces",
    [
        [BODY],
        [BODY, b""],
        [b"", BODY],
        [BODY[:7], BODY[7:9], BODY[9:]],
        [BODY[place : place + 1] for place in range(len(BODY))],
    ],
    ids=["whole", "then nothing", "nothing first", "three", "bytes"],
)
def test_a_body_comes_in_any_pieces(pieces: list[bytes]) -> None:
    assert read(pieces) == GraphQLRequest(len(BODY), "{ a }", None, {"b": 1})


@pytest.mark.parametrize("pieces", [[BODY], [BODY[:-1], BODY[-1:]]], ids=["whole", "in pieces"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_is_bounded_whatever_it_says_of_itself(pieces: list[bytes], declared: bool) -> None:
    headers = [(b"content-length", str(len(BODY)).encode())] if declared else []
    assert read(pieces, len(BODY), *headers).query == "{ a }"
    with pytest.raises(HttpError) as caught:
        read(pieces, len(BODY) - 1, *headers)
    assert caught.value.status == 413


@given(st.dictionaries(st.text(max_size=1), VALUES, max_size=5))
def test_a_text_holds_no_more_values_than_half_its_characters(variables: dict[str, Any]) -> None:
    """So that the endpoint need not count those of a short one."""
    assert not holds_more(variables, len(orjson.dumps(variables)) // 2)

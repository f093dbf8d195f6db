"""Cursors are opaque, and nothing that a client makes of one does more than fail in one sentence."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.listing.cursors import MAX_LENGTH, START, VERSION, End, Position, ReadState, RowKey, RunKey, decode, encode

STATES = (
    START,
    ReadState(end=End.INCOMPLETE),
    ReadState(
        cursor="2:21:x",
        used=4,
        anchor="0123456789ab",
        inside=True,
        tail="ba9876543210",
        last=RowKey(1_780_000_000_000_000, "run/ä"),
        floor=-5,
        tied=("cb9876543210",),
        gap=True,
    ),
)
POSITION = Position(version=VERSION, digest="d", sources=STATES, last=RunKey(7, "middesk", "r"))


EMPTY: dict[str, object] = {}


def text_of(document: object) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def refusal(cursor: str, digest: str = "d", sources: int = 3) -> str:
    with pytest.raises(RequestError) as raised:
        decode(cursor, digest=digest, sources=sources)
    return str(raised.value)


def test_a_cursor_says_where_reading_stands() -> None:
    cursor = encode(POSITION)

    assert decode(cursor, digest="d", sources=3) == POSITION
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_of_another_list_is_refused() -> None:
    message = (
        "after: this cursor belongs to a list with another filter, or from before the gateway's providers were"
        " configured anew; start from the first page"
    )
    assert refusal(encode(POSITION), digest="e") == message
    assert refusal(encode(POSITION), sources=2) == message


def test_a_cursor_of_another_version_is_refused() -> None:
    message = "after: this cursor was made by another version of the gateway; start from the first page"
    assert refusal(text_of({"v": 2, "whatever": []})) == message


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "=",
        "x",
        "ä",
        "\ud800",
        "%%%",
        text_of(None),
        text_of([]),
        text_of({"v": True}),
        text_of({"v": 1}),
        text_of({"v": 1, "d": "d", "s": [EMPTY] * 3, "z": 1}),
        text_of({"v": 1, "d": "d", "s": [{"c": "x" * 9000}, {}, {}]}),
        text_of({"v": 1, "d": "d", "s": [{"l": [2**70, "x"]}, {}, {}]}),
        text_of({"v": 1, "d": "d", "s": [{"e": 9}, {}, {}]}),
        text_of({"v": 1, "d": "d", "s": [EMPTY] * 1001}),
        urlsafe_b64encode(b'{"v":' + b"[" * 20_000).decode(),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    assert refusal(cursor) == "after: this is not a cursor of a list of runs"


def test_a_cursor_has_a_largest_size() -> None:
    assert refusal("A" * (MAX_LENGTH + 1)) == f"after: a cursor has at most {MAX_LENGTH} characters"


@given(st.text() | st.binary().map(lambda data: urlsafe_b64encode(data).decode()))
def test_any_text_is_refused_or_read(cursor: str) -> None:
    with suppress(RequestError):
        decode(cursor, digest="d", sources=3)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("vdskcualtfegim"), inner, max_size=4)
        ),
        max_leaves=8,
    ),
    st.sampled_from(["s", "k", "d", "v"]),
)
def test_a_changed_cursor_is_refused_or_read(value: object, key: str) -> None:
    cursor = encode(POSITION)
    document = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    with suppress(RequestError):
        decode(text_of({**document, key: value}), digest="d", sources=3)

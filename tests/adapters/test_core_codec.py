"""JSON in: exact, and safe to read from anybody."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import codec
from adapters.testing.fixtures import to_bytes
from adapters.testing.mutations import STABLE, json_values


@pytest.mark.parametrize("text", ["0.1", "12.50", "1E+400", "0.1234567890123456789012345678901234567890", "-0.0"])
def test_fractions_are_exact(text: str) -> None:
    value = codec.loads(text.encode())
    assert isinstance(value, Decimal)
    assert str(value) == text


def test_whole_numbers_are_exact() -> None:
    assert codec.loads(b"9007199254740993") == 9007199254740993
    assert codec.loads(b"123456789012345678901234567890") == 123456789012345678901234567890


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"\xef\xbb\xbf",
        b"NaN",
        b"-Infinity",
        b"[1,]",
        b"{'a': 1}",
        b'{"a": 1',
        b"{}{}",
        b"[1]\x00",
        b"\x00",
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"01",
        b"+1",
        b"<html></html>",
        b'"tab\tinside"',
        b"9" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 10_000 + b"]" * 10_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_refuses(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(empty|not valid JSON|not text .*|nested more than 500 levels deep)$"):
        codec.loads(body)


def test_messages_hold_nothing_of_the_text() -> None:
    with pytest.raises(ValueError, match=r"^not valid JSON$"):
        codec.loads(b'{"password": secret-value}')


def test_byte_order_mark_is_skipped() -> None:
    assert codec.loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("charset", "body"), [("latin-1", b'"\xe9"'), ("iso-8859-1", b'"\xe9"'), ("cp1252", b'"\xe9"')]
)
def test_declared_character_set(charset: str, body: bytes) -> None:
    assert codec.loads(body, charset) == "é"


def test_depth_is_that_of_the_text_and_not_of_its_bytes() -> None:
    # Hardly a bracket is one before it is read in the character set that it claims.
    body = b'["\xff", ' + rb"\x5b" * 500 + rb"\x5d" * 500 + b"]"
    with pytest.raises(ValueError, match="nested more than 500 levels deep"):
        codec.loads(body, "unicode_escape")


@pytest.mark.parametrize("charset", [None, "utf-8", "ascii", "no-such-charset", "", "\x00", "hex", "zip", "undefined"])
def test_character_set_that_does_not_fit(charset: str | None) -> None:
    with pytest.raises(ValueError, match="not text in the character set"):
        codec.loads(b'"\xe9"', charset)


def test_the_last_of_duplicate_keys_counts() -> None:
    assert codec.loads(b'{"a": 1, "a": 2}') == {"a": 2}


@STABLE
@given(st.binary(max_size=60), st.none() | st.text(max_size=12) | st.sampled_from(["utf-16", "utf-7", "idna"]))
def test_bytes_give_json_or_value_error(body: bytes, charset: str | None) -> None:
    try:
        codec.loads(body, charset)
    except ValueError:
        return


@STABLE
@given(json_values)
def test_what_is_written_reads_back(value: object) -> None:
    assert codec.loads(to_bytes(value)) == value

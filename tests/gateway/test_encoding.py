"""JSON out: exact, valid whatever it is given, and never a crash on what a provider may send."""

import json
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import codec
from gateway import encoding

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**60, max_value=2**200)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read(text: bytes) -> Any:
    """The value of a JSON text, by a strict reader other than those of the code."""
    return json.loads(text.decode("utf-8", "strict"), parse_float=Decimal, parse_constant=refuse)


def exactly(value: Any) -> object:
    """The value with everything in it told apart that JSON tells apart: order, and numbers from booleans and texts."""
    match value:
        case None | bool() | str():
            return (type(value), value)
        case dict():
            return [(name, exactly(item)) for name, item in cast("dict[str, Any]", value).items()]
        case list():
            return [exactly(item) for item in cast("list[Any]", value)]
        case _:
            return Decimal(str(value))


@given(json_values)
def test_whatever_is_json_comes_out_as_it_is(value: object) -> None:
    assert exactly(read(encoding.dumps(value))) == exactly(value)


@given(json_values)
def test_one_large_number_changes_nothing_else(value: object) -> None:
    assert exactly(read(encoding.dumps({"n": 2**70, "value": value}))) == exactly({"n": 2**70, "value": value})


@given(st.text(st.characters()), st.booleans())
def test_half_a_surrogate_pair_becomes_the_replacement_character(text: str, as_key: bool) -> None:
    readable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert read(encoding.dumps({text: 1} if as_key else [text])) == ({readable: 1} if as_key else [readable])


TEXTS: list[tuple[object, str]] = [
    ("\ud800", '"\ufffd"'),
    ("a\udc00b\ud83d", '"a\ufffdb\ufffd"'),
    (2**64, "18446744073709551616"),
    (-(2**63) - 1, "-9223372036854775809"),
    (2**64 - 1, "18446744073709551615"),
    (Decimal("0.10"), "0.10"),
    (Decimal("1E+400"), "1E+400"),
    (Decimal("-0"), "-0"),
    (Decimal("NaN"), "null"),
    (Decimal("-Infinity"), "null"),
    (float("nan"), "null"),
    (float("inf"), "null"),
    ([2**64, Decimal("NaN"), float("-inf"), "é\u2028"], '[18446744073709551616,null,null,"é\u2028"]'),
    ({"a": (1, (), {}), "b": [2**64, [], None, True]}, '{"a":[1,[],{}],"b":[18446744073709551616,[],null,true]}'),
]


@pytest.mark.parametrize(("value", "text"), TEXTS)
def test_what_other_encoders_refuse_or_spoil(value: object, text: str) -> None:
    assert encoding.dumps(value) == text.encode()


@pytest.mark.parametrize("depth", [100, 254, 600, 50_000])
def test_no_depth_is_too_deep(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    assert encoding.dumps(value) == b'{"a":[' * depth + b"1" + b"]}" * depth


@pytest.mark.parametrize(
    "text",
    [
        b"[0.1, 1.10, -0.0, 1e400, 12345678901234567890.12345678901234567890, 0E-10, 1E5]",
        b"[18446744073709551615, 18446744073709551616, 123456789012345678901234567890]",
        b'{"\\u0000": "\\ud83d\\ude00\\u2028"}',
        b"1" * 4300,
        b"[" * 500 + b"]" * 500,
    ],
)
def test_a_providers_document_goes_through_unchanged(text: bytes) -> None:
    assert read(encoding.dumps(codec.loads(text))) == read(text)


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"-Infinity", b'"\\ud800"', b'"\xed\xa0\x80"'])
def test_what_is_no_json_text_never_comes_in(text: bytes) -> None:
    with pytest.raises(ValueError, match="not"):
        codec.loads(text)


@pytest.mark.parametrize("value", [object(), {"a": [object]}, {1, 2}, [2**64, object()]])
def test_what_json_has_nothing_for_is_an_error(value: object) -> None:
    with pytest.raises(TypeError):
        encoding.dumps(value)

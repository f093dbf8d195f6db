"""Values as text: readable, and nothing that steers a terminal."""

import json
import unicodedata
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands import text

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def steers(shown: str) -> bool:
    """Whether a terminal would do more than show the text."""
    categories = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return any(unicodedata.category(each) in categories and each not in "\u200c\u200d" for each in shown)


def dumped(value: Any) -> str:
    """JSON text, with decimals as numbers of all their digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(dumped, cast('list[Any]', value)))}]"
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)} : {dumped(item)}" for key, item in members) + "}"
    return json.dumps(value, ensure_ascii=False)


def exact(written: str) -> Any:
    """The document, with numbers as they are written."""
    return json.loads(written, parse_float=str, parse_int=str)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b2J", r"\x9b2J"),
        ("abc\u202edef", r"abc\u202edef"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("naïve 日本 👩\u200d💻 [bold]", "naïve 日本 👩\u200d💻 [bold]"),
    ],
)
def test_control_characters_are_shown_not_sent(raw: str, shown: str) -> None:
    assert text.clean(raw) == shown


@given(st.text())
def test_no_text_steers_a_terminal(raw: str) -> None:
    assert not steers(text.clean(raw))
    assert not steers(text.clean_lines(raw).replace("\n", ""))


@given(JSON_VALUES)
def test_json_stays_the_same_document_digit_for_digit(value: Any) -> None:
    written = dumped(value)
    shown = text.clean_json(text.indented(written))
    assert not steers(shown.replace("\n", ""))
    assert exact(shown) == exact(written)


def test_json_is_indented_as_usual() -> None:
    value = json.loads('{"a": [1, {"b": []}, {}, [[]], "x, [y]: {z}"], "c": {"d": null}}')
    assert text.indented(json.dumps(value)) == json.dumps(value, indent=2)


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "-"),
        (0, "0ms"),
        (999, "999ms"),
        (5500, "5.5s"),
        (59_999, "1m 00s"),
        (125_000, "2m 05s"),
        (3.7e6, "1h 01m"),
    ],
)
def test_durations(milliseconds: float | None, shown: str) -> None:
    assert text.duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(None, "-"), (46, "46 B"), (1500, "1.5 kB"), ("9007199254740993", "9007199.3 GB"), (999_960, "1.0 MB")],
)
def test_sizes(octets: int | str | None, shown: str) -> None:
    assert text.size(octets) == shown


def test_numbers_have_separators_and_all_their_digits() -> None:
    assert text.whole("9007199254740993") == "9,007,199,254,740,993"
    assert text.amount("1234567.000000000000000001") == "1,234,567.000000000000000001"
    assert text.whole(None) == text.amount(None) == "-"
    assert text.whole(0) == "0"


def test_times_are_shown_in_a_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert text.moment("2026-06-01T12:00:00.123Z", berlin) == "2026-06-01 14:00:00"
    assert text.short_moment("2026-06-01T12:00:00Z", berlin, 2026) == "06-01 14:00:00"
    assert text.short_moment("2025-06-01T12:00:00Z", berlin, 2026) == "2025-06-01 14:00:00"

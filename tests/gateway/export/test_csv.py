"""CSV: what goes in comes out, and no cell is a formula."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.errors import ErrorCode
from gateway.export.columns import Column, Type
from gateway.export.formats import Csv, Ending, csv_cell
from gateway.listing.sources import SourceError, SourceReport, SourceState

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
ODD = st.text(st.sampled_from("=+-@\t\r\n'\"#,; aä\u2028\0\uff1d"), max_size=8)
TEXTS = st.text(max_size=20) | ODD
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
AMOUNTS = st.decimals(-(10**20), 10**20, places=9)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3))


def written(rows: Sequence[Sequence[Any]], types: Sequence[Type]) -> str:
    writer = Csv([Column(f"c{place}", type_) for place, type_ in enumerate(types)])
    return (writer.start() + writer.rows(rows) + writer.end(Ending(len(rows), 0, []))).decode()


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def plain(cell: str) -> str:
    """A text cell as whoever reads the file gets it back: the documented way."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'")[:1] in tuple(Csv.FORMULA) else cell


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
@example([("=1+1", "'=1+1"), ("", "'"), ("''", "'-"), ("#end complete=true rows=9", "a\r\n#end")])
def test_texts_survive_and_are_no_formulas(rows: list[tuple[str, str]]) -> None:
    header, *cells, end = parsed(written(rows, [Type.TEXT, Type.TEXT]))
    assert header == ["c0", "c1"]
    assert end == [f"#end complete=true rows={len(rows)}", ""]
    # Half a surrogate pair is no text that a file could hold.
    expected = [tuple(text.encode("utf-8", "replace").decode() for text in row) for row in rows]
    assert [tuple(map(plain, row)) for row in cells] == expected
    assert not any(cell.startswith((*FORMULA, "\uff1d")) for row in cells for cell in row)


@given(
    st.lists(
        st.tuples(
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.decimals(-(10**20), 10**20, places=9),
            JSON,
        )
    )
)
def test_numbers_stay_numbers_and_nothing_else_looks_like_a_formula(rows: list[tuple[Any, ...]]) -> None:
    types = [Type.INTEGER, Type.NUMBER, Type.DECIMAL, Type.JSON]
    _, *lines, _ = parsed(written(rows, types))
    for (integer, number, amount, _), line in zip(rows, lines, strict=True):
        assert (int(line[0]), float(line[1]), Decimal(line[2])) == (integer, number, amount)
        assert all(NUMBER.fullmatch(cell) for cell in line if cell.startswith(FORMULA))


@given(st.lists(st.tuples(TEXTS, JSON), max_size=5))
def test_only_the_marker_starts_with_a_hash(rows: list[tuple[Any, ...]]) -> None:
    *lines, last = re.split(
        r"\r\n(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", written(rows, [Type.TEXT, Type.JSON]).rstrip("\r\n")
    )
    assert last.startswith("#end ")
    # A reader that takes # for a comment anywhere outside of quotes loses nothing.
    assert not any("#" in re.sub(r'"[^"]*"', "", line) for line in lines)


@pytest.mark.parametrize(
    ("cell", "type_", "text"),
    [
        (None, Type.TEXT, ""),
        ("", Type.TEXT, '""'),
        (" a", Type.TEXT, '" a"'),
        ("-5", Type.TEXT, "'-5"),
        (-5, Type.INTEGER, "-5"),
        (2**63, Type.INTEGER, "9223372036854775808"),
        (1200.0, Type.NUMBER, "1200.0"),
        (float("inf"), Type.NUMBER, ""),
        (Decimal("0.10"), Type.DECIMAL, "0.10"),
        (Decimal("1E+3"), Type.DECIMAL, "1000"),
        (Decimal("1E-9"), Type.DECIMAL, "0.000000001"),
        (True, Type.BOOLEAN, "true"),
        (datetime(2026, 3, 2, 9, 14, 5, 120_000, UTC), Type.TIME, "2026-03-02T09:14:05.120Z"),
        (["a", "b"], Type.JSON, '"[""a"",""b""]"'),
        ({"amount": Decimal("0.10")}, Type.JSON, '"{""amount"":0.10}"'),
        ([], Type.JSON, "[]"),
    ],
)
def test_cells(cell: Any, type_: Type, text: str) -> None:
    assert csv_cell(cell, type_) == text


def test_the_marker_names_what_is_missing_in_one_word_each() -> None:
    sources = [
        SourceReport(provider="one", state=SourceState.OK),
        SourceReport(
            provider="two",
            scope='a,"b"\r\n;:#',
            state=SourceState.FAILED,
            error=SourceError(ErrorCode.UNAVAILABLE, 'two: "down", they say'),
        ),
        SourceReport(provider="three", state=SourceState.UNSUPPORTED),
    ]
    writer = Csv([Column("a", Type.TEXT), Column("b", Type.TEXT), Column("c", Type.TEXT)])
    assert writer.end(Ending(12, 3, sources)) == (
        b"#end complete=false rows=12 rowsFailed=3 "
        b"incomplete=two/a%2C%22b%22%0D%0A%3B%3A%23:FAILED:UNAVAILABLE;three:UNSUPPORTED,,\r\n"
    )

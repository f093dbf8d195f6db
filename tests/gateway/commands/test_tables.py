"""Tables fit the terminal, and lose what matters least first."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from gateway.commands.tables import Column, fit
from tests.support import tries

texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=30)


def column(header: str, *values: str, rank: int = 0, least: int | None = None, **looks: Any) -> Column:
    return Column(header, [Text(value) for value in values], rank=rank, least=least, **looks)


def lines(*columns: Column, width: int | None) -> list[str]:
    return [line.plain for line in fit(columns, width).lines]


def test_columns_are_aligned_and_lines_end_with_their_text() -> None:
    table = lines(column("a", "x", "longer"), column("n", "1", "1,000", right=True), column("z", "q", ""), width=None)
    assert table == ["a           n  z", "x           1  q", "longer  1,000"]


def test_what_matters_least_goes_first() -> None:
    columns = (column("id", "1234567890"), column("b", "bbbb", rank=1), column("c", "cccc", rank=2))
    assert lines(*columns, width=22)[0] == "id          b     c"
    assert lines(*columns, width=20)[0] == "id          b"
    assert lines(*columns, width=12)[0] == "id"


def test_texts_are_cut_at_the_end_or_in_the_middle() -> None:
    table = fit(
        [column("name", "abcdefghijkl", least=4), column("id", "provider:0123456789", least=9, good=13, middle=True)],
        19,
    )
    assert table.is_cut
    assert [line.plain for line in table.lines] == ["name  id", "abc…  prov…23456789"]
    assert not fit([column("name", "abc", least=4)], 19).is_cut


def test_wide_characters_count_twice() -> None:
    assert lines(column("名", "日本", "ab"), column("x", "1", "2"), width=None) == ["名    x", "日本  1", "ab    2"]


@tries(50)
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5), st.integers(30, 80))
def test_no_line_is_longer_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    first, second, third = zip(*rows, strict=True)
    table = lines(
        column("first", *first, least=8), column("second", *second, rank=1), column("id", *third, least=9, middle=True),
        width=width,
    )  # fmt: skip
    assert all(cell_len(line) <= width for line in table)
    assert len(table) == len(rows) + 1

"""Tables that fit: columns that matter less are left out, and some are cut, before a line would wrap."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

GAP = 2
ELLIPSIS = "…"
SPARE = 4


@dataclass(frozen=True, slots=True)
class Column:
    """A column of texts. `rank` 0 is always shown; of the others the highest goes first.

    `least` is how many cells it may be cut to; None: it is never cut. Columns of a rank of `SPARE` and more go before
    it gets less than `good` cells. `middle`: its cut texts keep both ends.
    """

    header: str
    texts: Sequence[Text]
    rank: int = 0
    right: bool = False
    least: int | None = None
    good: int = 0
    middle: bool = False

    @property
    def width(self) -> int:
        return max([cell_len(self.header), *(text.cell_len for text in self.texts)])

    @property
    def shortest(self) -> int:
        return self.width if self.least is None else min(self.least, self.width)

    @property
    def comfortable(self) -> int:
        return max(self.shortest, min(self.good, self.width))

    def cells(self, width: int) -> Iterator[Text]:
        """The header and the texts, each of exactly this width."""
        for text in (Text(self.header, "bold"), *self.texts):
            cell = text.copy()
            if cell.cell_len > width:
                cell = _without_middle(cell, width) if self.middle else cell
                cell.truncate(width, overflow="ellipsis")
            blanks = width - cell.cell_len
            yield Text(" " * blanks) + cell if self.right else cell + Text(" " * blanks)


@dataclass(frozen=True, slots=True)
class Table:
    """Lines of a table, header first. `is_cut`: a text had to be cut; `left_out`: headers there was no room for."""

    lines: Sequence[Text]
    is_cut: bool
    left_out: Sequence[str] = ()


def fit(columns: Sequence[Column], width: int | None) -> Table:
    """A table of at most `width` cells where that is possible; None is unbounded."""
    shown = list(columns)
    if width is not None:
        _drop(shown, lambda column: column.comfortable, width, SPARE)
        _drop(shown, lambda column: column.shortest, width, 1)
    widths = _widths(shown, width)
    rows = zip(*(column.cells(size) for column, size in zip(shown, widths, strict=True)), strict=True)
    lines = [Text((" " * GAP), no_wrap=True, overflow="ignore").join(row) for row in rows]
    for line in lines:
        line.rstrip()
    is_cut = any(size < column.width for column, size in zip(shown, widths, strict=True))
    return Table(lines, is_cut, [column.header for column in columns if column not in shown])


def _drop(columns: list[Column], needed: Callable[[Column], int], width: int, rank: int) -> None:
    """Leave out columns of this rank and more until the others fit, or none of them is left."""
    while columns and _sum([needed(column) for column in columns]) > width:
        last = max(columns, key=lambda column: column.rank)
        if last.rank < rank:
            return
        columns.remove(last)


def _widths(columns: Sequence[Column], width: int | None) -> list[int]:
    """What each column gets: its shortest, then what is good for it, then what it lacks of its texts, from the left."""
    if width is None:
        return [column.width for column in columns]
    widths = [column.shortest for column in columns]
    rest = width - _sum(widths)
    for wanted in ([column.comfortable for column in columns], [column.width for column in columns]):
        for place, size in enumerate(wanted):
            extra = max(min(rest, size - widths[place]), 0)
            widths[place] += extra
            rest -= extra
    return widths


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def _without_middle(text: Text, width: int) -> Text:
    """The two ends of a text of one-cell characters; the end, which tells ids apart, gets more."""
    head = max((width - 1) // 3, 0)
    tail = max(width - 1 - head, 0)
    return text[:head] + Text(ELLIPSIS) + text[len(text) - tail :]

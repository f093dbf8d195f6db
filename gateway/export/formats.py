"""How rows are written as text, and how a file says at its end whether it is whole."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from gateway import encoding
from gateway.listing.sources import SourceReport, SourceState
from gateway.schema.scalars import serialize_datetime, serialize_decimal

from .columns import Column, Type

Row = Sequence[Any]
"""The cells of a run, one for each column."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an export ended. `failed`: rows with cells that could not be fetched. `error`: what stopped it early."""

    rows: int
    failed: int
    sources: Sequence[SourceReport]
    error: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every run that the filter means is in the file, with all its cells."""
        all_ok = all(source.state is SourceState.OK for source in self.sources)
        return all_ok and not self.failed and self.error is None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "complete": self.is_complete,
            "rows": self.rows,
            "rowsFailed": self.failed,
            "error": self.error,
            "sources": [_source(source) for source in self.sources],
        }


def _source(source: SourceReport) -> dict[str, Any]:
    error = source.error and {"code": source.error.code.value, "message": source.error.message}
    return {
        "provider": source.provider,
        "scope": source.scope,
        "state": source.state.value,
        "fetched": source.fetched,
        "reason": source.reason,
        "error": error,
    }


class Writer(ABC):
    """Writes one file, piece by piece. What a call returns may be empty: some formats hold rows back for a while."""

    suffix: ClassVar[str]
    media_type: ClassVar[str]

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns

    @abstractmethod
    def start(self) -> bytes: ...

    @abstractmethod
    def rows(self, rows: Sequence[Row]) -> bytes: ...

    @abstractmethod
    def end(self, ending: Ending) -> bytes: ...


class Ndjson(Writer):
    """One object a line, with the columns as keys. The last line has the one key `_end`.

    Amounts are numbers, digit for digit; whoever reads them as binary floats loses that.
    """

    suffix = "ndjson"
    media_type = "application/x-ndjson"

    def start(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        names = [column.name for column in self.columns]
        return b"".join(encoding.dumps(dict(zip(names, map(_json_cell, row), strict=True))) + b"\n" for row in rows)

    def end(self, ending: Ending) -> bytes:
        return encoding.dumps({"_end": ending.document()}) + b"\n"


def _json_cell(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return serialize_datetime(cell)
    return orjson.Fragment(serialize_decimal(cell)) if isinstance(cell, Decimal) and cell.is_finite() else cell


class Csv(Writer):
    """RFC 4180. A null is an empty cell, an empty text is `""`.

    The last line is `#end complete=true rows=12`, followed by as many empty cells as rows have; where it says
    `complete=false`, `incomplete=` names the sources, and `rowsFailed=` counts rows that lack cells. Cells with a `#`
    are quoted, so that readers may be told to skip lines that start with one.

    Spreadsheets take a text for a formula that starts with one of `FORMULA`: it gets an apostrophe in front, and so
    does one that would look as if it had got one. Numbers are left alone.
    """

    suffix = "csv"
    media_type = "text/csv; charset=utf-8; header=present"
    MARKER = "#end"
    FORMULA = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - the wide forms count as the narrow ones

    def start(self) -> bytes:
        return _line([_quoted(column.name) for column in self.columns])

    def rows(self, rows: Sequence[Row]) -> bytes:
        types = [column.type for column in self.columns]
        return b"".join(_line([csv_cell(cell, type_) for cell, type_ in zip(row, types, strict=True)]) for row in rows)

    def end(self, ending: Ending) -> bytes:
        words = [self.MARKER, f"complete={str(ending.is_complete).lower()}", f"rows={ending.rows}"]
        if ending.failed:
            words.append(f"rowsFailed={ending.failed}")
        if ending.error is not None:
            words.append("error=INTERNAL")
        if left := [source for source in ending.sources if source.state is not SourceState.OK]:
            words.append(f"incomplete={';'.join(map(_source_word, left))}")
        return _line([" ".join(words), *[""] * (len(self.columns) - 1)])


def _source_word(source: SourceReport) -> str:
    """Such as `name/scope:FAILED:UNAVAILABLE`, without a character that means anything to CSV or to the marker."""
    name = source.provider if source.scope is None else f"{source.provider}/{quote(source.scope, safe='')}"
    return ":".join([name, source.state.value, *([source.error.code.value] if source.error else [])])


def csv_cell(cell: Any, type_: Type) -> str:
    """A cell as it stands in the file, quoted where it has to be."""
    if cell is None:
        return ""
    match type_:
        case Type.TEXT:
            return _quoted(f"'{cell}" if cell.lstrip("'")[:1] in tuple(Csv.FORMULA) else cell)
        case Type.TIME:
            return serialize_datetime(cell)
        case Type.DECIMAL:
            return serialize_decimal(cell) if cell.is_finite() else ""
        case Type.NUMBER:
            return repr(float(cell)) if isfinite(cell) else ""
        case Type.BOOLEAN:
            return "true" if cell else "false"
        case Type.INTEGER:
            return str(cell)
        case Type.JSON:
            # JSON starts with none of the characters that make a formula, but for the minus of a number.
            return _quoted(json_text(cell))


def json_text(cell: Any) -> str:
    return encoding.dumps(cell).decode()


_SPECIAL = frozenset(',"\r\n#')


def _quoted(text: str) -> str:
    if text and _SPECIAL.isdisjoint(text) and text == text.strip():
        return text
    return '"' + text.replace('"', '""') + '"'


def _line(cells: Sequence[str]) -> bytes:
    return (",".join(cells) + "\r\n").encode("utf-8", "replace")

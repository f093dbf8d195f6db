"""Parquet, with the package pyarrow. A file that was cut has no footer, so that nobody can open it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from gateway import encoding

from .columns import Column, Type
from .formats import Ending, Row, Writer, json_text

END_KEY = "rungraph_end"
"""Where the metadata of the file says, in JSON, whether it is whole."""
ROW_GROUP = 5_000
"""Rows that are held back until they are written together."""
_DIGITS, _SCALE = 38, 18
_INT64 = 2**63


def is_installed() -> bool:
    return find_spec("pyarrow") is not None


def load() -> Any:
    """The package; slow the first time, which belongs into a thread."""
    import_module("pyarrow.parquet")
    return import_module("pyarrow")


class Parquet(Writer):
    """Times in microseconds, UTC; amounts as decimals with 18 digits behind the point; JSON as text.

    An amount or number that does not fit is null, and its row counts as failed.
    """

    suffix = "parquet"
    media_type = "application/vnd.apache.parquet"

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__(columns)
        arrow = self._arrow = load()
        types: Mapping[Type, Any] = {
            Type.TEXT: arrow.string(),
            Type.JSON: arrow.string(),
            Type.INTEGER: arrow.int64(),
            Type.NUMBER: arrow.float64(),
            Type.DECIMAL: arrow.decimal128(_DIGITS, _SCALE),
            Type.TIME: arrow.timestamp("us", tz="UTC"),
            Type.BOOLEAN: arrow.bool_(),
        }
        self._schema = arrow.schema([arrow.field(column.name, types[column.type]) for column in columns])
        self._sink = _Sink()
        self._writer = arrow.parquet.ParquetWriter(self._sink, self._schema)
        self._held: list[Row] = []
        self._unfit = 0

    def start(self) -> bytes:
        return self._sink.drain()

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._held += rows
        if len(self._held) >= ROW_GROUP:
            self._write()
        return self._sink.drain()

    def end(self, ending: Ending) -> bytes:
        if self._held:
            self._write()
        whole = Ending(ending.rows, ending.failed + self._unfit, ending.sources, ending.error)
        self._writer.add_key_value_metadata({END_KEY: encoding.dumps(whole.document()).decode()})
        self._writer.close()
        return self._sink.drain()

    def _write(self) -> None:
        rows = [
            [_cell(cell, column.type) for cell, column in zip(row, self.columns, strict=True)] for row in self._held
        ]
        self._unfit += sum(
            any(cell is not None and fit is None for cell, fit in zip(row, fits, strict=True))
            for row, fits in zip(self._held, rows, strict=True)
        )
        arrays = [
            self._arrow.array([row[place] for row in rows], type=column.type)
            for place, column in enumerate(self._schema)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._held = []


def _cell(cell: Any, type_: Type) -> Any:
    """A cell as Arrow takes it; None where it has no room for it."""
    if cell is None:
        return None
    match type_:
        case Type.JSON:
            return json_text(cell)
        case Type.TEXT:
            return cell.encode("utf-8", "replace").decode()
        case Type.INTEGER:
            return cell if -_INT64 <= cell < _INT64 else None
        case Type.DECIMAL:
            return cell if _fits(cell) else None
        case _:
            return cell


def _fits(amount: Decimal) -> bool:
    exponent = amount.normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= _SCALE and amount.adjusted() < _DIGITS - _SCALE


class _Sink:
    """A file that is only ever written to, and taken away piece by piece."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    def drain(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

"""The cursor of a merged listing: where reading stands at every source, as one opaque text.

It is base64url of compact JSON. Nobody but the gateway gives it a meaning, and nothing in it is trusted: an upstream
cursor inside it is checked by its adapter, as one that comes from anywhere.
"""

from base64 import b64decode, urlsafe_b64encode
from enum import IntEnum
from typing import Annotated

import msgspec

from gateway.errors import RequestError

VERSION = 1
MAX_LENGTH = 64 * 1024
MAX_SOURCES = 1000
MAX_TIED = 64
"""How many rows of the same time a cursor remembers."""

UNDATED = -(2**62)
"""The place of a run without a time in the merge: behind all others."""

Microseconds = Annotated[int, msgspec.Meta(ge=UNDATED, le=-UNDATED)]
"""A moment, counted from the start of 1970."""
NativeId = Annotated[str, msgspec.Meta(max_length=512)]
Mark = Annotated[str, msgspec.Meta(max_length=16)]
"""Stands for a row's native id, to be found again among other rows."""


class RowKey(msgspec.Struct, frozen=True, array_like=True):
    """What rows of one source are sorted by; `time` is None where the provider gives none."""

    time: Microseconds | None
    native_id: NativeId


class RunKey(msgspec.Struct, frozen=True, array_like=True):
    """Which run was emitted, and its place in the merge: its time, as a rule, or `UNDATED`."""

    place: Microseconds
    provider: Annotated[str, msgspec.Meta(max_length=128)]
    native_id: NativeId


class End(IntEnum):
    """Whether a source has more. INCOMPLETE: the provider may have, but gives no more."""

    NO = 0
    REACHED = 1
    INCOMPLETE = 2


class ReadState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where reading one source stands: on a page, in a segment of it, behind a row of that segment.

    A segment is what was once read of a page, and sorted. When the page is read again, now longer, what follows the
    segment is one of its own; so nothing that was not sorted with the others is taken for a row already given.
    """

    cursor: Annotated[str, msgspec.Meta(max_length=8192)] | None = msgspec.field(default=None, name="c")
    """The upstream cursor that gives the page; None for the first."""
    used: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = msgspec.field(default=0, name="u")
    """About how many rows of the page are done with."""
    anchor: Mark | None = msgspec.field(default=None, name="a")
    """The row upstream of the segment; None at the very start."""
    inside: bool = msgspec.field(default=False, name="i")
    """The anchor is on the page itself, or was pushed to a later one since: without it, none of the page is new."""
    tail: Mark | None = msgspec.field(default=None, name="t")
    """The last row of the segment, as the provider listed it; None while it was not read."""
    last: RowKey | None = msgspec.field(default=None, name="l")
    """The last row of the segment that is done with."""
    floor: Microseconds | None = msgspec.field(default=None, name="f")
    """The oldest time in the segments before."""
    tied: Annotated[tuple[Mark, ...], msgspec.Meta(max_length=MAX_TIED)] = msgspec.field(default=(), name="m")
    """Rows done with before `last`, or before the segment, that have the same time: where more of that time arrive,
    neither times nor places tell them from new ones."""
    end: End = msgspec.field(default=End.NO, name="e")
    gap: bool = msgspec.field(default=False, name="g")
    """The source failed: runs may have been emitted that are older than the next one here."""


START = ReadState()


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where a merged listing stands. `digest` says which listing; `last` is the run emitted last."""

    version: int = msgspec.field(name="v")
    digest: Annotated[str, msgspec.Meta(max_length=64)] = msgspec.field(name="d")
    sources: Annotated[tuple[ReadState, ...], msgspec.Meta(max_length=MAX_SOURCES)] = msgspec.field(name="s")
    last: RunKey | None = msgspec.field(default=None, name="k")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Position)


class _Version(msgspec.Struct):
    v: int


def encode(position: Position) -> str:
    return urlsafe_b64encode(_encoder.encode(position)).rstrip(b"=").decode("ascii")


def decode(cursor: str, *, digest: str, sources: int) -> Position:
    """The position that a client sent back; RequestError where it is none of the listing with this digest."""
    if len(cursor) > MAX_LENGTH:
        raise RequestError(f"after: a cursor has at most {MAX_LENGTH} characters")
    try:
        document = b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        version = msgspec.json.decode(document, type=_Version).v
        position = _decoder.decode(document) if version == VERSION else None
    except (ValueError, RecursionError):
        # msgspec's errors are ValueErrors.
        raise RequestError("after: this is not a cursor of a list of runs") from None
    if position is None:
        raise RequestError("after: this cursor was made by another version of the gateway; start from the first page")
    if position.digest != digest or len(position.sources) != sources:
        raise RequestError(
            "after: this cursor belongs to a list with another filter, or from before the gateway's providers were"
            " configured anew; start from the first page"
        )
    return position

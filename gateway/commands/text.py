"""Values as text for people. Text of providers goes through `clean` or `clean_lines` before it reaches a terminal."""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

NONE = "-"
"""What stands where a value is unknown or there is none."""

_SUSPECT = re.compile(r"[^ -~\u00a1-\u00ac\u00ae-\u02ff]")
_JOINERS = frozenset("\u200c\u200d")
"""Format characters that scripts and emoji need; they can't reorder or hide text."""


def clean(text: str) -> str:
    """One line that a terminal can't be steered with: control and format characters become escapes."""
    return _SUSPECT.sub(lambda found: _visible(found[0]), text)


def clean_lines(text: str) -> str:
    """The same for text of several lines."""
    return "\n".join(clean(line.expandtabs(4)) for line in text.replace("\r\n", "\n").split("\n"))


def clean_json(text: str) -> str:
    """JSON text for a terminal: the same document, with such characters as JSON escapes."""
    return _SUSPECT.sub(lambda found: found[0] if found[0] == "\n" else _json_escape(found[0]), text)


def _is_shown(character: str) -> bool:
    if character in _JOINERS:
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _visible(character: str) -> str:
    return character if _is_shown(character) else character.encode("unicode_escape", "surrogatepass").decode()


def _json_escape(character: str) -> str:
    if _is_shown(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def whole(value: int | str | None) -> str:
    """A whole number with separators; numbers beyond 2^53 arrive as text."""
    return NONE if value is None else f"{int(value):,}"


def amount(value: str | None) -> str:
    """An exact decimal with separators, and all of its digits."""
    return NONE if value is None else f"{Decimal(value):,f}"


def duration(milliseconds: float | Decimal | None) -> str:
    """How long something took, short."""
    if milliseconds is None:
        return NONE
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f}s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"


def size(octets: int | str | None) -> str:
    """A number of bytes, short."""
    if octets is None:
        return NONE
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def moment(text: str | None, zone: ZoneInfo) -> str:
    """A time of an answer, in a zone."""
    return NONE if text is None else f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def short_moment(text: str | None, zone: ZoneInfo, this_year: int) -> str:
    """The same without the year, if it is this one."""
    return moment(text, zone).removeprefix(f"{this_year}-")


def zone_name(zone: ZoneInfo) -> str:
    """A time zone's name, and the common one for UTC."""
    return "UTC" if zone.key in ("Etc/UTC", "Etc/UCT", "Zulu") else zone.key


def indented(json_text: str) -> str:
    """JSON text over several lines. Every number and string stays as it is written, digit for digit."""
    lines: list[str] = []
    line, depth, before = "", 0, ""
    for piece in _PIECE.findall(json_text):
        if piece in "]}":
            depth -= 1
        is_empty = before + piece in ("[]", "{}")
        if (piece in "]}" or before in _OPENING_OR_COMMA) and not is_empty and before:
            lines.append(line)
            line = "  " * depth
        line += ": " if piece == ":" else piece
        if piece in "[{":
            depth += 1
        before = piece
    return "\n".join([*lines, line])


_OPENING_OR_COMMA = ("[", "{", ",")
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')

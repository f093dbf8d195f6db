"""What a file's answer says of it: nothing that a provider could use to be more than a file."""

import re
from collections.abc import Mapping
from urllib.parse import quote

GUARDS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    # Opened in a browser after all, it is a page without scripts, forms, an origin and anything it could load.
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private, no-store",
    "vary": "Authorization",
    # Proxies that gather answers before they pass them on would undo the streaming.
    "x-accel-buffering": "no",
}
OCTET_STREAM = "application/octet-stream"
FALLBACK_NAME = "file"
MAX_NAME_BYTES = 200

_MEDIA_TYPE = re.compile(
    r"([a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]{0,126})\s*(?:;\s*charset\s*=\s*\"?([a-z0-9][a-z0-9_.:-]{0,40})\"?\s*)?(?:;.*)?",
    re.IGNORECASE | re.ASCII,
)
_SANE: Mapping[str, re.Pattern[str]] = {
    "content-length": re.compile(r"[0-9]{1,18}"),
    "content-range": re.compile(r"bytes (?:[0-9]{1,18}-[0-9]{1,18}|\*)/(?:[0-9]{1,18}|\*)"),
    "accept-ranges": re.compile(r"bytes|none"),
    "etag": re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,200}"'),
    "last-modified": re.compile(r"[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [0-9]{4} [0-9:]{8} GMT"),
}
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f/\\:*?\"<>|\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]+"
)


def of_content(described: Mapping[str, str]) -> dict[str, str]:
    """The headers of a provider that a client gets: those about the content, where they are well-formed."""
    headers = {
        name: value
        for name, pattern in _SANE.items()
        if (value := described.get(name)) is not None and pattern.fullmatch(value)
    }
    return {**headers, "content-type": media_type(described.get("content-type"))}


def media_type(sent: str | None) -> str:
    """A provider's content type, with no parameter but the charset; octet-stream where it is none."""
    found = _MEDIA_TYPE.fullmatch(sent.strip()) if sent else None
    if found is None:
        return OCTET_STREAM
    kind, charset = found[1].lower(), found[2]
    return f"{kind}; charset={charset.lower()}" if charset else kind


def attachment(path: str) -> str:
    """The Content-Disposition of a file to be saved under the last name of its path (RFC 6266, RFC 8187)."""
    name = safe_name(path.rpartition("/")[2])
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`{}~.-_')}"


def safe_name(name: str) -> str:
    """A name that means a file in the current directory on every system: without separators, controls, outer dots."""
    name = _UNSAFE.sub("_", name).strip(" .")
    while len(name.encode()) > MAX_NAME_BYTES:
        stem, dot, ending = name.rpartition(".")
        # The ending says what the file is: it stays.
        name = stem[:-1] + dot + ending if dot and len(ending) <= 16 and len(stem) > 1 else name[:-1]
    return name or FALLBACK_NAME

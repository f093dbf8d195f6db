"""Files as the simulated providers and their storage send them: whole, or one range of bytes."""

import hashlib
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

LAST_MODIFIED = "Fri, 01 May 2026 08:00:00 GMT"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def served(request: Request, content: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """The content, or the range that the request asks for; 416 where the content has no such range."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    about = {"etag": etag, "last-modified": LAST_MODIFIED, "accept-ranges": "bytes", **(headers or {})}
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if (
        asked is None
        or not (asked[1] or asked[2])
        or request.headers.get("if-range", etag) not in (etag, LAST_MODIFIED)
    ):
        return Response(content, 200, about, content_type)
    size = len(content)
    start = int(asked[1]) if asked[1] else max(size - int(asked[2]), 0)
    end = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
    if start > end:
        return Response(b"", 416, {**about, "content-range": f"bytes */{size}"}, content_type)
    about["content-range"] = f"bytes {start}-{end}/{size}"
    return Response(content[start : end + 1], 206, about, content_type)

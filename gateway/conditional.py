"""HTTP caching of answers: what a client may keep, and whether it has the answer already."""

import re
from collections.abc import Mapping
from hashlib import blake2b

from starlette.requests import Request

NO_STORE = "no-store"
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def cache_headers(request: Request, body: bytes, max_age: float | None) -> Mapping[str, str]:
    """What an answer says about being kept, given for how many seconds it holds; None: not to be kept.

    Only what was asked for by GET can be.
    """
    if max_age is None or request.method not in ("GET", "HEAD"):
        return {"cache-control": NO_STORE}
    tag = blake2b(body, digest_size=12).hexdigest()
    return {"cache-control": f"private, max-age={max(0, int(max_age))}", "etag": f'W/"{tag}"'}


def is_known(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has the answer with these headers already."""
    tag = headers.get("etag")
    asked = ",".join(request.headers.getlist("if-none-match")).strip()
    if tag is None or not asked:
        return False
    return asked == "*" or tag.removeprefix("W/") in _TAG.findall(asked)

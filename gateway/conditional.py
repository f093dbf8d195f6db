"""HTTP caching of answers: what a client may keep, and whether it has the answer already."""

import re
from hashlib import blake2b

from .incoming import Headers, text

NOT_KEPT: Headers = {b"cache-control": b"no-store"}
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def cache_headers(body: bytes, max_age: float | None) -> Headers:
    """What an answer says about being kept, given for how many seconds it holds; None: not to be kept."""
    if max_age is None:
        return NOT_KEPT
    tag = blake2b(body, digest_size=12).hexdigest()
    return {b"cache-control": b"private, max-age=%d" % max(0, int(max_age)), b"etag": f'W/"{tag}"'.encode()}


def is_known(sent: Headers, headers: Headers) -> bool:
    """Whether the client that sent these headers has the answer with those already."""
    tag, asked = text(headers, b"etag"), text(sent, b"if-none-match").strip()
    if not tag or not asked:
        return False
    return asked == "*" or tag.removeprefix("W/") in _TAG.findall(asked)

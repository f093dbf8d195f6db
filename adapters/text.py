"""Text from outside, made fit for messages and logs."""

import re

MESSAGE_LIMIT = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def clean(text: str | None, limit: int = MESSAGE_LIMIT) -> str | None:
    """The text on one line, without control and direction characters, cut to `limit`; None where nothing is left."""
    if text is None:
        return None
    flat = _CONTROL.sub(" ", text).strip()
    if len(flat) > limit:
        flat = flat[: limit - 1] + "…"
    return flat or None

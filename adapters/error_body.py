"""What an error body says, for providers that don't document its shape."""

from typing import cast

from .model import Json

_TEXTS = ("message", "error_description", "detail", "error", "title", "msg", "reason")
"""Where services put the sentence, the clearest place first."""
_MAX_DEPTH = 4


def error_message(body: Json, depth: int = 0) -> str | None:
    """The sentence in an error body of any shape; None where there is none.

    Knows `{"message": ..}`, `{"error": {"message": ..}}`, `{"error": ".."}`, `{"detail": ..}` with text, an object or
    a list of `{"loc": [..], "msg": ".."}`, OAuth 2.0 errors and RFC 9457 problems.
    """
    if isinstance(body, str):
        return body.strip() or None
    if depth > _MAX_DEPTH:
        return None
    if isinstance(body, list):
        found = (error_message(item, depth + 1) for item in cast("list[Json]", body)[:3])
        return "; ".join(message for message in found if message) or None
    if not isinstance(body, dict):
        return None
    fields = cast("dict[str, Json]", body)
    for name in _TEXTS:
        if message := error_message(fields.get(name), depth + 1):
            return f"{_place(fields['loc'])}{message}" if name == "msg" and "loc" in fields else message
    return None


def error_word(body: Json, name: str) -> str | None:
    """A provider's own code: the text under `name` in the body, else in the object under `error` or `detail`."""
    if not isinstance(body, dict):
        return None
    fields = cast("dict[str, Json]", body)
    for place in (fields, fields.get("error"), fields.get("detail")):
        if isinstance(place, dict):
            word = cast("dict[str, Json]", place).get(name)
            if isinstance(word, str) and word:
                return word
    return None


def _place(location: Json) -> str:
    """Where a validation error is, as "path.task_run_id: "."""
    if not isinstance(location, list):
        return ""
    names = [str(name) for name in cast("list[Json]", location)[:8] if isinstance(name, str | int)]
    return f"{'.'.join(names)}: " if names else ""

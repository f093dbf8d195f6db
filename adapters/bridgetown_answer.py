"""What a Bridge Town tool answered: the object in it, or the error that it stands for.

A tool reports a failure as `isError` with a text, or as an object with `error`, `message` and `hint` and no `isError`.
It documents no codes, so that "no such run" can only be told from the words; they are kept to a few here.
"""

import re
from collections.abc import Mapping, Sequence

from .error_body import error_message, error_word
from .errors import AdapterError, BadResponse, InvalidInput, NotFound, UnknownError, Unsupported, UpstreamFault
from .mcp import ToolResult
from .model import Json
from .upstream import UpstreamClient
from .wire import Fields

_SLUG = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SDK_PREFIX = re.compile(r"^Error executing tool [\w.-]+:? ?")
_CAUSES: Sequence[tuple[re.Pattern[str], type[AdapterError]]] = (
    (re.compile(r"\bambiguous\b|\b(?:multiple|several|more than one) runs?\b"), InvalidInput),
    (re.compile(r"\bunknown tool\b|\bno such tool\b|\btool \S+ (?:was )?(?:not found|does not exist)"), Unsupported),
    (re.compile(r"\bnot found\b|\bno (?:such )?run\b|\bdoes not exist\b"), NotFound),
)
"""What a failure is by its words, lower case; the first that fits."""


def answer_of(result: ToolResult, key: str, upstream: UpstreamClient) -> Fields:
    """The object that a tool answered: the one that holds `key`, perhaps inside `{"result": ..}`.

    Raises what the tool reports instead: NotFound, InvalidInput or Unsupported where its words say so, UpstreamFault
    where it gives a code of its own, else UnknownError; BadResponse where it answered with something else.
    """
    document: Json = result.structured or {}
    path = ""
    if isinstance(document, dict) and document.get(key) is None and isinstance(document.get("result"), dict):
        document, path = document["result"], "result"
    answer = Fields.of(document, provider=upstream.provider, path=path)
    if result.is_error:
        raise _failure(answer.value, result.text, UnknownError, upstream)
    if answer.json(key) is not None:
        return answer
    if answer.json("error") is not None:
        raise _failure(answer.value, None, UnknownError, upstream)
    if not answer.value and result.text:
        raise _failure({}, result.text, BadResponse, upstream)
    raise answer.bad("expected the tool's result, got nothing", key)


def _failure(
    document: Mapping[str, Json], text: str | None, otherwise: type[AdapterError], upstream: UpstreamClient
) -> AdapterError:
    """The error for what a tool says in an object or a text; `otherwise` where neither its words nor a code tell."""
    error = document.get("error")
    code = error if isinstance(error, str) and _SLUG.fullmatch(error) else error_word(document, "code")
    message = error_message(document) or (text and _SDK_PREFIX.sub("", text))
    words = f"{(code or '').replace('_', ' ').replace('-', ' ')}\n{message or ''}".casefold()
    kind = next((kind for pattern, kind in _CAUSES if pattern.search(words)), UpstreamFault if code else otherwise)
    return kind(upstream.redacted(message), provider=upstream.provider, raw_code=upstream.redacted(code))

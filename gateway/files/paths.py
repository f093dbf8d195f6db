"""Paths of files: read from a request's URL, and written for `downloadUrl`."""

from collections.abc import Sequence
from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

from gateway.errors import RequestError
from gateway.ids import MAX_LENGTH

PREFIX = "/files/"
FILES_PATH = PREFIX + "{rest:anything}"
MAX_PATH_LENGTH = 2048


class _Anything(Convertor[str]):
    """What "path" matches, and line breaks, so that these are refused in words, too."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _Anything())


def path_at(run_id: str, path: str) -> str | None:
    """The path at the gateway of a run's file, without root path; None for a file whose path would be refused."""
    segments = path.split("/")
    if len(path) > MAX_PATH_LENGTH or len(run_id) > MAX_LENGTH or not all(map(_is_plain, segments)):
        return None
    return PREFIX + "/".join((quote(run_id, safe=":"), *(quote(segment, safe="") for segment in segments)))


def asked_for(scope: Scope) -> tuple[str, str]:
    """The run id, and the path of the file at its provider, that a request asks for; RequestError for tricks.

    Both are read from the path as the client sent it: once it is decoded, a slash in a name is one between two.
    """
    root = quote(scope.get("root_path", ""), safe="/%:@!$&'()*+,;=~")
    raw = scope.get("raw_path")
    sent = quote(scope["path"], safe="/%:@!$&'()*+,;=~") if raw is None else raw.decode("latin-1")
    sent = sent.partition("?")[0].removeprefix(root)
    if not sent.startswith(PREFIX):
        raise RequestError(f"the path of a file starts with {PREFIX}")
    run_id, *segments = (_decoded(segment) for segment in sent.removeprefix(PREFIX).split("/"))
    if not run_id or not segments or segments == [""]:
        raise RequestError(f"the path of a file is {PREFIX}<run id>/<path>, each segment percent-encoded")
    refuse_tricks(segments)
    return run_id, "/".join(segments)


def refuse_tricks(segments: Sequence[str]) -> None:
    """RequestError for a path that could mean another file than it says, to the provider or to whatever is before it.

    What a segment would be if it were decoded once more counts as well.
    """
    if not all(map(_is_plain, segments)):
        raise RequestError(
            'the path of a file may hold no empty segment, no "." or "..", no encoded slash, no backslash '
            "and no control characters"
        )
    if sum(map(len, segments)) + len(segments) > MAX_PATH_LENGTH:
        raise RequestError(f"the path of a file may hold {MAX_PATH_LENGTH} characters at most")


def _is_plain(segment: str) -> bool:
    return all(
        text not in ("", ".", "..") and "/" not in text and "\\" not in text and not _has_controls(text)
        for text in {segment, unquote(segment)}
    )


def _has_controls(text: str) -> bool:
    return any(
        character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" for character in text
    )


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise RequestError("the path of a file is not valid UTF-8 once decoded") from None

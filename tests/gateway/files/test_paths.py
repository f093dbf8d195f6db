"""Paths of files: what is written can be read back, and nothing but a file is asked for."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from adapters.testing.mutations import STABLE
from gateway.errors import RequestError
from gateway.files.paths import asked_for, path_at


def scope(path: str, root_path: str = "") -> dict[str, Any]:
    """What a server makes of a request for a path as it is sent."""
    raw = (quote(root_path) + path).encode()
    decoded = httpx.URL("http://x").copy_with(raw_path=raw).path
    return {"type": "http", "path": decoded, "raw_path": raw, "root_path": root_path}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/files/acme:r1/report.pdf", ("acme:r1", "report.pdf")),
        ("/files/acme:r1/output/a%20b/%C3%BC.pdf", ("acme:r1", "output/a b/ü.pdf")),
        ("/files/acme%3At1%2Fr1/x", ("acme:t1/r1", "x")),
        ("/files/acme:a%2520b/x", ("acme:a%20b", "x")),
        ("/files/acme:r1/100%25", ("acme:r1", "100%")),
        ("/files/acme:r1/...", ("acme:r1", "...")),
    ],
)
def test_what_a_path_asks_for(path: str, expected: tuple[str, str]) -> None:
    assert asked_for(scope(path)) == expected
    assert asked_for(scope(path, "/run graph")) == expected


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/",
        "x",
        "acme:r1",
        "acme:r1/",
        "/x",
        "acme:r1//x",
        "acme:r1/x/",
        "acme:r1//etc/passwd",
        "acme:r1/../x",
        "acme:r1/a/../x",
        "acme:r1/./x",
        "acme:r1/%2e%2e/x",
        "acme:r1/%2E./x",
        "acme:r1/a%2Fb",
        "acme:r1/%2Fetc%2Fpasswd",
        "acme:r1/..%2f..%2fx",
        "acme:r1/%252e%252e/x",
        "acme:r1/..%252fx",
        "acme:r1/a%5Cb",
        "acme:r1/..%5c..%5cx",
        "acme:r1/%255c",
        "acme:r1/a%00b",
        "acme:r1/a%2500b",
        "acme:r1/a%0d%0ab",
        "acme:r1/a%7F",
        "acme:r1/a%C2%85",
        "acme:r1/%ff",
        "acme:r1/%c0%ae%c0%ae/x",
        "acme:r1/%ED%A0%80",
        "%ff/x",
        "acme:r1/" + "a" * 3000,
    ],
)
def test_tricks_are_refused(rest: str) -> None:
    with pytest.raises(RequestError):
        asked_for(scope(f"/files/{rest}"))


def test_another_spelling_of_the_prefix_is_refused() -> None:
    with pytest.raises(RequestError):
        asked_for(scope("/%66iles/acme:r1/x"))


def test_a_server_that_keeps_no_raw_path() -> None:
    assert asked_for({"type": "http", "path": "/files/acme:r1/a b", "root_path": ""}) == ("acme:r1", "a b")


run_ids = st.text(min_size=1, max_size=20).map(lambda text: f"acme:{quote(text.encode('utf-8', 'replace'), safe='/')}")


@STABLE
@given(run_ids, st.text(min_size=1, max_size=40))
@example("acme:a/b", "output/Übersicht/日本語 #1?.json")
@example("acme:r", "100%/a+b&c.json")
@example("acme:r", "a?b#c;d=e")
def test_a_link_is_read_back_as_it_was_meant(run_id: str, path: str) -> None:
    link = path_at(run_id, path)
    assume(link is not None)
    assert link is not None
    assert link.isascii()
    assert asked_for(scope(link, "/root")) == (run_id, path)


@STABLE
@given(st.lists(st.sampled_from(["..", ".", "%2e", "%2F", "/", "\\", "a", "%00", "%25", "\r\n", ""]), max_size=6))
def test_whatever_is_accepted_has_plain_segments(pieces: list[str]) -> None:
    try:
        _, path = asked_for(scope("/files/acme:r1/" + quote("".join(pieces), safe="/%")))
    except RequestError:
        return
    segments = path.split("/")
    assert not {"", ".", ".."} & set(segments)
    assert "\\" not in path
    assert path.isprintable()


@pytest.mark.parametrize("path", ["", "a//b", "../x", "/x", "a\\b", "a\x00", "x/", "\ud800", "a" * 3000])
def test_a_file_that_would_be_refused_has_no_link(path: str) -> None:
    assert path_at("acme:r1", path) is None

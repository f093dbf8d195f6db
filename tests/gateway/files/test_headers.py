"""What an answer says of a file, whatever the provider says of it."""

import re
from email.message import Message
from email.utils import collapse_rfc2231_value

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.testing.mutations import STABLE
from gateway.files.headers import MAX_NAME_BYTES, attachment, media_type, of_content, safe_name


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/HTML; Charset=UTF-8", "text/html; charset=utf-8"),
        ('text/csv; charset="utf-8"; header=present', "text/csv; charset=utf-8"),
        ("application/vnd.ms-excel; name=x", "application/vnd.ms-excel"),
        ("image/svg+xml", "image/svg+xml"),
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("text", "application/octet-stream"),
        ("text/html\r\nset-cookie: a=b", "application/octet-stream"),
        ("text/html, text/plain", "application/octet-stream"),
        ("*/*", "application/octet-stream"),
        ("text/ html", "application/octet-stream"),
        ("text/\u0131", "application/octet-stream"),
    ],
)
def test_content_type(sent: str | None, passed: str) -> None:
    assert media_type(sent) == passed


def test_only_headers_about_the_content_are_passed_on() -> None:
    good = {
        "content-type": "text/csv",
        "content-length": "5",
        "content-range": "bytes 0-4/9",
        "accept-ranges": "bytes",
        "etag": 'W/"1-a"',
        "last-modified": "Fri, 01 May 2026 08:00:00 GMT",
    }
    others = {"set-cookie": "a", "authorization": "b", "location": "c", "x-amz-id": "d", "content-security-policy": "e"}
    assert of_content({**good, **others}) == good


def test_malformed_headers_are_left_out() -> None:
    bad = {
        "content-length": "5x",
        "content-range": "bytes 0-4",
        "accept-ranges": "bytes\r\nx: y",
        "etag": '"a"b"',
        "last-modified": "yesterday",
    }
    assert of_content(bad) == {"content-type": "application/octet-stream"}


def parsed(header: str) -> tuple[str, str, str]:
    """Disposition, plain name and extended name, as the standard library's parser reads them."""
    extended = re.fullmatch(
        r"attachment; filename=\"([^\"]*)\"; (filename\*=UTF-8''[A-Za-z0-9!#$&+^_`{}~.%-]+)", header
    )
    assert extended is not None
    message = Message()
    message["content-disposition"] = f"attachment; {extended[2]}"
    value = message.get_param("filename", header="content-disposition")
    assert value is not None
    return message.get_content_disposition() or "", extended[1], collapse_rfc2231_value(value)


@STABLE
@given(st.text(max_size=60))
@example("a/b/Übersicht 日本語.pdf")
@example('quo"te\\slash.txt')
@example("a\r\nset-cookie: x=y")
@example("..")
@example("\ud800")
@example("\u202egnp.exe")
@example("%0d%0a")
@example("...hidden")
@example("x" * 500 + ".tar.gz")
def test_any_name_makes_one_header_and_a_plain_file(path: str) -> None:
    header = attachment(path)
    assert header.isascii()
    assert header.isprintable()
    disposition, plain, name = parsed(header)
    assert disposition == "attachment"
    assert "%" not in plain
    assert name == safe_name(path.rpartition("/")[2])
    assert name.isprintable() or any(ord(character) > 0x2FFF or character.isspace() for character in name)
    assert name == name.strip(" .")
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\r\n\0\u202e')
    assert len(name.encode()) <= MAX_NAME_BYTES


def test_names() -> None:
    assert attachment("output/report.pdf") == "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf"
    assert attachment("ä 1%.pdf") == "attachment; filename=\"_ 1_.pdf\"; filename*=UTF-8''%C3%A4%201%25.pdf"
    assert safe_name("..") == "file"
    assert safe_name("é" * 300 + ".json").endswith("é.json")
    assert safe_name("a\\b:c.txt") == "a_b_c.txt"

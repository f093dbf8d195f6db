"""The error family: classes by HTTP status, texts fit for a client, Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import errors
from adapters.testing.mutations import STABLE
from adapters.text import MESSAGE_LIMIT, clean
from adapters.upstream import retry_after_ms

BY_STATUS = {
    "BAD_RESPONSE": (100, 300, 301, 302, 303, 304, 307, 308, 399),
    "INVALID_INPUT": (400, 411, 413, 414, 416, 418, 422, 428, 498),
    "UNAUTHENTICATED": (401,),
    "QUOTA_EXCEEDED": (402,),
    "PERMISSION_DENIED": (403,),
    "NOT_FOUND": (404, 410),
    "UNSUPPORTED": (405, 406, 415, 501),
    "TIMEOUT": (408, 504),
    "CONFLICT": (409, 412),
    "RATE_LIMITED": (429,),
    "POLICY_BLOCKED": (451,),
    "CANCELLED": (499,),
    "INTERNAL": (500, 505, 507, 511, 520, 599),
    "UNAVAILABLE": (502, 503, 529),
}


@pytest.mark.parametrize(("code", "statuses"), BY_STATUS.items())
def test_class_of_a_status(code: str, statuses: tuple[int, ...]) -> None:
    for status in statuses:
        assert errors.for_status(status).code.value == code


def test_every_status_has_a_class() -> None:
    for status in range(600):
        assert issubclass(errors.for_status(status), errors.AdapterError)


def test_an_answer_that_is_wrong_was_a_success_unless_said_otherwise() -> None:
    assert errors.BadResponse(provider="acme").upstream_status == 200
    assert errors.BadResponse(provider="acme", upstream_status=None).upstream_status is None
    error = errors.BadResponse(provider="acme", upstream_status=203, raw_code="x", unsent=True)
    assert (error.upstream_status, error.raw_code, error.unsent) == (203, "x", True)


def test_what_may_be_repeated() -> None:
    retryable = {kind.code.value for kind in errors.BY_CODE.values() if kind.retryable}
    assert retryable == {"RATE_LIMITED", "TIMEOUT", "INTERNAL", "UNAVAILABLE"}


def test_text_names_the_provider() -> None:
    assert str(errors.NotFound(provider="acme")) == "acme: there is no such run"
    assert str(errors.NotFound("gone", provider="acme")) == "acme: gone"
    assert str(errors.NotFound("", provider="acme")) == "acme: there is no such run"
    assert str(errors.NotFound("\x00\n", provider="acme")) == "acme: there is no such run"


def test_texts_from_outside_are_cleaned() -> None:
    error = errors.NotFound(
        "a\r\nb\x1b[31m\u202ec" + "x" * 1000, provider="acme", raw_code="a\nb", upstream_request_id="r\x00" + "y" * 999
    )
    assert str(error).startswith("acme: a b [31m cxxx")
    assert len(str(error)) <= len("acme: ") + MESSAGE_LIMIT
    assert error.raw_code == "a b"
    assert error.upstream_request_id is not None
    assert len(error.upstream_request_id) <= MESSAGE_LIMIT


@STABLE
@given(st.text(max_size=400))
def test_clean_gives_one_short_line(text: str) -> None:
    flat = clean(text)
    assert flat is None or (0 < len(flat) <= MESSAGE_LIMIT and len(flat.splitlines()) == 1 and flat == flat.strip())


def test_retry_after_from_a_date() -> None:
    now = datetime.now(UTC)
    wait = retry_after_ms({"retry-after": format_datetime(now + timedelta(hours=1), usegmt=True)})
    assert wait is not None
    assert 3_500_000 < wait <= 3_600_000
    assert retry_after_ms({"retry-after": format_datetime(now - timedelta(hours=1), usegmt=True)}) == 0
    assert retry_after_ms({"retry-after": "Fri, 31 Dec 2999 23:59:59 +0200"}) == 86_400_000


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        ("0", 0),
        (" 12 ", 12_000),
        ("0.25", 250),
        ("86401", 86_400_000),
        ("9" * 400, 86_400_000),
        ("1e400", 86_400_000),
        ("-5", None),
        ("12s", None),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("²", None),
        ("Fri, 31 Feb 2026 00:00:00 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after(value: str, wait_ms: int | None) -> None:
    assert retry_after_ms({"retry-after": value}) == wait_ms


def test_no_retry_after() -> None:
    assert retry_after_ms({}) is None


@STABLE
@given(st.text(max_size=30) | st.from_regex(r"Sun, [0-9]{1,2} (Jan|Feb) [0-9]{1,6} [0-9:]{0,9} [-+A-Z0-9]{0,6}"))
def test_retry_after_is_total(value: str) -> None:
    wait = retry_after_ms({"retry-after": value})
    assert wait is None or 0 <= wait <= 86_400_000

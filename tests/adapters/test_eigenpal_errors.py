"""Eigenpal's error replies, and the check of the credential."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.eigenpal import EigenpalAdapter
from adapters.errors import (
    AdapterError,
    BadResponse,
    Conflict,
    ErrorReading,
    InvalidInput,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UpstreamInternal,
)
from adapters.testing.mutations import json_values, mutated
from adapters.upstream import ErrorReply

from .eigenpal import TOKEN, Provider


def issue(
    message: object = "no run with this id", code: object = "not_found", severity: str = "error"
) -> dict[str, Any]:
    return {"field": "id", "message": message, "code": code, "severity": severity}


def reading(body: object, headers: dict[str, str] | None = None, status: int = 404) -> ErrorReading:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return EigenpalAdapter.read_error(ErrorReply(status, headers or {}, content))


ENVELOPE: dict[str, Any] = {
    "issues": [issue("unused", "unused", "warning"), issue()],
    "requestId": "req_5f31c0",
    "docsUrl": "https://docs.example/",
}


class TestReading:
    def test_first_issue_that_is_an_error(self) -> None:
        assert reading(ENVELOPE) == ErrorReading("no run with this id", "not_found", "req_5f31c0")

    def test_only_warnings(self) -> None:
        body = {"issues": [issue("old key", "key_expires", "warning")]}
        assert reading(body) == ErrorReading("old key", "key_expires", None)

    def test_a_short_hint_is_added(self) -> None:
        assert reading({**ENVELOPE, "hint": "retry later"}).message == "no run with this id (retry later)"
        assert reading({**ENVELOPE, "hint": "x" * 200}).message == "no run with this id"
        assert reading({"issues": [], "hint": "retry later"}).message == "retry later"

    def test_request_id_from_the_header(self) -> None:
        header = {"x-request-id": "req_h"}
        assert reading({"issues": [issue()]}, header).request_id == "req_h"
        assert reading(ENVELOPE, header).request_id == "req_5f31c0"
        assert reading(b"<html>", header) == ErrorReading(None, None, "req_h")

    @pytest.mark.parametrize(
        ("body", "message", "code"),
        [
            ({"error": "no key"}, "no key", None),
            ({"error": {"message": "no key", "code": "unauthorized"}}, "no key", "unauthorized"),
            ({"message": "no key", "code": "x"}, "no key", "x"),
            ({"detail": "no key"}, "no key", None),
            ({"issues": "none", "message": "no key"}, "no key", None),
            ({"issues": [7, None]}, None, None),
            ({"issues": [issue(7.5, [])]}, "7.5", None),
            ([{"message": "no key"}], "no key", None),
            (b"", None, None),
            (b'{"issues": [', None, None),
            ({}, None, None),
        ],
    )
    def test_other_bodies(self, body: object, message: str | None, code: str | None) -> None:
        assert reading(body) == ErrorReading(message, code, None)

    @given(
        st.integers(300, 599),
        st.binary() | (mutated(ENVELOPE) | json_values).map(lambda body: json.dumps(body, default=str).encode()),
    )
    def test_any_reply_can_be_read(self, status: int, content: bytes) -> None:
        found = reading(content, status=status)
        for text in (found.message, found.raw_code, found.request_id):
            assert text is None or isinstance(text, str)


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, InvalidInput),
            (401, Unauthenticated),
            (402, QuotaExceeded),
            (403, PermissionDenied),
            (404, NotFound),
            (409, Conflict),
            (413, InvalidInput),
            (429, RateLimited),
            (500, UpstreamInternal),
            (503, Unavailable),
        ],
    )
    def test_statuses(self, status: int, kind: type[AdapterError]) -> None:
        body = {"issues": [issue("slow down", "rate_limited")], "requestId": "req_1", "hint": "retry later"}
        answer = httpx.Response(status, json=body, headers={"retry-after": "7"})
        provider = Provider({"/runs/exec_1": answer})
        with pytest.raises(kind) as caught:
            provider.fetch()
        error = caught.value
        assert type(error) is kind
        assert str(error) == "eigenpal: slow down (retry later)"
        assert (error.raw_code, error.upstream_request_id, error.retry_after_ms) == ("rate_limited", "req_1", 7000)
        assert error.upstream_status == status
        assert len(provider.calls) == 1

    def test_the_credential_does_not_show(self) -> None:
        answer = httpx.Response(401, json={"issues": [issue(f"the key {TOKEN} is not known")]})
        with pytest.raises(Unauthenticated) as caught:
            Provider({"/runs/exec_1": answer}).fetch()
        assert TOKEN not in str(caught.value)


class TestCheck:
    def test_accepted(self) -> None:
        provider = Provider({"/auth/check": {"ok": True, "scope": ["runs:read"]}})
        provider.run(provider.adapter.check())
        assert provider.calls == ["GET /auth/check"]

    def test_an_era_without_that_endpoint(self) -> None:
        provider = Provider({"/runs": {"runs": []}})
        provider.run(provider.adapter.check())
        assert provider.calls == ["GET /auth/check", "GET /runs?limit=1"]

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [(401, Unauthenticated), (403, PermissionDenied), (httpx.Response(200, text="<html>"), BadResponse)],
    )
    def test_refused(self, answer: object, kind: type[AdapterError]) -> None:
        provider = Provider({"/auth/check": answer})
        with pytest.raises(kind):
            provider.run(provider.adapter.check())

    def test_another_address(self) -> None:
        provider = Provider({})
        with pytest.raises(NotFound):
            provider.run(provider.adapter.check())

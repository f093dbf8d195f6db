"""Which media type a client gets, by what it accepts."""

import pytest

from gateway.accept import answer_type, prefers_page

from .sending import BROWSER, GRAPHQL_RESPONSE, JSON, answer_of, gateway

NEITHER = None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        (" , ", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("*/*;q=0.1", JSON),
        (JSON, JSON),
        ("APPLICATION/JSON", JSON),
        (f"{JSON}; charset=utf-8", JSON),
        (f"{JSON}, */*", JSON),
        (f"{JSON}, {GRAPHQL_RESPONSE};q=0.9", JSON),
        (f"{GRAPHQL_RESPONSE};q=0.5, */*;q=0.9", JSON),
        (f"text/plain, {JSON};q=0.2", JSON),
        (f"{GRAPHQL_RESPONSE};q=0, */*", JSON),
        (BROWSER, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON}", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, */*", GRAPHQL_RESPONSE),
        (f"{JSON};q=0, */*", GRAPHQL_RESPONSE),
        (f"{JSON};q=0.1, {GRAPHQL_RESPONSE};Q = 0.2", GRAPHQL_RESPONSE),
        ("text/html", NEITHER),
        ("text/*", NEITHER),
        ("image/png, text/plain;q=0.5", NEITHER),
        (f"{JSON};q=0", NEITHER),
        ("*/*;q=0", NEITHER),
        (f"{JSON};q=nan", NEITHER),
        (f"{JSON};q=much", NEITHER),
        (f"{JSON};q=-1", NEITHER),
        ("json", NEITHER),
    ],
)
def test_the_answer_has_the_media_type_that_the_client_prefers(accept: str, expected: str | None) -> None:
    assert answer_type(accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, True),
        ("text/html", True),
        (f"text/html, {JSON}", True),
        (f"text/html;q=0.5, {JSON}", False),
        (f"text/html;q=0, {JSON}", False),
        (f"text/html;q=0.9, {GRAPHQL_RESPONSE}", False),
        ("text/html;q=0", False),
        ("*/*", False),
        ("text/*", False),
        ("application/xhtml+xml", False),
        ("", False),
    ],
)
def test_only_a_client_that_prefers_html_gets_a_page(accept: str, expected: bool) -> None:
    assert prefers_page(accept) is expected


def test_several_lines_of_the_header_are_one_list() -> None:
    headers = [("accept", "text/plain"), ("accept", GRAPHQL_RESPONSE), ("content-type", JSON)]

    answer = answer_of(gateway(), "POST", headers=headers, content=b'{"query": "{__typename}"}')

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"


def test_a_client_that_accepts_neither_is_told_what_there_is() -> None:
    answer = answer_of(gateway(), "POST", headers={"accept": "text/plain"}, json={"query": "{__typename}"})

    assert answer.status_code == 406
    assert answer.headers["content-type"] == f"{JSON}; charset=utf-8"
    assert answer.json()["errors"][0]["message"] == f"the answer can be {GRAPHQL_RESPONSE} or {JSON}"

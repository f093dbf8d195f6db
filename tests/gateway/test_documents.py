"""Documents that are kept: how many, and what becomes of them afterwards."""

import gc

import pytest
from graphql import Token

from gateway.documents import BYTES_PER_TOKEN, Documents
from gateway.schema import build
from tests.support import no_collection

ROOM = 100 * BYTES_PER_TOKEN * 8
"""For documents of 800 tokens in all, of up to 100 each."""


@pytest.fixture
def documents() -> Documents:
    return Documents(build().graphql_schema, kept_bytes=ROOM)


def selecting(number: int, *, fields: int = 10) -> str:
    """A document of nine tokens, and three for each field."""
    return f"query Q{number} {{ providers {{ {' '.join(f'k{field}: name' for field in range(fields))} }} }}"


class TestKept:
    def test_the_same_text_is_prepared_once(self, documents: Documents) -> None:
        assert documents.get(selecting(1)) is documents.get(selecting(1))

    @pytest.mark.parametrize("text", ["{", "{ nothing }", "{ providers " + "@include(if: true) " * 6 + "{ name } }"])
    def test_so_is_one_that_is_not_valid(self, documents: Documents, text: str) -> None:
        assert documents.get(text).errors
        assert documents.get(text) is documents.get(text)

    def test_those_used_last_stay(self, documents: Documents) -> None:
        first = [documents.get(selecting(number)) for number in range(2)]
        for number in range(2, 40):
            documents.get(selecting(number))
            documents.get(selecting(0))
        assert documents.get(selecting(0)) is first[0]
        assert documents.get(selecting(1)) is not first[1]

    def test_a_large_one_is_not_kept_and_pushes_out_none(self, documents: Documents) -> None:
        small, large = selecting(1), selecting(2, fields=40)
        kept = documents.get(small)
        answer = documents.get(large)
        assert not answer.errors
        assert documents.get(large) is not answer
        assert documents.get(small) is kept

    @pytest.mark.parametrize("letter", ["x", " ", "#"])
    def test_a_text_that_is_no_tokens_takes_room_too(self, documents: Documents, letter: str) -> None:
        kept = documents.get(selecting(1))
        for number in range(12):
            documents.get(f"{letter * (ROOM // 10)}{number}")
        assert documents.get(selecting(1)) is not kept


def test_one_that_is_no_longer_kept_is_gone_at_once(documents: Documents) -> None:
    """It does not wait for the garbage collection, which comes late where many come and go."""
    gc.collect()
    elsewhere = _tokens()
    for number in range(10):
        documents.get(selecting(number))
    # What validating leaves is not what this is about.
    gc.collect()
    with no_collection():
        assert _tokens() > elsewhere + 200
        # As large as an eighth of the room may be, eight times: there is room for nothing else.
        for number in range(8):
            documents.get(f"#{'x' * (ROOM // 8 - 2)}{number}")
        assert _tokens() < elsewhere + 50


def _tokens() -> int:
    return sum(type(one) is Token for one in gc.get_objects())

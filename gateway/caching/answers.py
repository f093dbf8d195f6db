"""Whole answers, kept while every run in them is terminal and fresh."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.settings import CacheSettings

from .bounded import BoundedMap
from .counts import Counts
from .entry import Clock

_OVERHEAD = 600
"""Bytes of an answer beyond its texts."""


class Question(Struct, frozen=True, cache_hash=True):
    """All that an answer depends on. `caller` tells apart everybody who may see other runs than somebody else."""

    caller: str
    media_type: str
    document: str
    operation_name: str | None
    variables: bytes

    @classmethod
    def of(
        cls,
        caller: str,
        media_type: str,
        document: str,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> "Question | None":
        """None where the variables have no canonical text."""
        try:
            text = orjson.dumps(variables or {}, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            return None
        return cls(caller, media_type, document, operation_name, text)


class KeptAnswer(Struct, frozen=True):
    """An encoded answer, and until when it is the answer."""

    body: bytes
    expires_at: float


class Answers:
    """Answers of this process by their question, bounded by number and bytes."""

    def __init__(self, settings: CacheSettings, clock: Clock, counts: Counts) -> None:
        self._kept: BoundedMap[Question, KeptAnswer] = BoundedMap(
            settings.max_answers, settings.max_answer_bytes, clock
        )
        self._counts = counts

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question) -> KeptAnswer | None:
        answer = self._kept.get(question)
        if answer is None:
            self._counts.answer_misses += 1
        else:
            self._counts.answer_hits += 1
        return answer

    def put(self, question: Question, answer: KeptAnswer) -> None:
        size = len(answer.body) + 2 * len(question.document) + len(question.variables) + _OVERHEAD
        self._kept.put(question, answer, expires_at=answer.expires_at, size=size)

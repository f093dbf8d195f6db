"""Parts that were known when a request began, and are not any more when the others have come."""

from typing import Any

import pytest

from adapters.model import Part, RunRecord
from adapters.status import RunStatus
from gateway.cache import RunCache
from gateway.providers import Provider
from gateway.service import RunService
from gateway.settings import CacheSettings
from tests.gateway.fake import BatchingAdapter, FakeAdapter, record
from tests.support import run

from .support import Clock

OUTPUT, USAGE = frozenset({Part.OUTPUT}), frozenset({Part.USAGE})


@pytest.mark.parametrize("kind", [FakeAdapter, BatchingAdapter])
@pytest.mark.parametrize(("later", "status"), [(10_000, RunStatus.SUCCEEDED), (1, RunStatus.RUNNING)])
def test_they_are_asked_for_with_the_others(kind: type[FakeAdapter], later: float, status: RunStatus) -> None:
    """Their life ended while the others were fetched, or the run goes on again: nothing is left out unsaid."""
    clock, adapter = Clock(), kind()
    service = RunService(RunCache.in_memory(CacheSettings(terminal_ttl=600), clock))
    provider = Provider("fake", adapter)
    is_over = False

    async def answer(native_id: str, parts: frozenset[Part]) -> RunRecord:
        nonlocal is_over
        if parts == OUTPUT and not is_over:
            is_over = True
            clock.now += later
        values: dict[str, Any] = {part.value.lower(): native_id for part in parts}
        return record(native_id, parts, status=status if is_over else RunStatus.SUCCEEDED, **values)

    async def body() -> RunRecord:
        await service.load(provider, {"a": USAGE})
        adapter.answer = answer
        found = (await service.load(provider, {"a": USAGE | OUTPUT}))["a"]
        assert isinstance(found, RunRecord)
        return found

    found = run(body())
    assert found.parts == USAGE | OUTPUT
    assert (found.status, found.output) == (status, "a")
    assert adapter.calls == [("a", USAGE), ("a", OUTPUT), ("a", USAGE | OUTPUT)]

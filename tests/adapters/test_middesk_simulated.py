"""The Middesk adapter against the simulated Middesk, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.errors import AdapterError, BadResponse, NotFound, RateLimited, TimedOut, Unauthenticated, Unavailable
from adapters.middesk import MiddeskAdapter, MiddeskRecord
from adapters.middesk_steps import MAX_DEPTH
from adapters.model import Part, RunRecord, WarningCode
from adapters.status import RunStatus
from adapters.testing.validity import faults
from gateway.demo.faults import Fault
from gateway.demo.middesk import MiddeskSimulator
from tests.support import LONG_MS, run

from .simulated import ANCHOR, connected, listed, outcomes, served, still

WITH_STEPS = frozenset({Part.STEPS, Part.RAW})
QUICK: dict[str, Any] = {"max_requests_per_second": 0}
MODES: list[tuple[str, ...]] = [(), ("old-shape",), ("steps-missing",), ("old-shape", "steps-missing")]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[MiddeskSimulator, str]]:
    simulator = MiddeskSimulator(anchor=ANCHOR, clock=still)
    with served(simulator) as url:
        yield simulator, url


@pytest.fixture
def simulator(server: tuple[MiddeskSimulator, str]) -> MiddeskSimulator:
    server[0].reset()
    return server[0]


@pytest.fixture
def url(server: tuple[MiddeskSimulator, str]) -> str:
    return server[1]


def fetched(
    simulator: MiddeskSimulator, url: str, native_ids: list[str], parts: frozenset[Part]
) -> dict[str, RunRecord | AdapterError]:
    async def fetch() -> dict[str, RunRecord | AdapterError]:
        async with connected(MiddeskAdapter, url, simulator.token, **QUICK) as adapter:
            return await outcomes(adapter, native_ids, parts)

    return run(fetch())


def record_of(simulator: MiddeskSimulator, url: str, name: str) -> MiddeskRecord:
    native_id = simulator.special[name]
    record = fetched(simulator, url, [native_id], WITH_STEPS)[native_id]
    assert isinstance(record, MiddeskRecord)
    return record


def error_of(simulator: MiddeskSimulator, url: str, **fault: Any) -> AdapterError:
    simulator.faults.add(Fault(**fault))
    (outcome,) = fetched(simulator, url, [simulator.native_ids()[0]], frozenset()).values()
    assert isinstance(outcome, AdapterError)
    return outcome


@pytest.mark.parametrize("modes", MODES, ids=lambda modes: "+".join(sorted(modes)) or "plain")
def test_every_run(simulator: MiddeskSimulator, url: str, modes: tuple[str, ...]) -> None:
    simulator.set_modes(modes)
    native_ids = list(simulator.native_ids())
    found = fetched(simulator, url, native_ids, WITH_STEPS)
    assert len(simulator.calls) == len(native_ids)
    plain = {"running": RunStatus.RUNNING, "interrupted": RunStatus.WAITING, "completed": RunStatus.SUCCEEDED}
    for native_id, record in found.items():
        assert isinstance(record, MiddeskRecord)
        assert faults(record, MiddeskAdapter, "sim") == []
        truth = simulator.truth(native_id)
        assert record.native_id == native_id
        if (word := truth["status"]) in (*plain, "error"):
            assert record.status is plain.get(word, RunStatus.FAILED)
        assert record.output == truth.get("output")
        assert len(record.interrupts) == len(truth.get("interrupts", []))
        if "steps-missing" in modes or "steps" not in truth:
            assert (record.steps, list(record.part_errors)) == (None, [Part.STEPS])
        else:
            assert record.steps is not None
            assert bool(record.steps) == bool(truth["steps"])


def test_old_shape_reads_as_the_new_one(simulator: MiddeskSimulator, url: str) -> None:
    native_ids = list(simulator.native_ids())
    new = fetched(simulator, url, native_ids, frozenset({Part.STEPS}))
    simulator.set_modes(["old-shape"])
    old = fetched(simulator, url, native_ids, frozenset({Part.STEPS}))
    for native_id in native_ids:
        before, after = new[native_id], old[native_id]
        assert isinstance(before, MiddeskRecord)
        assert isinstance(after, MiddeskRecord)
        assert (before.status, before.steps) == (after.status, after.steps)


def test_odd_trees(simulator: MiddeskSimulator, url: str) -> None:
    def outline(name: str) -> list[tuple[str | None, int]]:
        return [(step.name, step.depth) for step in record_of(simulator, url, f"steps-{name}").steps or ()]

    def warned(name: str) -> set[WarningCode]:
        return {warning.code for warning in record_of(simulator, url, f"steps-{name}").warnings}

    assert [depth for _, depth in outline("deep")] == list(range(MAX_DEPTH))
    assert warned("deep") == {WarningCode.LIMIT_REACHED}
    assert outline("parent-ids-only") == [("first", 0), ("inner", 1), ("innermost", 2), ("other", 0), ("second", 1)]
    assert outline("both-ways") == [("first", 0), ("inner", 1), ("innermost", 2), ("other", 0)]
    assert outline("two-parents") == [("first", 0), ("second", 1), ("other", 0)]
    assert [depth for _, depth in outline("cycle")] == [0, 0, 0, 1]
    assert outline("repeated-inside-itself") == [("first", 0), ("inner", 1)]
    assert outline("unknown-parent") == [("first", 0), ("other", 0)]
    assert len(outline("many")) == 300
    assert record_of(simulator, url, "steps-none").steps == ()
    for name in ("two-parents", "cycle", "unknown-parent"):
        assert warned(name) == {WarningCode.INCONSISTENT}
    for name in ("parent-ids-only", "both-ways", "repeated-inside-itself", "many", "none"):
        assert warned(name) == set()


def test_error_of_a_run(simulator: MiddeskSimulator, url: str) -> None:
    error = record_of(simulator, url, "error").error
    assert error is not None
    assert (error.message, error.step_name) == ("Record lookup failed", "fetch_records")
    error = record_of(simulator, url, "error-without-error-step").error
    assert error is not None
    assert error.message is None


@pytest.mark.parametrize("limit", [7, 50, 100])
def test_list(simulator: MiddeskSimulator, url: str, limit: int) -> None:
    async def rows() -> list[RunRecord]:
        async with connected(MiddeskAdapter, url, simulator.token, **QUICK) as adapter:
            return await listed(adapter, limit)

    found = run(rows())
    assert [row.native_id for row in found] == list(simulator.native_ids())
    for row in found:
        assert faults(row, MiddeskAdapter, "sim") == []
    assert len(simulator.calls) == -(-len(found) // limit)


def test_errors(simulator: MiddeskSimulator, url: str) -> None:
    missing = "00000000-0000-4000-8000-000000000404"
    assert isinstance(fetched(simulator, url, [missing], frozenset())[missing], NotFound)
    expected: list[tuple[dict[str, Any], type[AdapterError]]] = [
        ({"status": 401}, Unauthenticated),
        ({"status": 429, "retry_after": "6"}, RateLimited),
        ({"status": 502, "body": "html"}, Unavailable),
        ({"body": "html"}, BadResponse),
        ({"body": "empty"}, BadResponse),
        ({"body": "truncated"}, BadResponse),
        ({"body": "huge"}, BadResponse),
    ]
    for fault, kind in expected:
        simulator.reset()
        error = error_of(simulator, url, **fault)
        assert type(error) is kind
        assert error.retry_after_ms == (6000 if "retry_after" in fault else None)
        assert len(simulator.calls) == (3 if fault.get("status") == 502 else 1)


def test_no_answer_in_time(simulator: MiddeskSimulator, url: str) -> None:
    simulator.faults.add(Fault(latency_ms=LONG_MS))

    async def fetch() -> None:
        async with connected(MiddeskAdapter, url, simulator.token, timeout_ms=50, **QUICK) as adapter:
            await adapter.fetch(simulator.native_ids()[0], frozenset())

    with pytest.raises(TimedOut):
        run(fetch())


def test_check(simulator: MiddeskSimulator, url: str) -> None:
    async def check(token: str) -> None:
        async with connected(MiddeskAdapter, url, token) as adapter:
            await adapter.check()

    run(check(simulator.token))
    with pytest.raises(Unauthenticated, match="invalid API key"):
        run(check("another"))

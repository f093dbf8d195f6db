"""The Eigenpal adapter over real HTTP against the simulated provider, which shares no code with it."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.contract import RunQuery
from adapters.eigenpal import EigenpalAdapter, EigenpalRecord
from adapters.errors import NotFound, QuotaExceeded, RateLimited
from adapters.model import Part, RunKind
from adapters.settings import TokenSettings
from adapters.status import RunStatus, StatusSource
from adapters.testing.validity import document_faults, faults
from gateway.demo.eigenpal import EigenpalSimulator
from gateway.demo.eigenpal_edges import EDGES
from gateway.demo.faults import Fault
from gateway.demo.server import LoopbackServers
from tests.support import run

ANCHOR = datetime(2026, 6, 1, 12, tzinfo=UTC)
TERMINAL = {"completed", "failed", "cancelled", "rejected"}
AT_ONCE = 8


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[EigenpalSimulator, str]]:
    simulator = EigenpalSimulator(anchor=ANCHOR, clock=lambda: ANCHOR)
    with LoopbackServers({"eigenpal": simulator.app()}) as servers:
        yield simulator, servers.urls["eigenpal"]


@pytest.fixture
def simulator(server: tuple[EigenpalSimulator, str]) -> Iterator[EigenpalSimulator]:
    yield server[0]
    server[0].reset()


@pytest.fixture
def base_url(server: tuple[EigenpalSimulator, str]) -> str:
    return server[1] + EigenpalSimulator.prefix


def adapter_for(simulator: EigenpalSimulator, base_url: str) -> EigenpalAdapter:
    token = SecretStr(simulator.token)
    settings = TokenSettings(adapter="eigenpal", base_url=base_url, token=token, max_pause_ms=0)
    return EigenpalAdapter.open("eigenpal", settings)


async def fetch_all(adapter: EigenpalAdapter, ids: list[str], parts: frozenset[Part]) -> dict[str, EigenpalRecord]:
    places = asyncio.Semaphore(AT_ONCE)

    async def fetch(native_id: str) -> EigenpalRecord:
        async with places:
            return await adapter.fetch(native_id, parts)

    try:
        return dict(zip(ids, await asyncio.gather(*(fetch(native_id) for native_id in ids)), strict=True))
    finally:
        await adapter.aclose()


def ordinary(simulator: EigenpalSimulator) -> list[str]:
    """Runs about which nothing is odd that the provider's own client would refuse."""
    refused = {simulator.special[name] for name, edge in EDGES.items() if not edge.accepted}
    odd = {simulator.special[name] for name in ("odd-steps", "cancel-requested")}
    return [native_id for native_id in simulator.native_ids() if native_id not in refused | odd]


def calls_for(truth: Mapping[str, Any], *, with_status: bool) -> int:
    """How many calls one run with all parts takes: the run, its events, trace and scores, and what it lacks."""
    execution: Mapping[str, Any] = truth.get("execution") or {}
    ended = execution.get("status") in TERMINAL if with_status else truth["finished"]
    lacks_steps = truth["type"] == "workflow" and "steps" not in execution
    return 4 + (not ended) + lacks_steps


@pytest.mark.parametrize("mode", [None, "seed-shape", "old-shape"])
def test_every_run_with_all_parts(simulator: EigenpalSimulator, base_url: str, mode: str | None) -> None:
    simulator.set_modes([mode] if mode else [])
    adapter = adapter_for(simulator, base_url)
    ids = list(simulator.native_ids())
    records = run(fetch_all(adapter, ids, frozenset(Part)))
    for native_id, record in records.items():
        assert faults(record, EigenpalAdapter, "eigenpal") == [], native_id
        assert record.native_id == native_id
        assert not record.part_errors, native_id
    usual = [native_id for native_id in ordinary(simulator) if "finished-but" not in native_id]
    for native_id in usual:
        truth, record = simulator.truth(native_id), records[native_id]
        agrees(record, truth, simulator)
        if mode is None:
            assert record.raw_status == truth["execution"]["status"]
            assert record.tags == tuple(truth["tags"])
            assert record.parent_native_id == truth.get("parentExecutionId")
        else:
            assert (record.raw_status, record.status_source) == (None, StatusSource.DERIVED)
        expected = calls_for(truth, with_status=mode is None)
        path = f"{EigenpalSimulator.prefix}/runs/{native_id}"
        made = [call for call in simulator.calls if call.path == path or call.path.startswith(f"{path}/")]
        assert len(made) == expected, native_id


def agrees(record: EigenpalRecord, truth: Mapping[str, Any], simulator: EigenpalSimulator) -> None:
    """The record says what the simulator holds, whatever the shape it was sent in."""
    assert record.kind is (RunKind.AGENT if truth["type"] == "agent" else RunKind.WORKFLOW)
    assert record.target is not None
    assert (record.target.id, record.target.version) == (truth["source"]["id"], truth["source"]["version"])
    assert record.output == with_decimals(truth.get("output"))
    assert record.input == truth.get("input")
    assert [step.id for step in record.steps or ()] == [row["id"] for row in simulator.steps(record.native_id)]
    if truth.get("files"):
        assert [file.path for file in record.files or ()] == [row["path"] for row in truth["files"]]
    assert document_faults(record) == [] or record.native_id in simulator.special.values()
    usage = truth.get("usage")
    if usage is None:
        assert record.usage is None
        return
    assert record.usage is not None
    tokens = usage["tokens"]
    assert (record.usage.input_tokens, record.usage.output_tokens) == (tokens["input"], tokens["output"])
    assert record.usage.agent_turns == usage.get("agentTurns")
    assert record.usage.model_calls == usage.get("llmCallCount")
    charged = usage["creditsCharged"]
    assert (record.usage.credits and record.usage.credits.amount) == (
        None if charged is None else Decimal(str(charged))
    )


def with_decimals(value: Any) -> Any:
    """A document as it is once it was sent as JSON and read."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, list):
        return [with_decimals(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: with_decimals(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
def test_one_call_for_the_core(
    server: tuple[EigenpalSimulator, str], simulator: EigenpalSimulator, prefix: str
) -> None:
    adapter = adapter_for(simulator, server[1] + prefix)
    native_id = simulator.by_status["completed"][0]
    run(fetch_all(adapter, [native_id], frozenset()))
    assert [call.target for call in simulator.calls] == [f"{prefix}/runs/{native_id}"]


def test_listing_joins_to_all_runs(simulator: EigenpalSimulator, base_url: str) -> None:
    adapter = adapter_for(simulator, base_url)

    async def walk() -> list[str]:
        listed: list[str] = []
        cursor: str | None = None
        while cursor is not None or not listed:
            page = await adapter.list_runs(RunQuery(limit=40, cursor=cursor))
            listed += [record.native_id for record in page.runs]
            cursor = page.next_cursor
        await adapter.aclose()
        return listed

    assert run(walk()) == list(simulator.native_ids())


def test_listing_by_status_kind_target_and_time(simulator: EigenpalSimulator, base_url: str) -> None:
    adapter = adapter_for(simulator, base_url)
    expected = [
        native_id
        for native_id in simulator.native_ids()
        if native_id in {*simulator.by_status["waiting"], *simulator.by_status["failed"]}
        and simulator.truth(native_id)["source"]["id"] == "wf_kyc"
    ]
    assert len(expected) > 3
    times = [datetime.fromisoformat(simulator.truth(native_id)["timing"]["createdAt"]) for native_id in expected]
    query = RunQuery(
        limit=100,
        statuses=frozenset({RunStatus.WAITING, RunStatus.FAILED}),
        kinds=frozenset({RunKind.WORKFLOW}),
        target="wf_kyc",
        created_after=times[-2],
        created_before=times[1],
    )

    async def listed() -> list[str]:
        page = await adapter.list_runs(query)
        await adapter.aclose()
        return [record.native_id for record in page.runs]

    assert run(listed()) == expected[1:-1]


@pytest.mark.parametrize("mode", [None, "seed-shape", "old-shape"])
def test_batch_says_what_single_runs_say(simulator: EigenpalSimulator, base_url: str, mode: str | None) -> None:
    simulator.set_modes([mode] if mode else [])
    ids = ordinary(simulator)[:99]
    single = run(fetch_all(adapter_for(simulator, base_url), ids, frozenset()))
    adapter = adapter_for(simulator, base_url)
    simulator.calls.clear()

    async def batch() -> dict[str, Any]:
        outcomes = await adapter.fetch_many([*ids, "exec_nope"], frozenset())
        await adapter.aclose()
        return dict(outcomes)

    outcomes = run(batch())
    assert len(simulator.calls) == 1
    assert isinstance(outcomes.pop("exec_nope"), NotFound)
    for native_id, record in outcomes.items():
        alone = single[native_id]
        for name in (
            "status",
            "is_terminal",
            "created_at",
            "ended_at",
            "target",
            "initiator",
            "error",
            "retry",
            "review",
            "eval",
        ):
            if name in ("status", "error") and record.status is RunStatus.UNKNOWN and mode is not None:
                continue
            assert getattr(record, name) == getattr(alone, name), (native_id, name)
        assert record.parts == (set() if record.status is RunStatus.UNKNOWN else {Part.ERROR})


def test_errors_and_the_check(simulator: EigenpalSimulator, base_url: str) -> None:
    adapter = adapter_for(simulator, base_url)

    async def errors() -> None:
        await adapter.check()
        with pytest.raises(NotFound, match="no run with this id"):
            await adapter.fetch("exec_nope", frozenset())
        simulator.faults.add(Fault(status=429, retry_after="7", times=1))
        with pytest.raises(RateLimited) as caught:
            await adapter.fetch("exec_nope", frozenset())
        assert (caught.value.retry_after_ms, caught.value.raw_code) == (7000, "rate_limited")
        simulator.faults.add(Fault(status=402, times=1))
        with pytest.raises(QuotaExceeded):
            await adapter.list_runs(RunQuery(limit=1))
        await adapter.aclose()

    run(errors())

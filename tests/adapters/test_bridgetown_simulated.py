"""The Bridge Town adapter and its MCP client against a real MCP server, over HTTP."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.bridgetown import BridgeTownAdapter, BridgeTownRecord
from adapters.contract import RunQuery
from adapters.errors import (
    AdapterError,
    BadResponse,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UpstreamInternal,
)
from adapters.model import Debug, Part, RunRecord, WarningCode
from adapters.status import RunStatus
from adapters.testing.validity import faults
from gateway.demo.bridgetown import BridgeTownSimulator
from gateway.demo.faults import Fault
from tests.support import run

from .simulated import ANCHOR, connected, listed, outcomes, served, still

MODES: list[tuple[str, ...]] = [
    (),
    ("sse",),
    ("stateless",),
    ("text-only",),
    ("wrapped",),
    ("error-envelope",),
    ("notifications-first",),
    ("notifications-first", "stateless", "text-only", "error-envelope"),
    ("sse", "wrapped", "error-envelope"),
]
HANDSHAKE = ["initialize", "notifications/initialized"]
MISSING = "00000000-0000-4000-8000-000000000404"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[BridgeTownSimulator, str]]:
    simulator = BridgeTownSimulator(anchor=ANCHOR, clock=still)
    with served(simulator) as url:
        yield simulator, url


@pytest.fixture
def simulator(server: tuple[BridgeTownSimulator, str]) -> BridgeTownSimulator:
    server[0].reset()
    return server[0]


@pytest.fixture
def url(server: tuple[BridgeTownSimulator, str]) -> str:
    return server[1]


@pytest.fixture(params=MODES, ids=lambda modes: "+".join(sorted(modes)) or "plain")
def modes(request: pytest.FixtureRequest, simulator: BridgeTownSimulator) -> tuple[str, ...]:
    simulator.set_modes(request.param)
    return request.param


def fetched(simulator: BridgeTownSimulator, url: str, *native_ids: str) -> list[RunRecord | AdapterError]:
    async def fetch() -> list[RunRecord | AdapterError]:
        async with connected(BridgeTownAdapter, url, simulator.token) as adapter:
            return list((await outcomes(adapter, native_ids, frozenset({Part.RAW}))).values())

    return run(fetch())


def methods(simulator: BridgeTownSimulator) -> list[str]:
    """What was asked of the server: JSON-RPC methods, or HTTP methods where there is no body."""
    return [call.json["method"] if call.body else call.method for call in simulator.calls]


def special(simulator: BridgeTownSimulator, url: str, name: str) -> BridgeTownRecord:
    (record,) = fetched(simulator, url, simulator.special[name])
    assert isinstance(record, BridgeTownRecord)
    return record


def test_every_run(simulator: BridgeTownSimulator, url: str, modes: tuple[str, ...]) -> None:
    odd = set(simulator.special.values())
    # How a server speaks and what it says don't meet: where it speaks otherwise some usual runs are enough.
    usual = [native_id for native_id in simulator.native_ids() if native_id not in odd][:: 6 if modes else 1]
    native_ids = usual + [native_id for native_id in simulator.native_ids() if native_id in odd]
    native_ids.remove(simulator.special["no-run-id"])
    found = fetched(simulator, url, *native_ids)
    ending = [] if "stateless" in modes else ["DELETE"]
    assert methods(simulator) == [*HANDSHAKE, *["tools/call"] * len(native_ids), *ending]
    for native_id, record in zip(native_ids, found, strict=True):
        assert isinstance(record, BridgeTownRecord), record
        assert faults(record, BridgeTownAdapter, "sim") == []
        truth = simulator.truth(native_id)
        assert record.native_id == native_id
        assert record.raw == {"run": truth}
        assert (record.raw_status, record.commit_sha) == (truth.get("status"), truth.get("commit_sha"))
        whole = truth.get("output")
        assert record.output == (whole["outputs"] if isinstance(whole, dict) and "outputs" in whole else whole)
    for status, ids in simulator.by_status.items():
        by_id = dict(zip(native_ids, found, strict=True))
        for native_id in ids:
            if (record := by_id.get(native_id)) is not None:
                assert isinstance(record, BridgeTownRecord)
                assert record.status is BridgeTownAdapter.statuses.words[status]


def test_tool_errors(simulator: BridgeTownSimulator, url: str, modes: tuple[str, ...]) -> None:
    missing, ambiguous, no_id = fetched(
        simulator, url, MISSING, simulator.special["shared-prefix-a"][:13], simulator.special["no-run-id"]
    )
    assert isinstance(missing, NotFound)
    assert isinstance(ambiguous, InvalidInput)
    assert isinstance(no_id, BadResponse)
    assert missing.raw_code == ("run_not_found" if "error-envelope" in modes else None)
    assert str(missing) == "sim: no run matches this id"


def test_list(simulator: BridgeTownSimulator, url: str, modes: tuple[str, ...]) -> None:
    async def rows(**query: Any) -> list[RunRecord]:
        async with connected(BridgeTownAdapter, url, simulator.token) as adapter:
            return await listed(adapter, 20, **query)

    found = run(rows(scope="ledger"))
    assert [row.native_id for row in found] == list(simulator.projects["ledger"][:50])
    for row in found:
        assert faults(row, BridgeTownAdapter, "sim") == []
        assert row.target is not None
        assert row.target.name == "ledger"
    wanted = {RunStatus.FAILED, RunStatus.CANCELLED}
    some = run(rows(scope="ledger", statuses=frozenset(wanted)))
    assert {row.status for row in some} == wanted
    assert [row.native_id for row in some][:5] == [row.native_id for row in found if row.status in wanted][:5]
    with pytest.raises(InvalidInput, match="no such project"):
        run(rows(scope="nothing"))


def test_list_says_where_it_can_not_go_on(simulator: BridgeTownSimulator, url: str) -> None:
    async def pages() -> list[bool]:
        async with connected(BridgeTownAdapter, url, simulator.token) as adapter:
            return [
                (await adapter.list_runs(RunQuery(limit=50, scope=project))).incomplete
                for project in sorted(simulator.projects)
            ]

    expected = [len(simulator.projects[project]) >= 50 for project in sorted(simulator.projects)]
    assert run(pages()) == expected
    assert set(expected) == {True, False}


def test_odd_runs(simulator: BridgeTownSimulator, url: str) -> None:
    cut = special(simulator, url, "truncated-text")
    assert isinstance(cut.output, str)
    assert (cut.output_truncated, [warning.code for warning in cut.warnings]) == (True, [WarningCode.OUTPUT_TRUNCATED])
    nonzero = special(simulator, url, "nonzero-exit")
    assert nonzero.debug is not None
    assert (nonzero.status, nonzero.debug.exit_code, nonzero.error) == (RunStatus.SUCCEEDED, 3, None)
    large = special(simulator, url, "large-output")
    assert large.debug is not None
    assert large.debug.stdout == "x" * 1_000_000
    odd = special(simulator, url, "odd-output")
    assert (odd.output, odd.debug) == ("none", Debug(exit_code=1))
    assert special(simulator, url, "odd-case-status").status is RunStatus.TIMED_OUT
    assert special(simulator, url, "minimal").status is RunStatus.UNKNOWN
    assert special(simulator, url, "unicode-output").outputs == {"résumé.json": {"q": "日本"}}


def test_prefix(simulator: BridgeTownSimulator, url: str) -> None:
    whole = simulator.special["large-output"]
    (record,) = fetched(simulator, url, whole[:18].upper())
    assert isinstance(record, BridgeTownRecord)
    assert record.native_id == whole


@pytest.mark.parametrize("mode", ["sse", None])
def test_expired_sessions_are_opened_again_once(simulator: BridgeTownSimulator, url: str, mode: str | None) -> None:
    simulator.set_modes([mode] if mode else [])
    native_ids = list(simulator.native_ids()[:12])

    async def conversation() -> Counter[str]:
        async with connected(BridgeTownAdapter, url, simulator.token) as adapter:
            await adapter.fetch(native_ids[0], frozenset())
            simulator.expire_sessions()
            simulator.calls.clear()
            found = await asyncio.gather(*(adapter.fetch(native_id, frozenset()) for native_id in native_ids))
            assert [record.native_id for record in found] == native_ids
            return Counter(methods(simulator))

    seen = run(conversation())
    assert (seen["initialize"], seen["notifications/initialized"]) == (1, 1)
    assert 12 <= seen["tools/call"] <= 24


def test_session_that_another_transport_opened(simulator: BridgeTownSimulator, url: str) -> None:
    async def conversation() -> None:
        async with connected(BridgeTownAdapter, url, simulator.token) as adapter:
            for mode in ("sse", "stateless", "notifications-first", "text-only"):
                simulator.set_modes([mode])
                assert await adapter.fetch(simulator.native_ids()[0], frozenset())

    run(conversation())


@pytest.mark.parametrize("while_opening", [True, False])
def test_http_errors(simulator: BridgeTownSimulator, url: str, while_opening: bool) -> None:
    native_id = simulator.special["large-output"]
    match = "initialize" if while_opening else "tools/call"
    expected: list[tuple[dict[str, Any], type[AdapterError]]] = [
        ({"status": 401}, Unauthenticated),
        ({"status": 403}, PermissionDenied),
        ({"status": 404}, BadResponse),
        ({"status": 429, "retry_after": "7"}, RateLimited),
        ({"status": 500}, UpstreamInternal),
        ({"status": 502, "body": "html"}, Unavailable),
        ({"body": "html"}, BadResponse),
        ({"body": "empty"}, BadResponse),
        ({"body": "invalid"}, BadResponse),
        ({"body": "truncated"}, BadResponse),
        ({"body": "null"}, BadResponse),
        ({"body": "array"}, BadResponse),
        ({"body": "huge"}, BadResponse),
    ]
    for fault, kind in expected:
        simulator.reset()
        simulator.faults.add(Fault(match=match, **fault))
        (error,) = fetched(simulator, url, native_id)
        assert isinstance(error, AdapterError), fault
        assert type(error) is kind
        assert error.retry_after_ms == (7000 if "retry_after" in fault else None)


def test_truncated_event_stream(simulator: BridgeTownSimulator, url: str) -> None:
    simulator.set_modes(["notifications-first"])
    simulator.faults.add(Fault(match="tools/call", body="truncated"))
    (error,) = fetched(simulator, url, simulator.special["large-output"])
    assert isinstance(error, BadResponse)


def test_check(simulator: BridgeTownSimulator, url: str, modes: tuple[str, ...]) -> None:
    async def check(token: str) -> None:
        async with connected(BridgeTownAdapter, url, token) as adapter:
            await adapter.check()

    run(check(simulator.token))
    assert [name for name, _ in simulator.tool_calls] == ["get_run"]
    with pytest.raises(Unauthenticated, match="Authentication required"):
        run(check("another"))


def test_wrong_url(simulator: BridgeTownSimulator, url: str) -> None:
    (error,) = fetched(simulator, f"{url}/sse", MISSING)
    assert isinstance(error, BadResponse)

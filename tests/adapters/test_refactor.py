"""Refactor: what is asked, and what comes of the answers."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import errors
from adapters.contract import Capability, How, capabilities_of
from adapters.errors import AdapterError
from adapters.model import Money, Part, TokenAccounting, WarningCode
from adapters.refactor import (
    Evaluation,
    RefactorAdapter,
    RefactorRecord,
    RefactorSettings,
)
from adapters.registry import load
from adapters.status import RunStatus
from adapters.testing.mutations import STABLE, json_values
from adapters.testing.validity import faults
from adapters.upstream import ErrorReply
from gateway.demo.refactor import RefactorSimulator
from gateway.demo.server import LoopbackServers
from tests.support import run

FIXTURES = Path(__file__).parents[1] / "fixtures" / "refactor"
TOKEN = "rf-secret-token"
ID = "7b0d2f4e-51c8-4f0a-9a3e-0c6a1d9e2b11"
SETTINGS = RefactorSettings.model_validate(
    {"adapter": "refactor", "base_url": "https://refactor.example/v1/", "token": TOKEN}
)
NOTHING: frozenset[Part] = frozenset()
EVERYTHING = frozenset(Part)


def document(scenario: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """The run of a fixture, changed."""
    fixture = json.loads((FIXTURES / f"{scenario}.json").read_text())
    return {**fixture["exchanges"][0]["body"], **changes}


class Api:
    """The API under a mock transport: replies by path, and the requests that were made."""

    def __init__(self, replies: Mapping[str, httpx.Response | Exception]) -> None:
        self.replies = replies
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies[request.url.raw_path.decode()]
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def calls(self) -> list[str]:
        return sorted(f"{request.method} {request.url}" for request in self.requests)

    def adapter(self, settings: RefactorSettings = SETTINGS) -> RefactorAdapter:
        return RefactorAdapter.open("rf", settings, transport=httpx.MockTransport(self))


def fetch(replies: Mapping[str, Any], parts: frozenset[Part] = NOTHING, native_id: str = ID) -> RefactorRecord:
    return run(Api(replies).adapter().fetch(native_id, parts))


# What is asked


def test_the_registry_knows_it_and_its_abilities() -> None:
    assert load("refactor") is RefactorAdapter
    assert capabilities_of(load("refactor")) == {Capability.GET}
    unsupported = {Part.INPUT, Part.STEPS, Part.FILES, Part.EVENTS, Part.TRACE, Part.DETAILS}
    assert unsupported.isdisjoint(RefactorAdapter.parts)
    assert [part for part, how in RefactorAdapter.parts.items() if how is not How.INLINE] == [Part.EVALUATIONS]


@pytest.mark.parametrize(
    "parts", [NOTHING, frozenset({Part.USAGE, Part.DEBUG, Part.OUTPUT, Part.RAW}), frozenset({Part.STEPS, Part.FILES})]
)
def test_one_call_for_all_but_evaluations(parts: frozenset[Part]) -> None:
    api = Api({f"/v1/run/{ID}": httpx.Response(200, json=document())})
    record = run(api.adapter().fetch(ID, parts))
    assert api.calls == [f"GET https://refactor.example/v1/run/{ID}"]
    (request,) = api.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["accept"] == "application/json"
    assert record.parts == {Part.ERROR, Part.OUTPUT, Part.USAGE, Part.DEBUG} | (parts & {Part.RAW})


def test_evaluations_are_one_more_call() -> None:
    rows = [
        {"id": "ev-1", "run_id": ID, "evaluation_label_id": "l", "value": 0.5, "created_at": "2026-03-02T09:30:00Z"}
    ]
    api = Api(
        {
            f"/v1/run/{ID}": httpx.Response(200, json=document()),
            f"/v1/run/{ID}/evaluations": httpx.Response(200, json=rows),
        }
    )
    record = run(api.adapter().fetch(ID, frozenset({Part.EVALUATIONS})))
    assert api.calls == [
        f"GET https://refactor.example/v1/run/{ID}",
        f"GET https://refactor.example/v1/run/{ID}/evaluations",
    ]
    assert record.evaluations == (
        Evaluation(
            id="ev-1",
            run_id=ID,
            evaluation_label_id="l",
            value=Decimal("0.5"),
            created_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        ),
    )
    assert Part.EVALUATIONS in record.parts
    assert Part.RAW not in record.parts
    assert record.raw is None


def test_raw_holds_every_document_that_was_fetched() -> None:
    replies = {
        f"/v1/run/{ID}": httpx.Response(200, json=document()),
        f"/v1/run/{ID}/evaluations": httpx.Response(200, json=[]),
    }
    record = fetch(replies, EVERYTHING)
    assert record.raw is not None
    assert set(record.raw) == {"run", "evaluations"}
    assert record.raw["evaluations"] == []
    assert record.evaluations == ()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(403, json={"error": "no"}), errors.PermissionDenied),
        (httpx.Response(404), errors.NotFound),
        (httpx.Response(200, json={"evaluations": []}), errors.BadResponse),
        (httpx.Response(200, text="<html>"), errors.BadResponse),
        (httpx.ReadTimeout("slow"), errors.TimedOut),
    ],
)
def test_failed_evaluations_leave_the_run(reply: object, kind: type[AdapterError]) -> None:
    run_reply = httpx.Response(200, json=document())
    record = fetch({f"/v1/run/{ID}": run_reply, f"/v1/run/{ID}/evaluations": reply}, EVERYTHING)
    assert record.status is RunStatus.SUCCEEDED
    assert type(record.part_errors[Part.EVALUATIONS]) is kind
    assert Part.EVALUATIONS not in record.parts
    assert record.evaluations is None
    assert record.raw is not None
    assert set(record.raw) == {"run"}


def test_a_missing_run_is_not_found_whatever_its_evaluations_say() -> None:
    replies = {f"/v1/run/{ID}": httpx.Response(404), f"/v1/run/{ID}/evaluations": httpx.Response(200, json=[])}
    with pytest.raises(errors.NotFound):
        fetch(replies, EVERYTHING)


def test_an_id_can_not_reach_another_resource() -> None:
    api = Api({"/v1/run/a%2F..%2Fb%3Fx%3D%25": httpx.Response(200, json=document(id="a/../b?x=%"))})
    assert run(api.adapter().fetch("a/../b?x=%", NOTHING)).native_id == "a/../b?x=%"
    for hopeless in ("", "..", "a\nb", "x" * 600):
        with pytest.raises(errors.InvalidInput):
            run(api.adapter().fetch(hopeless, NOTHING))
    assert len(api.requests) == 1


def test_the_returned_id_wins() -> None:
    record = fetch({f"/v1/run/{ID}": httpx.Response(200, json=document(id="another"))})
    assert record.native_id == "another"
    assert record.id == "rf:another"
    assert [warning.code for warning in record.warnings] == [WarningCode.INCONSISTENT]


def test_an_upper_case_uuid_is_the_same_run() -> None:
    record = fetch({f"/v1/run/{ID.upper()}": httpx.Response(200, json=document())}, native_id=ID.upper())
    assert (record.native_id, record.warnings) == (ID, ())


@pytest.mark.parametrize("status", [200, 404])
def test_check_succeeds_where_the_credential_is_accepted(status: int) -> None:
    api = Api({"/v1/run/00000000-0000-0000-0000-000000000000": httpx.Response(status, json={})})
    run(api.adapter().check())
    assert len(api.requests) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, errors.Unauthenticated), (502, errors.Unavailable)])
def test_check_raises_what_a_look_up_would(status: int, kind: type[AdapterError]) -> None:
    api = Api({"/v1/run/00000000-0000-0000-0000-000000000000": httpx.Response(status)})
    with pytest.raises(kind):
        run(api.adapter().check())


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"null", "the root"),
        (b"[]", "the root"),
        (b'"x"', "the root"),
        (b"{}", "id"),
        (b'{"id": null}', "id"),
        (b'{"id": ""}', "id"),
        (b'{"id": 7}', "id"),
        (b'{"error": {"code": "RESOURCE_NOT_FOUND"}}', "id"),
    ],
)
def test_a_body_that_is_no_run_names_the_path(content: bytes, path: str) -> None:
    with pytest.raises(errors.BadResponse, match=f"at {path}"):
        fetch({f"/v1/run/{ID}": httpx.Response(200, content=content)})


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"id": "x"', b"[" * 100_000])
def test_a_body_that_is_no_json(content: bytes) -> None:
    with pytest.raises(errors.BadResponse):
        fetch({f"/v1/run/{ID}": httpx.Response(200, content=content)})


def test_money_never_passes_through_a_float() -> None:
    body = json.dumps(document()).replace("0.00731", "0.012345678901234567890123")
    record = fetch({f"/v1/run/{ID}": httpx.Response(200, content=body.encode())})
    assert record.usage is not None
    assert record.usage.cost == Money(Decimal("0.012345678901234567890123"), "USD")


def test_token_accounting_is_a_setting() -> None:
    keys = {"adapter": "refactor", "base_url": "https://x.example", "token": "t"}
    settings = RefactorSettings.model_validate({**keys, "token_accounting": "EXCLUDES_CACHED"})
    api = Api({f"/run/{ID}": httpx.Response(200, json=document())})
    record = run(api.adapter(settings).fetch(ID, NOTHING))
    assert record.usage is not None
    assert record.usage.token_accounting is TokenAccounting.EXCLUDES_CACHED
    assert record.usage.total_tokens is None, "the sum would leave out the cached tokens"


# Errors of a call


@pytest.mark.parametrize(
    ("body", "message", "raw_code"),
    [
        (b'{"error":{"code":"RESOURCE_NOT_FOUND","message":"run not found"}}', "run not found", "RESOURCE_NOT_FOUND"),
        (b'{"error":"text"}', "text", None),
        (b'{"message":"text","code":"X"}', "text", "X"),
        (b'{"detail":"text"}', "text", None),
        (b'{"detail":[{"loc":["path","id"],"msg":"no uuid"}]}', "path.id: no uuid", None),
        (b'{"detail":{"message":"text"}}', "text", None),
        (b'{"title":"Gone","status":404}', "Gone", None),
        (b"<html>", None, None),
        (b"", None, None),
        (b"null", None, None),
        (b'{"error":null}', None, None),
        (b'{"error":{"code":5}}', None, None),
    ],
)
def test_error_bodies(body: bytes, message: str | None, raw_code: str | None) -> None:
    reading = RefactorAdapter.read_error(ErrorReply(404, {}, body))
    assert (reading.message, reading.raw_code, reading.code) == (message, raw_code, None)


@STABLE
@given(st.integers(100, 599), st.binary() | json_values.map(lambda value: json.dumps(value, default=str).encode()))
def test_reading_errors_is_total(status: int, body: bytes) -> None:
    RefactorAdapter.read_error(ErrorReply(status, {}, body))


def test_an_error_never_shows_the_token() -> None:
    reply = httpx.Response(500, json={"message": f"bad header Bearer {TOKEN}"})
    with pytest.raises(errors.UpstreamInternal) as caught:
        fetch({f"/v1/run/{ID}": reply})
    assert str(caught.value) == "rf: bad header Bearer ***"


# Over real HTTP


@pytest.fixture(scope="module")
def simulator() -> RefactorSimulator:
    return RefactorSimulator()


@pytest.fixture(scope="module")
def settings(simulator: RefactorSimulator) -> Iterator[RefactorSettings]:
    with LoopbackServers({"refactor": simulator.app()}) as servers:
        yield RefactorSettings.model_validate(
            {
                "adapter": "refactor",
                "base_url": servers.urls["refactor"] + simulator.prefix,
                "token": simulator.token,
                "timeout_ms": 60_000,
            }
        )


async def fetch_all(
    settings: RefactorSettings, ids: Sequence[str], parts: Callable[[int], frozenset[Part]]
) -> list[RefactorRecord]:
    adapter = RefactorAdapter.open("refactor", settings)
    try:
        records = [await adapter.fetch(native_id, parts(number)) for number, native_id in enumerate(ids)]
        assert [fault for record in records for fault in faults(record, RefactorAdapter, "refactor")] == []
        return records
    finally:
        await adapter.aclose()


def test_every_run_of_the_simulator(simulator: RefactorSimulator, settings: RefactorSettings) -> None:
    ids = simulator.native_ids()
    records = run(fetch_all(settings, ids, lambda number: NOTHING if number % 4 else EVERYTHING))
    assert [record.native_id for record in records] == list(ids)
    by_id = {record.native_id: record for record in records}
    for word, of_status in simulator.by_status.items():
        assert {by_id[native_id].status for native_id in of_status} == {_WORDS[word]}
    assert all(record.warnings == () and not record.part_errors for record in records)
    for record in records[::4]:
        assert len(record.evaluations or ()) == len(simulator.evaluations(record.native_id))


def test_the_simulator_s_refusals(simulator: RefactorSimulator, settings: RefactorSettings) -> None:
    with pytest.raises(errors.NotFound, match="run not found"):
        run(fetch_all(settings, ["nobody"], lambda _: EVERYTHING))
    stranger = RefactorSettings.model_validate({**settings.model_dump(), "token": "wrong"})
    with pytest.raises(errors.Unauthenticated):
        run(fetch_all(stranger, [simulator.native_ids()[0]], lambda _: NOTHING))


_WORDS = {
    "running": RunStatus.RUNNING,
    "waiting": RunStatus.WAITING,
    "completed": RunStatus.SUCCEEDED,
    "failed": RunStatus.FAILED,
    "cancelled": RunStatus.CANCELLED,
    "timeout": RunStatus.TIMED_OUT,
}

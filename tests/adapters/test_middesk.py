"""The Middesk adapter: runs, interrupts, artifacts, pages and errors."""

import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Capability, How, capabilities_of
from adapters.errors import (
    AdapterError,
    BadResponse,
    ErrorCode,
    ErrorReading,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from adapters.middesk import (
    Artifact,
    ArtifactSource,
    Interrupt,
    MiddeskAdapter,
    MiddeskRecord,
    MiddeskSettings,
    parse_run,
)
from adapters.model import Actor, ActorKind, Part, RunKind, RunTarget, WarningCode
from adapters.registry import load
from adapters.status import RunStatus
from adapters.testing.fixtures import to_bytes
from adapters.testing.mutations import mutated
from adapters.testing.validity import faults
from adapters.upstream import ErrorReply
from adapters.wire import Fields
from tests.support import run

from .recorder import Recorder

KEY = "mk_test_0123456789"
SETTINGS = MiddeskSettings.model_validate(
    {"adapter": "middesk", "base_url": "https://api.middesk.example/v1/", "token": KEY}
)
ID = "5c1de0a2-7f34-4b8e-8a11-0d9f6c2b7e41"
RUN: dict[str, Any] = {
    "object": "run",
    "id": ID,
    "created_at": "2026-05-04T13:02:10Z",
    "updated_at": "2026-05-04T13:02:55Z",
    "status": "completed",
    "thread_id": "b7a4c2d1-90ef-4f6a-bb12-3c4d5e6f7a80",
    "agent": "cip_orchestrator",
    "requester": {"id": "u-1", "name": "Acme Lending", "email": None},
    "started_at": "2026-05-04T13:02:11Z",
    "ended_at": "2026-05-04T13:02:55Z",
    "output": {"artifacts": []},
    "interrupts": [],
}
QUESTION = {
    "id": "int-7f",
    "value": {"type": "combined_proposal", "label": "Approve?", "agent": "tin_agent", "proposals": [1]},
}


def opened(transport: httpx.AsyncBaseTransport) -> MiddeskAdapter:
    return MiddeskAdapter.open("kyb", SETTINGS.model_copy(update={"max_retries": 0}), transport)


def fetch(document: object, *parts: Part, native_id: str = ID) -> MiddeskRecord:
    return run(opened(Recorder(document)).fetch(native_id, frozenset(parts)))


def with_(**changes: object) -> dict[str, Any]:
    return {**RUN, **changes}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in RUN.items() if name not in names}


def codes(record: MiddeskRecord) -> list[tuple[WarningCode, str | None]]:
    return [(warning.code, warning.path) for warning in record.warnings]


def test_class() -> None:
    assert capabilities_of(load("middesk")) == {Capability.GET, Capability.LIST}
    inline = dict.fromkeys((Part.ERROR, Part.OUTPUT, Part.RAW), How.INLINE)
    assert MiddeskAdapter.parts == inline | {Part.STEPS: How.EXPAND}
    assert MiddeskAdapter.filters == frozenset()


@pytest.mark.parametrize(
    ("parts", "target"),
    [
        ((), f"GET /v1/runs/{ID}"),
        ((Part.OUTPUT, Part.RAW), f"GET /v1/runs/{ID}"),
        ((Part.USAGE, Part.DEBUG, Part.FILES, Part.INPUT), f"GET /v1/runs/{ID}"),
        ((Part.STEPS,), f"GET /v1/runs/{ID}?include=steps"),
        (tuple(Part), f"GET /v1/runs/{ID}?include=steps"),
    ],
)
def test_one_call(parts: tuple[Part, ...], target: str) -> None:
    transport = Recorder(with_(steps=[]))
    record = run(opened(transport).fetch(ID, frozenset(parts)))
    assert transport.targets == [target]
    assert transport.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert record.parts == {Part.ERROR, Part.OUTPUT} | (frozenset(parts) & {Part.STEPS, Part.RAW})


def test_id_is_quoted() -> None:
    transport = Recorder(with_(id="a/b é?"))
    run(opened(transport).fetch("a/b é?", frozenset()))
    assert transport.targets == ["GET /v1/runs/a%2Fb%20%C3%A9%3F"]


def test_common_fields() -> None:
    record = fetch(RUN)
    assert (record.provider, record.native_id, record.kind) == ("kyb", ID, RunKind.AGENT)
    assert record.target == RunTarget(id="cip_orchestrator", name="cip_orchestrator", kind=RunKind.AGENT)
    assert record.duration_ms == 44_000
    assert record.thread_id == "b7a4c2d1-90ef-4f6a-bb12-3c4d5e6f7a80"
    assert record.updated_at is not None
    assert record.usage is None
    assert record.raw is None
    assert record.warnings == ()
    assert fetch(RUN, Part.RAW).raw == {"run": RUN}


@pytest.mark.parametrize(
    ("word", "status", "raw"),
    [
        ("running", RunStatus.RUNNING, "running"),
        ("pending", RunStatus.RUNNING, "pending"),
        ("interrupted", RunStatus.WAITING, "interrupted"),
        ("completed", RunStatus.SUCCEEDED, "completed"),
        ("error", RunStatus.FAILED, "error"),
        ("failed", RunStatus.FAILED, "failed"),
        ("COMPLETED", RunStatus.SUCCEEDED, "COMPLETED"),
        (" error ", RunStatus.FAILED, " error "),
    ],
)
def test_status(word: str, status: RunStatus, raw: str) -> None:
    record = fetch(with_(status=word))
    assert (record.status, record.raw_status, record.is_terminal) == (status, raw, status.is_terminal)
    assert record.warnings == ()


@pytest.mark.parametrize(("value", "raw"), [("paused", "paused"), (7, None), (None, None), (["error"], None)])
def test_unknown_status(value: object, raw: str | None) -> None:
    record = fetch(with_(status=value))
    assert (record.status, record.raw_status, record.is_terminal) == (RunStatus.UNKNOWN, raw, None)
    assert codes(record) == [(WarningCode.STATUS_UNKNOWN, "status")]


@pytest.mark.parametrize(
    ("requester", "actor"),
    [
        (None, Actor(kind=ActorKind.SYSTEM)),
        ({"id": "1", "name": "Acme", "email": None}, Actor(id="1", name="Acme", kind=ActorKind.API)),
        (
            {"id": "1", "name": "Lena", "email": "l@x.example"},
            Actor(id="1", name="Lena", email="l@x.example", kind=ActorKind.USER),
        ),
        ({"id": "1", "name": "Acme"}, Actor(id="1", name="Acme")),
        ({"type": "api_key", "key": "mk"}, Actor()),
        ({}, Actor()),
        ("somebody", None),
    ],
)
def test_requester(requester: object, actor: Actor | None) -> None:
    assert fetch(with_(requester=requester)).initiator == actor
    assert fetch(without("requester")).initiator is None


def test_required_keys_only() -> None:
    record = fetch({key: RUN[key] for key in ("object", "id", "created_at", "updated_at", "status")})
    assert record.warnings == ()
    assert record.parts == {Part.ERROR, Part.OUTPUT}
    assert (record.target, record.initiator, record.output) == (None, None, None)
    assert (record.interrupts, record.artifacts) == ((), ())


def test_artifacts() -> None:
    source = {"url": "https://r.example/1", "source_name": "R", "source_tier": "primary", "source_type": "sos"}
    whole = {"title": "T", "type": "cip_summary", "confidence": "high", "summary": "S", "sources": [source, {}]}
    output = {"artifacts": [whole, {"title": "Bare", "confidence": None}, 7]}
    record = fetch(with_(output=output))
    assert record.output == output
    assert record.artifacts == (
        Artifact(
            title="T",
            type="cip_summary",
            confidence="high",
            summary="S",
            sources=(
                ArtifactSource(url="https://r.example/1", name="R", tier="primary", type="sos"),
                ArtifactSource(),
            ),
        ),
        Artifact(title="Bare"),
    )
    assert codes(record) == [(WarningCode.VALUE_UNREADABLE, "output.artifacts[2]")]


@pytest.mark.parametrize("status", ["interrupted", "running", "completed"])
def test_interrupts_show_whatever_the_status(status: str) -> None:
    record = fetch(with_(status=status, interrupts=[QUESTION, {"agent": "a", "value": "?"}, {}]))
    assert record.interrupts == (
        Interrupt(
            id="int-7f",
            agent="tin_agent",
            label="Approve?",
            type="combined_proposal",
            value=QUESTION["value"],
        ),
        Interrupt(agent="a", value="?"),
        Interrupt(),
    )
    assert fetch(with_(status="interrupted", interrupts=[])).status is RunStatus.WAITING


def test_failed_run_explains_itself_only_through_its_steps() -> None:
    early: dict[str, object] = {"id": "1", "type": "activity", "status": "error", "label": "Early", "name": "e"}
    late = {"id": "2", "type": "error", "status": "completed", "label": "Late", "name": "l"}
    times = {"started_at": "2026-05-04T13:02:12Z"}, {"started_at": "2026-05-04T13:02:40Z"}
    record = fetch(with_(status="error", steps=[late | times[1], early | times[0]]), Part.STEPS)
    assert record.error is not None
    assert (record.error.code, record.error.message, record.error.step_name) == (ErrorCode.UNKNOWN, "Late", "l")
    record = fetch(with_(status="error", steps=[late, early]), Part.STEPS)
    assert record.error is not None
    assert record.error.message == "Early"
    for document in (with_(status="error"), with_(status="error", steps=[])):
        record = fetch(document)
        assert record.error is not None
        assert (record.error.code, record.error.message, record.error.step_name) == (ErrorCode.UNKNOWN, None, None)
    assert fetch(with_(steps=[early]), Part.STEPS).error is None


@pytest.mark.parametrize("steps", [{}, {"steps": None}, {"steps": "?"}, {"steps": {}}])
def test_steps_missing_although_asked_for(steps: dict[str, object]) -> None:
    record = fetch({**RUN, **steps}, Part.STEPS)
    assert record.steps is None
    assert Part.STEPS not in record.parts
    assert [type(error) for error in record.part_errors.values()] == [BadResponse]


def test_steps_that_nobody_asked_for() -> None:
    """Some are kept; an empty list, as webhooks show it, does not mean that there are none."""
    assert Part.STEPS in fetch(with_(steps=[{"id": "1"}])).parts
    record = fetch(with_(steps=[]))
    assert (record.steps, record.part_errors) == (None, {})
    assert fetch(with_(steps=[]), Part.STEPS).steps == ()


@pytest.mark.parametrize("document", [without("id"), with_(id=None), with_(id=7), with_(id=""), {}, {"errors": []}])
def test_no_run(document: object) -> None:
    with pytest.raises(BadResponse, match="at id"):
        fetch(document)


def test_other_run_than_asked() -> None:
    record = fetch(RUN, native_id="other")
    assert record.native_id == ID
    assert codes(record) == [(WarningCode.INCONSISTENT, "id")]


def test_an_upper_case_uuid_is_the_same_run() -> None:
    transport = Recorder(RUN)
    record = run(opened(transport).fetch(ID.upper(), frozenset()))
    assert transport.targets == [f"GET /v1/runs/{ID.upper()}"]
    assert (record.native_id, record.warnings) == (ID, ())


def test_check() -> None:
    transport = Recorder({"data": [], "has_more": False})
    run(opened(transport).check())
    assert transport.targets == ["GET /v1/runs?page=1&per_page=1"]
    with pytest.raises(PermissionDenied, match="feature not enabled"):
        run(opened(Recorder({"errors": [{"message": "feature not enabled"}]}, 403)).check())


ERRORS: list[tuple[int, object, type[AdapterError], str | None]] = [
    (404, {"errors": [{"message": "agent run not found"}]}, NotFound, "kyb: agent run not found"),
    (422, {"errors": [{"message": "bad", "parameter": "include"}, {"message": "x"}]}, InvalidInput, "kyb: bad; x"),
    (429, {"errors": [{"message": "slow down"}]}, RateLimited, "kyb: slow down"),
    (502, b"<html>Bad Gateway</html>", Unavailable, None),
    (404, b"", NotFound, "kyb: there is no such run"),
    (404, {"errors": "gone"}, NotFound, "kyb: gone"),
    (404, {"message": "gone"}, NotFound, "kyb: gone"),
    (404, {"errors": [None, 7]}, NotFound, "kyb: there is no such run"),
]


@pytest.mark.parametrize(("status", "body", "kind", "message"), ERRORS)
def test_errors(status: int, body: object, kind: type[AdapterError], message: str | None) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    transport = Recorder(lambda _: httpx.Response(status, content=content, headers={"retry-after": "2"}))
    with pytest.raises(AdapterError) as caught:
        run(opened(transport).fetch(ID, frozenset()))
    assert type(caught.value) is kind
    assert message is None or str(caught.value) == message
    assert caught.value.retry_after_ms == 2000


@given(st.integers(300, 599), st.binary(max_size=100) | mutated({"errors": [{"message": "x"}]}).map(to_bytes))
def test_read_error_is_total(status: int, body: bytes) -> None:
    assert isinstance(MiddeskAdapter.read_error(ErrorReply(status, {}, body)), ErrorReading)


@given(mutated({**RUN, "interrupts": [QUESTION], "steps": [{"id": "1", "steps": [{"id": "2"}]}]}))
def test_runs_of_any_shape(document: object) -> None:
    with suppress(BadResponse):
        record = parse_run(Fields.of(document, provider="kyb"), provider="kyb", parts=frozenset(Part), asked=ID)
        assert faults(record, MiddeskAdapter, "kyb") == []

"""The Bridge Town adapter: runs, outputs, and the three ways in which a tool fails."""

import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.bridgetown import BridgeTownAdapter, BridgeTownRecord, BridgeTownSettings, parse_run
from adapters.contract import Capability, Filter, How, capabilities_of
from adapters.errors import (
    AdapterError,
    BadResponse,
    ErrorCode,
    ErrorReading,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    UnknownError,
    Unsupported,
    UpstreamFault,
)
from adapters.model import Debug, Part, RunError, RunKind, RunTarget, WarningCode
from adapters.registry import load
from adapters.status import RunStatus
from adapters.testing.mutations import mutated
from adapters.testing.validity import faults
from adapters.upstream import ErrorReply
from adapters.wire import Fields
from tests.support import run

from .mcp_server import CALL, HANDSHAKE, TOKEN, URL, Answer, Server, replying, rpc

SETTINGS = BridgeTownSettings.model_validate(
    {"adapter": "bridgetown", "base_url": URL, "token": TOKEN, "projects": ["ledger", "pricing"]}
)
ID = "3f6b0c1e-9a52-4d7f-8e41-6c0b2a9d5f13"
PROCESS = {"status": "success", "exit_code": 0, "stdout": "done\n", "stderr": "", "outputs": {"plan.json": {"q1": 12}}}
RUN: dict[str, Any] = {
    "run_id": ID,
    "run_number": 41,
    "project_name": "headcount-plan",
    "status": "success",
    "commit_sha": "9d2f4b7a",
    "started_at": "2026-06-03T07:30:00+00:00",
    "finished_at": "2026-06-03T07:30:02.318000+00:00",
    "error_message": None,
    "output": PROCESS,
    "truncated": False,
}


def answering(structured: object = None, text: str | None = None, *, is_error: bool | None = None) -> Answer:
    """A tool's result."""
    result: dict[str, object] = {"content": [] if text is None else [{"type": "text", "text": text}]}
    if structured is not None:
        result["structuredContent"] = structured
    if is_error is not None:
        result["isError"] = is_error
    return lambda _, message: rpc(message, result)


def opened(transport: httpx.AsyncBaseTransport, configured: BridgeTownSettings = SETTINGS) -> BridgeTownAdapter:
    return BridgeTownAdapter.open("town", configured, transport)


def fetch(answer: Answer, *parts: Part, native_id: str = ID) -> BridgeTownRecord:
    return run(opened(Server(tool=answer)).fetch(native_id, frozenset(parts)))


def read(*parts: Part, **changes: object) -> BridgeTownRecord:
    return fetch(answering({**RUN, **changes}), *parts)


def error(answer: Answer, native_id: str = ID) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        fetch(answer, native_id=native_id)
    assert caught.value.provider == "town"
    return caught.value


def codes(record: BridgeTownRecord) -> list[tuple[WarningCode, str | None]]:
    return [(warning.code, warning.path) for warning in record.warnings]


def test_class() -> None:
    assert capabilities_of(load("bridgetown")) == {Capability.GET, Capability.LIST}
    assert BridgeTownAdapter.parts == dict.fromkeys((Part.ERROR, Part.OUTPUT, Part.DEBUG, Part.RAW), How.INLINE)
    assert BridgeTownAdapter.filters == {Filter.STATUS}
    assert (BridgeTownAdapter.scope_name, BridgeTownAdapter.scope_required) == ("project", True)


def test_settings() -> None:
    assert opened(Server()).default_scopes() == ("ledger", "pricing")
    assert BridgeTownSettings.model_validate({"adapter": "bridgetown", "base_url": URL, "token": "x"}).projects == ()
    with pytest.raises(ValidationError):
        BridgeTownSettings.model_validate({"adapter": "bridgetown", "base_url": URL, "token": "x", "projects": [""]})


@pytest.mark.parametrize("parts", [(), (Part.OUTPUT, Part.DEBUG), (Part.USAGE, Part.STEPS, Part.FILES), tuple(Part)])
def test_one_call(parts: tuple[Part, ...]) -> None:
    server = Server(tool=answering(RUN))

    async def conversation() -> BridgeTownRecord:
        adapter = opened(server)
        record = await adapter.fetch(ID, frozenset(parts))
        await adapter.fetch(ID, frozenset(parts))
        await adapter.aclose()
        return record

    record = run(conversation())
    assert server.seen == [*HANDSHAKE, CALL, CALL, "DELETE"]
    assert json.loads(server.requests[2].content)["params"] == {"name": "get_run", "arguments": {"run_id": ID}}
    assert record.parts == {Part.ERROR, Part.OUTPUT, Part.DEBUG} | (frozenset(parts) & {Part.RAW})


def test_common_fields() -> None:
    record = read(Part.RAW)
    assert (record.provider, record.native_id, record.kind) == ("town", ID, RunKind.MODEL)
    assert record.target == RunTarget(
        id="headcount-plan", name="headcount-plan", kind=RunKind.MODEL, commit_sha="9d2f4b7a"
    )
    assert (record.run_number, record.project_name, record.commit_sha) == (41, "headcount-plan", "9d2f4b7a")
    assert record.duration_ms == 2318
    assert record.output == record.outputs == {"plan.json": {"q1": 12}}
    assert record.output_truncated is False
    assert record.debug == Debug(stdout="done\n", stderr="", exit_code=0)
    assert record.raw == {"run": RUN}
    assert (record.created_at, record.usage, record.initiator, record.error) == (None, None, None, None)
    assert record.warnings == ()


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("pending", RunStatus.QUEUED, None),
        ("running", RunStatus.RUNNING, None),
        ("success", RunStatus.SUCCEEDED, None),
        ("failed", RunStatus.FAILED, ErrorCode.UNKNOWN),
        ("timed_out", RunStatus.TIMED_OUT, ErrorCode.TIMEOUT),
        ("cancelled", RunStatus.CANCELLED, ErrorCode.CANCELLED),
        (" Timed-Out ", RunStatus.TIMED_OUT, ErrorCode.TIMEOUT),
        ("CANCELED", RunStatus.CANCELLED, ErrorCode.CANCELLED),
    ],
)
def test_status(word: str, status: RunStatus, code: ErrorCode | None) -> None:
    record = read(status=word)
    assert (record.status, record.raw_status, record.is_terminal) == (status, word, status.is_terminal)
    assert record.error == (code and RunError(code=code))
    record = read(status=word, error_message="it broke")
    if code is None:
        assert record.error is None
        assert codes(record) == [(WarningCode.INCONSISTENT, "error_message")]
    else:
        assert record.error == RunError(code=code, message="it broke")


@pytest.mark.parametrize(("value", "raw"), [("archived", "archived"), (None, None), (7, None)])
def test_unknown_status(value: object, raw: str | None) -> None:
    record = read(status=value, error_message="it broke")
    assert (record.status, record.raw_status, record.is_terminal) == (RunStatus.UNKNOWN, raw, None)
    assert record.error == RunError(code=ErrorCode.UNKNOWN, message="it broke")
    assert codes(record) == [(WarningCode.STATUS_UNKNOWN, "status")]


def test_nonzero_exit_next_to_success_is_no_failure() -> None:
    record = read(output={**PROCESS, "exit_code": 3, "stderr": "3 checks failed"})
    assert (record.status, record.error) == (RunStatus.SUCCEEDED, None)
    assert record.debug == Debug(stdout="done\n", stderr="3 checks failed", exit_code=3)


@pytest.mark.parametrize("output", [None, "42 rows\n", [1, {"a": 2}], 0, False, {}, {"rows": 3}])
def test_output_without_named_outputs(output: object) -> None:
    record = read(output=output)
    assert (record.output, record.outputs, record.debug) == (output, None, None)
    assert record.warnings == ()


def test_output_of_the_process_only() -> None:
    output = {"status": "success", "stdout": "row 1"}
    record = read(output=output, truncated=True)
    assert (record.output, record.outputs, record.debug) == (output, None, Debug(stdout="row 1"))


def test_truncated_text_is_not_parsed() -> None:
    cut = '{"status":"success","exit_code":0,"stdout":"row 1'
    record = read(output=cut, truncated=True)
    assert (record.output, record.output_truncated, record.debug) == (cut, True, None)
    assert codes(record) == [(WarningCode.OUTPUT_TRUNCATED, "output")]
    assert read(output='{"a": 1}', truncated=True).output == '{"a": 1}'


def test_values_of_wrong_types() -> None:
    record = read(run_number="41", truncated="no", project_name=None, error_message={}, finished_at=1779262202)
    assert (record.run_number, record.output_truncated, record.project_name) == (41, None, None)
    assert codes(record) == [
        (WarningCode.VALUE_UNREADABLE, "truncated"),
        (WarningCode.VALUE_UNREADABLE, "error_message"),
    ]
    record = fetch(answering({"run_id": ID}))
    assert (record.status, record.target, record.output) == (RunStatus.UNKNOWN, None, None)


@pytest.mark.parametrize("asked", ["3f6b", "3F6B", ID, ID.upper()])
def test_record_has_the_whole_id(asked: str) -> None:
    server = Server(tool=answering(RUN))
    record = run(opened(server).fetch(asked, frozenset()))
    assert json.loads(server.requests[2].content)["params"]["arguments"] == {"run_id": asked.lower()}
    assert record.native_id == ID
    assert record.warnings == ()


def test_other_run_than_asked() -> None:
    record = fetch(answering(RUN), native_id="40a7")
    assert record.native_id == ID
    assert codes(record) == [(WarningCode.INCONSISTENT, "run_id")]


@pytest.mark.parametrize("native_id", ["", "---", "xyz", "3f6b ", "3f_6b", "3f6b\n", "a" * 37, "\uff13", "..", "a/b"])
def test_what_can_not_be_an_id(native_id: str) -> None:
    server = Server()
    with pytest.raises(InvalidInput):
        opened(server).canonical_id(native_id)
    with pytest.raises(InvalidInput):
        run(opened(server).fetch(native_id, frozenset()))
    assert server.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        answering({"result": RUN}),
        answering(None, json.dumps(RUN)),
        answering(None, json.dumps({"result": RUN}, indent=2)),
        answering({**RUN, "error": None}),
        answering({**RUN, "error": "of a field to come"}),
        answering(RUN, "not the same text", is_error=False),
    ],
    ids=["wrapped", "text only", "wrapped text", "null error", "error beside a run", "other text"],
)
def test_where_the_run_may_be(answer: Answer) -> None:
    record = fetch(answer)
    assert (record.native_id, record.status) == (ID, RunStatus.SUCCEEDED)


ENVELOPE = {"error": "run_not_found", "message": "no run matches this id", "hint": "call list_runs"}
TOOL_ERRORS: list[tuple[Answer, type[AdapterError], str, str | None]] = [
    (answering(ENVELOPE), NotFound, "no run matches this id", "run_not_found"),
    (answering(ENVELOPE, is_error=True), NotFound, "no run matches this id", "run_not_found"),
    (answering({"result": ENVELOPE}), NotFound, "no run matches this id", "run_not_found"),
    (answering(None, json.dumps(ENVELOPE)), NotFound, "no run matches this id", "run_not_found"),
    (answering({**ENVELOPE, "run_id": None}), NotFound, "no run matches this id", "run_not_found"),
    (answering({"error": "Run does not exist"}), NotFound, "Run does not exist", None),
    (answering({"error": {"code": "no_run", "message": "gone"}}), NotFound, "gone", "no_run"),
    (answering(None, "Error executing tool get_run: run not found", is_error=True), NotFound, "run not found", None),
    (answering(None, "Run not found"), NotFound, "Run not found", None),
    (answering(None, "run_id is ambiguous: 2 runs match", is_error=True), InvalidInput, "ambiguous", None),
    (answering({"error": "ambiguous_run_id", "message": "2 match"}), InvalidInput, "2 match", "ambiguous_run_id"),
    (answering({"error": "x", "message": "Multiple runs found, no run chosen"}), InvalidInput, "Multiple", "x"),
    (answering(None, "Unknown tool: get_run", is_error=True), Unsupported, "Unknown tool", None),
    (answering(None, "Tool get_run not found", is_error=True), Unsupported, "Tool get_run", None),
    (answering({"error": "storage_down", "message": "later"}), UpstreamFault, "later", "storage_down"),
    (answering({"error": True, "message": "it broke"}), UnknownError, "it broke", None),
    (answering(None, "Error executing tool get_run", is_error=True), UnknownError, "does not explain", None),
    (answering(None, "no runtime available", is_error=True), UnknownError, "no runtime", None),
    (answering(None, None, is_error=True), UnknownError, "does not explain", None),
    (answering(RUN, is_error=True), UnknownError, "does not explain", None),
    (answering(None, "hello"), BadResponse, "hello", None),
    (answering(None, None), BadResponse, "got nothing at run_id", None),
    (answering({}), BadResponse, "run_id", None),
    (answering({"run_id": None}), BadResponse, "run_id", None),
    (answering({"run_id": 7}), BadResponse, "run_id", None),
    (answering({"result": {"status": "success"}}), BadResponse, "result.run_id", None),
    (answering(None, '{"run_id": "3f6b", "stat'), BadResponse, "run_id", None),
    (answering({"error": "x", "message": f"refused {TOKEN}"}), UpstreamFault, "refused ***", "x"),
]


@pytest.mark.parametrize(("answer", "kind", "message", "raw_code"), TOOL_ERRORS)
def test_tool_errors(answer: Answer, kind: type[AdapterError], message: str, raw_code: str | None) -> None:
    raised = error(answer)
    assert type(raised) is kind
    assert message in str(raised)
    assert TOKEN not in str(raised)
    assert "Error executing" not in str(raised)
    # Of an answer that can't be read, the status is all that there is to tell.
    assert (raised.raw_code, raised.upstream_status) == (raw_code, 200 if kind is BadResponse else None)


def test_protocol_and_http_errors() -> None:
    invalid = error(lambda _, message: rpc(message, error={"code": -32602, "message": "invalid params"}))
    assert (type(invalid), invalid.raw_code) == (InvalidInput, "-32602")
    limited = error(replying(429, {"error": "rate_limited", "message": "slow down"}, retry_after="30"))
    assert (type(limited), limited.retry_after_ms, limited.raw_code) == (RateLimited, 30_000, "rate_limited")
    assert type(error(replying(404, {}))) is BadResponse


def test_check() -> None:
    """A missing run is what a check hopes for; the server may not say that this is what went wrong."""
    for answer in (
        answering(ENVELOPE),
        answering(None, "Error executing tool get_run", is_error=True),
        answering({**RUN, "run_id": "00000000-0000-0000-0000-000000000000"}),
    ):
        server = Server(tool=answer)
        run(opened(server).check())
        assert server.seen == [*HANDSHAKE, CALL]
    refusals: list[tuple[Answer, type[AdapterError]]] = [
        (replying(401, {}), Unauthenticated),
        (answering(None, "Unknown tool: get_run", is_error=True), Unsupported),
        (answering({"error": "storage_down"}), UpstreamFault),
        (lambda _, message: rpc(message, error={"code": -32000}), UnknownError),
        (answering({}), BadResponse),
    ]
    for answer, kind in refusals:
        with pytest.raises(kind):
            run(opened(Server(tool=answer)).check())


@given(st.integers(300, 599), st.binary(max_size=200))
def test_read_error_is_total(status: int, body: bytes) -> None:
    assert isinstance(BridgeTownAdapter.read_error(ErrorReply(status, {}, body)), ErrorReading)


@given(mutated(RUN))
def test_runs_of_any_shape(document: object) -> None:
    with suppress(BadResponse):
        record = parse_run(Fields.of(document, provider="town"), provider="town", parts=frozenset(Part), asked=ID)
        assert faults(record, BridgeTownAdapter, "town") == []

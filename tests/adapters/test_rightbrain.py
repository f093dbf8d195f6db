"""Rightbrain: what is asked, with which credential, and what comes of the answers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters import errors
from adapters.contract import Capability, RunQuery, capabilities_of
from adapters.errors import AdapterError, ErrorCode
from adapters.model import Part, RunRecord, WarningCode
from adapters.registry import load
from adapters.rightbrain import RightbrainAdapter, RightbrainSettings
from adapters.rightbrain_parse import RightbrainRecord
from adapters.status import RunStatus
from adapters.testing.mutations import STABLE, json_values
from adapters.testing.validity import faults
from adapters.upstream import ErrorReply
from gateway.demo.rightbrain import RightbrainSimulator
from gateway.demo.server import LoopbackServers
from tests.support import run

from .rightbrain import (
    BASE,
    CLIENT,
    ID,
    NOTHING,
    PROJECT,
    ROW_PARTS,
    RUN,
    RUN_PATH,
    TASK,
    Api,
    document,
    oauth_settings,
    settings,
)

# Settings


def test_a_token_or_a_client_will_do() -> None:
    assert settings().token_url == "https://oauth.rightbrain.ai/oauth2/token"
    assert oauth_settings().client_id == "c"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "give either token, or client_id and client_secret"),
        ({"token": "t", **CLIENT}, "give either token, or client_id and client_secret"),
        ({"client_id": "c"}, "client_id and client_secret belong together"),
        ({"token": "t", "client_secret": "s"}, "client_id and client_secret belong together"),
        ({"token": "t", "org_id": ""}, "org_id"),
        ({"token": "t", "project_id": None}, "project_id"),
        ({**CLIENT, "token_url": "oauth.example"}, "token_url"),
    ],
)
def test_settings_that_will_not_do(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence) as caught:
        RightbrainSettings.model_validate({**BASE, **keys})
    assert "rb-client-secret" not in str(caught.value)


def test_the_registry_knows_it_and_its_abilities() -> None:
    assert load("rightbrain") is RightbrainAdapter
    assert capabilities_of(load("rightbrain")) == {Capability.GET, Capability.LIST, Capability.FILES}
    assert set(RightbrainAdapter.parts) == ROW_PARTS | {Part.RAW}


# One run


@pytest.mark.parametrize("parts", [NOTHING, frozenset(Part)])
def test_one_call_brings_everything(parts: frozenset[Part]) -> None:
    api = Api(httpx.Response(200, json=document()))
    record = api.fetch(parts=parts)
    assert api.calls == [f"GET {RUN_PATH}"]
    assert api.requests[0].headers["authorization"] == "Bearer rb-api-key"
    assert record.parts == ROW_PARTS | (parts & {Part.RAW})
    assert (record.raw is None) is (Part.RAW not in parts)
    assert record.id == f"rb:{ID}"
    assert record.warnings == ()


@pytest.mark.parametrize(
    "native_id",
    [
        *("", RUN, f"{TASK}/", f"/{RUN}", f"{ID}/x", f"{TASK}:{RUN}", f"{TASK}/../{RUN}", "task/run", ID[:-1]),
        *(f"{ID}\n", f" {ID}", ID.replace("0", "\u0660")),
    ],
)
def test_an_id_that_is_none_is_refused_with_the_form(native_id: str) -> None:
    api = Api(httpx.Response(200, json=document()))
    adapter = api.adapter()
    with pytest.raises(errors.InvalidInput, match="<task id>/<task run id>"):
        adapter.canonical_id(native_id)
    with pytest.raises(errors.InvalidInput):
        run(adapter.fetch(native_id, NOTHING))
    assert api.requests == []


def test_upper_case_ids_are_taken_as_they_are() -> None:
    api = Api(httpx.Response(200, json=document()))
    adapter = api.adapter()
    assert adapter.canonical_id(ID.upper()) == ID.upper()
    record = run(adapter.fetch(ID.upper(), NOTHING))
    assert api.calls == [f"GET {PROJECT}/task/{TASK.upper()}/run/{RUN.upper()}"]
    assert (record.native_id, record.warnings) == (ID, ())


def test_the_returned_id_wins() -> None:
    other = "019b4c13-ffff-7d31-9f04-5b1c8e2a7d67"
    record = Api(httpx.Response(200, json=document(id=other))).fetch()
    assert record.native_id == f"{TASK}/{other}"
    assert [warning.code for warning in record.warnings] == [WarningCode.INCONSISTENT]


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"<html>", b'{"id": 4}', b'{"detail": "gone"}'])
def test_a_body_that_is_no_run(content: bytes) -> None:
    with pytest.raises(errors.BadResponse):
        Api(httpx.Response(200, content=content)).fetch()


# Errors of a call


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, {"detail": "Malformed resource identifier"}, errors.InvalidInput, "Malformed resource identifier"),
        (401, None, errors.Unauthenticated, None),
        (403, {"reason": "MISSING_AUTHENTICATION", "message": "log in"}, errors.Unauthenticated, "log in"),
        (403, {"detail": {"reason": "MISSING_AUTHENTICATION"}}, errors.Unauthenticated, "MISSING_AUTHENTICATION"),
        (403, {"reason": "PERMISSION_CHECK_FAILED", "message": "no"}, errors.PermissionDenied, "no"),
        (403, {"reason": 5}, errors.PermissionDenied, None),
        (404, {"detail": "Task run not found"}, errors.NotFound, "Task run not found"),
        (
            422,
            {"detail": [{"loc": ["path", "task_run_id"], "msg": "value is not a valid uuid", "type": "uuid_parsing"}]},
            errors.InvalidInput,
            "path.task_run_id: value is not a valid uuid",
        ),
        (429, {}, errors.RateLimited, None),
        (500, ["x"], errors.UpstreamInternal, "x"),
    ],
)
def test_documented_errors(status: int, body: object, kind: type[AdapterError], message: str | None) -> None:
    api = Api(httpx.Response(status, json=body, headers={"retry-after": "30"}))
    with pytest.raises(AdapterError) as caught:
        api.fetch()
    assert type(caught.value) is kind
    assert str(caught.value) == f"rb: {message or kind.default_message}"
    assert (caught.value.upstream_status, caught.value.retry_after_ms) == (status, 30_000)
    assert len(api.requests) == 1


def test_the_reason_is_kept_as_raw_code() -> None:
    body = b'{"reason":"PERMISSION_CHECK_FAILED"}'
    reading = RightbrainAdapter.read_error(ErrorReply(403, {}, body))
    assert (reading.raw_code, reading.code) == ("PERMISSION_CHECK_FAILED", None)
    # The reason only says something next to a 403.
    assert RightbrainAdapter.read_error(ErrorReply(500, {}, b'{"reason":"MISSING_AUTHENTICATION"}')).code is None


@STABLE
@given(st.integers(100, 599), st.binary() | json_values.map(lambda value: json.dumps(value, default=str).encode()))
def test_reading_errors_is_total(status: int, body: bytes) -> None:
    assert RightbrainAdapter.read_error(ErrorReply(status, {}, body)).code in (None, ErrorCode.UNAUTHENTICATED)


# OAuth


def accepting(*tokens: str, refusal: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    """The run for one of these tokens, a refusal for any other."""
    accepted = {f"Bearer {token}" for token in tokens}
    return lambda request: (
        httpx.Response(200, json=document()) if request.headers["authorization"] in accepted else refusal
    )


REFUSALS = [httpx.Response(401), httpx.Response(403, json={"reason": "MISSING_AUTHENTICATION"})]


def test_oauth_mints_once_for_many_calls() -> None:
    async def scenario() -> None:
        adapter = api.adapter(oauth_settings())
        for _ in range(3):
            await adapter.fetch(ID, NOTHING)
        await adapter.aclose()

    api = Api(accepting("token-1", refusal=httpx.Response(401)))
    run(scenario())
    assert (api.minted, len(api.requests)) == (1, 3)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_token_is_replaced_once(refusal: httpx.Response) -> None:
    api = Api(accepting("token-2", refusal=refusal))
    assert api.fetch(oauth_settings()).native_id == ID
    assert [request.headers["authorization"] for request in api.requests] == ["Bearer token-1", "Bearer token-2"]
    assert api.minted == 2


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_second_refusal_is_final(refusal: httpx.Response) -> None:
    api = Api(refusal)
    with pytest.raises(errors.Unauthenticated):
        api.fetch(oauth_settings())
    assert (api.minted, len(api.requests)) == (2, 2)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_an_api_key_is_not_tried_twice(refusal: httpx.Response) -> None:
    api = Api(refusal)
    with pytest.raises(errors.Unauthenticated):
        api.fetch()
    assert (api.minted, len(api.requests)) == (0, 1)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_other_errors_renew_nothing(status: int) -> None:
    api = Api(httpx.Response(status, json={"reason": "PERMISSION_CHECK_FAILED"}))
    with pytest.raises(AdapterError):
        api.fetch(oauth_settings(retry_wait_ms=0))
    assert (api.minted, len(api.requests)) == (1, 3 if status == 429 else 1)


def test_access_tokens_are_kept_out_of_messages() -> None:
    api = Api(lambda request: httpx.Response(500, json={"message": request.headers["authorization"]}))
    with pytest.raises(errors.UpstreamInternal) as caught:
        api.fetch(oauth_settings())
    assert str(caught.value) == "rb: Bearer ***"


# Over real HTTP


@pytest.fixture(scope="module")
def simulator() -> RightbrainSimulator:
    return RightbrainSimulator()


@pytest.fixture(scope="module")
def served(simulator: RightbrainSimulator) -> Iterator[dict[str, Any]]:
    """The keys of the settings but for the credential."""
    with LoopbackServers({"rightbrain": simulator.app()}) as servers:
        root = servers.urls["rightbrain"]
        yield {
            "adapter": "rightbrain",
            "base_url": root + simulator.prefix,
            "org_id": simulator.org_id,
            "project_id": simulator.project_id,
            "token_url": f"{root}/oauth2/token",
            "timeout_ms": 60_000,
        }


OUTCOMES = {"success": RunStatus.SUCCEEDED, "error": RunStatus.FAILED, "pending": RunStatus.UNKNOWN}
UNREADABLE = {"credits-junk", "created-unparsable"}


@pytest.mark.parametrize("mode", [[], ["old-shape"]])
def test_every_run_of_the_simulator(simulator: RightbrainSimulator, served: dict[str, Any], mode: list[str]) -> None:
    async def scenario() -> dict[str, RightbrainRecord]:
        adapter = RightbrainAdapter.open(
            "rightbrain", RightbrainSettings.model_validate({**served, "token": simulator.token})
        )
        ids = simulator.native_ids()
        records = {native_id: await adapter.fetch(native_id, frozenset(Part)) for native_id in ids}
        await adapter.aclose()
        return records

    simulator.set_modes(mode)
    records = run(scenario())
    simulator.set_modes([])
    assert [fault for record in records.values() for fault in faults(record, RightbrainAdapter, "rightbrain")] == []
    for outcome, ids in simulator.by_status.items():
        assert {records[native_id].status for native_id in ids} == {OUTCOMES[outcome]}
    assert records[simulator.special["response-absent"]].status is RunStatus.RUNNING
    unreadable = {simulator.special[name] for name in UNREADABLE}
    for native_id, record in records.items():
        assert record.native_id == native_id
        codes = {warning.code for warning in record.warnings}
        assert (WarningCode.VALUE_UNREADABLE in codes) is (native_id in unreadable)
        fallback = record.debug and record.debug.fallback
        assert (WarningCode.FALLBACK_MODEL in codes) is bool(fallback and fallback.used)
        assert [file.name for file in record.files or ()] == list(simulator.file_names(native_id))


def test_the_simulator_s_lists(simulator: RightbrainSimulator, served: dict[str, Any]) -> None:
    async def scenario(scope: str | None) -> list[RunRecord]:
        adapter = RightbrainAdapter.open(
            "rightbrain", RightbrainSettings.model_validate({**served, "token": simulator.token})
        )
        found: list[RunRecord] = []
        cursor: str | None = None
        while cursor is not None or not found:
            listed = await adapter.list_runs(RunQuery(limit=90, cursor=cursor, scope=scope))
            found += listed.runs
            cursor = listed.next_cursor
            assert listed.skipped == 0
        await adapter.aclose()
        return found

    everything = [record.native_id for record in run(scenario(None))]
    stored = [native_id for native_id in simulator.native_ids() if native_id not in simulator.live_ids()]
    assert [native_id for native_id in everything if native_id in set(stored)] == stored
    task = simulator.task_ids[0]
    of_task = {record.native_id for record in run(scenario(task))}
    assert {native_id for native_id in stored if native_id.startswith(task)} <= of_task
    assert all(native_id.startswith(task) for native_id in of_task)


def test_oauth_against_the_simulator(simulator: RightbrainSimulator, served: dict[str, Any]) -> None:
    async def scenario() -> None:
        adapter = RightbrainAdapter.open("rightbrain", RightbrainSettings.model_validate(keys))
        native_id = simulator.special["success"]
        before = simulator.mint_count
        await adapter.fetch(native_id, NOTHING)
        await adapter.check()
        assert simulator.mint_count == before + 1
        simulator.revoke_tokens()
        await adapter.fetch(native_id, NOTHING)
        assert simulator.mint_count == before + 2
        await adapter.aclose()

    keys = {**served, "client_id": simulator.client_id, "client_secret": simulator.client_secret}
    run(scenario())
    keys["client_secret"] = "wrong"
    with pytest.raises(errors.Unauthenticated, match="client authentication failed"):
        run(scenario())

"""Which calls the Eigenpal adapter makes for one run, and what becomes of their failures."""

import asyncio
from typing import Any

import httpx
import pytest

from adapters.contract import How
from adapters.eigenpal import EigenpalAdapter
from adapters.errors import AdapterError, BadResponse, InvalidInput, NotFound, RateLimited, Unavailable
from adapters.model import Part, WarningCode

from .eigenpal import AGENT, RUNNING, STEPS, TOKEN, WORKFLOW, Provider, but

RUN = "/runs/exec_1"
EVENTS = {"events": [{"type": "run.created", "timestamp": "2026-04-11T08:00:00Z", "metadata": {"a": 1}}]}
TRACE = {"events": [{"phase": "execute", "stepName": "fetch"}]}
SCORES = {"scores": [{"id": "score_1", "score": 1}]}
ARTIFACTS = {"artifacts": [{"name": "order.pdf", "role": "input", "path": "input/order.pdf"}]}
EXPANDED = but(WORKFLOW, execution__steps=STEPS)


class TestOneCall:
    @pytest.mark.parametrize(
        ("parts", "query"),
        [
            ([], ""),
            ([Part.OUTPUT, Part.RAW, Part.FILES], ""),
            ([Part.USAGE], "?expand=usage"),
            ([Part.DEBUG, Part.USAGE], "?expand=usage,debug"),
            ([Part.STEPS], "?expand=execution"),
            ([Part.DETAILS, Part.STEPS], "?expand=execution"),
            ([Part.DEBUG, Part.DETAILS, Part.INPUT, Part.USAGE], "?expand=input,usage,execution,debug"),
        ],
    )
    def test_every_expansion_in_it(self, parts: list[Part], query: str) -> None:
        provider = Provider({RUN: EXPANDED})
        record = provider.fetch("exec_1", *parts)
        assert provider.calls == [f"GET {RUN}{query}"]
        assert frozenset(parts) <= record.parts
        assert not record.part_errors

    def test_an_agents_steps(self) -> None:
        provider = Provider({RUN: AGENT})
        assert provider.fetch("exec_1", Part.STEPS).steps == ()
        assert len(provider.calls) == 1

    def test_a_terminal_run_without_files(self) -> None:
        provider = Provider({RUN: but(WORKFLOW, files=None, execution__status="failed")})
        assert provider.fetch("exec_1", Part.FILES).files == ()
        assert len(provider.calls) == 1

    def test_the_credential_and_what_is_accepted(self) -> None:
        provider = Provider({RUN: WORKFLOW})
        provider.fetch()
        assert provider.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert provider.requests[0].headers["accept"] == "application/json"

    def test_id_in_the_path(self) -> None:
        native_id = "a b/%2e?x=1#é"
        provider = Provider({f"/runs/{native_id}": but(WORKFLOW, id=native_id)})
        assert provider.fetch(native_id).native_id == native_id
        assert provider.requests[0].url.raw_path == b"/api/v1/runs/a%20b%2F%252e%3Fx%3D1%23%C3%A9"

    @pytest.mark.parametrize("native_id", ["", "..", "a\nb", "x" * 513])
    def test_what_can_be_no_id(self, native_id: str) -> None:
        provider = Provider({})
        with pytest.raises(InvalidInput):
            provider.fetch(native_id, Part.EVENTS)
        assert not provider.calls

    def test_another_id_than_asked_wins_with_a_warning(self) -> None:
        record = Provider({"/runs/exec": WORKFLOW}).fetch("exec")
        assert record.native_id == "exec_1"
        assert [(w.code, w.path) for w in record.warnings] == [(WarningCode.INCONSISTENT, "id")]


class TestMoreCalls:
    def test_files_of_a_run_that_has_not_ended(self) -> None:
        provider = Provider({RUN: RUNNING, f"{RUN}/artifacts": ARTIFACTS})
        record = provider.fetch("exec_1", Part.FILES, Part.USAGE)
        assert provider.calls == [f"GET {RUN}?expand=usage", f"GET {RUN}/artifacts"]
        assert record.files is not None
        assert [file.path for file in record.files] == ["input/order.pdf"]

    @pytest.mark.parametrize(
        "document", [but(RUNNING, execution={"status": "archived"}, finished=None), {"id": "exec_1"}]
    )
    def test_files_of_a_run_of_which_nobody_knows(self, document: dict[str, Any]) -> None:
        provider = Provider({RUN: document, f"{RUN}/artifacts": ARTIFACTS})
        provider.fetch("exec_1", Part.FILES)
        assert len(provider.calls) == 2

    def test_steps_that_the_expansion_does_not_bring(self) -> None:
        steps = {"steps": STEPS[::-1]}
        provider = Provider({RUN: but(WORKFLOW, execution__status="failed"), f"{RUN}/steps": steps})
        record = provider.fetch("exec_1", Part.STEPS)
        assert provider.calls == [f"GET {RUN}?expand=execution", f"GET {RUN}/steps"]
        assert record.steps is not None
        assert [step.id for step in record.steps] == ["s1", "s2"]

    def test_endpoints_of_their_own(self) -> None:
        answers = {RUN: WORKFLOW, f"{RUN}/events": EVENTS, f"{RUN}/trace": TRACE, f"{RUN}/scores": SCORES}
        provider = Provider(answers)
        record = provider.fetch("exec_1", Part.EVENTS, Part.TRACE, Part.EVALUATIONS, Part.RAW)
        assert sorted(provider.calls) == [f"GET {path}" for path in sorted(answers)]
        assert record.events is not None
        assert (record.events[0].type, record.events[0].attributes) == ("run.created", {"metadata": {"a": 1}})
        assert (record.trace, record.evaluations) == (TRACE["events"], SCORES["scores"])
        assert record.raw is not None
        assert sorted(record.raw) == ["events", "run", "scores", "trace"]

    def test_side_by_side(self) -> None:
        """Each of the endpoints answers only once all of them and the run were asked for."""
        asked: set[str] = set()
        everybody = asyncio.Event()
        answers = {RUN: WORKFLOW, f"{RUN}/events": EVENTS, f"{RUN}/trace": TRACE, f"{RUN}/scores": SCORES}

        async def answer(request: httpx.Request) -> httpx.Response:
            path = request.url.path.removeprefix("/api/v1")
            asked.add(path)
            if asked == answers.keys():
                everybody.set()
            await everybody.wait()
            return httpx.Response(200, json=answers[path])

        provider = Provider({})
        adapter = EigenpalAdapter.open("eigenpal", provider.adapter.settings, httpx.MockTransport(answer))

        async def both() -> frozenset[Part]:
            async with asyncio.timeout(60):
                return (await adapter.fetch("exec_1", frozenset({Part.EVENTS, Part.TRACE, Part.EVALUATIONS}))).parts

        assert provider.run(both()) >= {Part.EVENTS, Part.TRACE, Part.EVALUATIONS}

    def test_raw_is_only_there_when_wanted(self) -> None:
        answers = {RUN: {"run": RUNNING}, f"{RUN}/artifacts": ARTIFACTS}
        record = Provider(answers).fetch("exec_1", Part.FILES, Part.RAW)
        assert record.raw == {"run": {"run": RUNNING}, "artifacts": ARTIFACTS}
        without = Provider(answers).fetch("exec_1", Part.FILES)
        assert (without.raw, Part.RAW in without.parts) == (None, False)

    def test_the_costs_that_are_declared(self) -> None:
        assert set(EigenpalAdapter.parts) == set(Part)
        called = {part for part, how in EigenpalAdapter.parts.items() if how is How.CALL}
        assert called == {Part.EVENTS, Part.TRACE, Part.EVALUATIONS}


class TestFailures:
    def test_no_such_run(self) -> None:
        with pytest.raises(NotFound):
            Provider({}).fetch("exec_1", *Part)

    def test_a_failing_run_neither_waits_for_its_parts_nor_leaves_them_running(self) -> None:
        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/events"):
                await asyncio.Event().wait()
            return httpx.Response(404, json={})

        provider = Provider({})
        adapter = EigenpalAdapter.open("eigenpal", provider.adapter.settings, httpx.MockTransport(answer))

        async def fetch() -> None:
            before = asyncio.all_tasks()
            with pytest.raises(NotFound):
                async with asyncio.timeout(60):
                    await adapter.fetch("exec_1", frozenset({Part.EVENTS}))
            assert asyncio.all_tasks() == before

        provider.run(fetch())

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (404, NotFound),
            (429, RateLimited),
            (503, Unavailable),
            ({"rows": []}, BadResponse),
            ({"events": {}}, BadResponse),
            ([], BadResponse),
            (httpx.Response(200, text="<html></html>"), BadResponse),
        ],
    )
    def test_a_part_that_fails_fails_alone(self, answer: Any, kind: type[AdapterError]) -> None:
        provider = Provider({RUN: RUNNING, f"{RUN}/events": answer, f"{RUN}/artifacts": ARTIFACTS})
        record = provider.fetch("exec_1", Part.EVENTS, Part.FILES, Part.RAW)
        assert {part: type(error) for part, error in record.part_errors.items()} == {Part.EVENTS: kind}
        assert record.events is None
        assert record.files
        assert Part.EVENTS not in record.parts

    def test_steps_that_fail(self) -> None:
        record = Provider({RUN: WORKFLOW, f"{RUN}/steps": 503}).fetch("exec_1", Part.STEPS, Part.DETAILS)
        assert list(record.part_errors) == [Part.STEPS]
        assert record.details == WORKFLOW["execution"]

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, text="<html></html>", headers={"content-type": "text/html"}),
            httpx.Response(204),
            httpx.Response(200, content=b'{"id": "exec_1", '),
            httpx.Response(302, headers={"location": "https://other.example/"}),
            [WORKFLOW],
            {"runs": []},
        ],
        ids=["html", "no content", "truncated", "redirect", "array", "another document"],
    )
    def test_what_is_no_run(self, answer: object) -> None:
        provider = Provider({RUN: answer})
        with pytest.raises(BadResponse):
            provider.fetch()
        assert len(provider.calls) == 1

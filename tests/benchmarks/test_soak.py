"""The soak runs, is clean, and sees what is wrong. No time is asserted."""

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from benchmarks.soak.checks import differences, is_part, unexplained, unmarked
from benchmarks.soak.desk import Desk, Reply
from benchmarks.soak.gateways import Redis, Sample
from benchmarks.soak.report import growth, is_clean, show
from benchmarks.soak.soak import Tally, soak
from benchmarks.soak.weather import GRACE, KINDS, Spell, Weather
from gateway.demo.world import DemoWorld
from tests.support import patiently


def test_a_short_soak_is_clean_but_for_what_was_tampered_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many runs at a time some are said to have failed that have not; nothing else is wrong."""
    post = Desk.post

    async def tampered(*arguments: Any) -> Reply:
        reply = await post(*arguments)
        if "nodes(" in reply.request:
            reply.body = reply.body.replace(b'"provider":{"name":"middesk"}', b'"provider":{"name":"other"}')
            reply.body = reply.body.replace(b'"SUCCEEDED"', b'"FAILED"').replace(b'"AGENT"', b'"TASK"')
        return reply

    monkeypatch.setattr(Desk, "post", tampered)
    monkeypatch.setattr(Redis, "is_installed", lambda: False)

    def check(length_ms: int) -> None:
        tally = asyncio.run(soak(length_ms / 1000, seed=7, rate=25, runs=4, settle=0.5))
        output = io.StringIO()
        show(tally, 7, Console(file=output, width=400))
        kinds = {kind for kind, _ in tally.outcomes}
        assert {"one run", "many runs"} < kinds
        assert {wrong.kind for wrong in tally.wrong} - {"impatient"} == {"many runs"}, output.getvalue()
        assert all("the truth is" in what for wrong in tally.wrong for what in wrong.what), output.getvalue()
        assert tally.troubles == []
        assert not is_clean(tally)
        assert "rgk_" not in output.getvalue()
        tally.wrong_count = 0
        assert is_clean(tally)

    # As long as it takes until enough was asked.
    patiently(check, 2000)


@pytest.mark.parametrize(
    ("answer", "truths", "errors", "count"),
    [
        ({"a": 1}, [{"a": 1, "b": 2}], (), 0),
        ({"a": 1}, [{"a": 2}], (), 1),
        ({"a": 1, "b": 2}, [{"a": 1, "b": 1}, {"a": 2, "b": 2}], (), 0),
        ({"a": None}, [{"a": 1}], (), 1),
        ({"a": None}, [{"a": 1}], ("run.a",), 0),
        ({"a": [{"b": None}]}, [{"a": [{"b": 1}]}], ("run.a.0.b",), 0),
        ({"a": [1]}, [{"a": [1, 2]}], (), 1),
    ],
)
def test_differences(answer: Any, truths: Sequence[Any], errors: Sequence[str], count: int) -> None:
    assert len(differences(answer, truths, ("run",), errors)) == count


def test_a_quoted_document_is_part_of_the_providers() -> None:
    whole = {"a": [{"b": 1, "c": 2}], "d": None}
    assert is_part({"a": [{"b": 1}]}, whole)
    assert not is_part({"a": [{"b": 2}]}, whole)
    assert not is_part({"a": []}, whole)
    assert not is_part({"e": 1}, whole)


def test_errors_and_stale_runs_need_a_fault() -> None:
    with DemoWorld() as world:
        weather = Weather(world)
    kind = next(kind for kind in KINDS if kind.name == "403")
    weather.spells["middesk"].append(Spell(kind, 100.0, 120.0))
    told = [("middesk", "PERMISSION_DENIED")]
    assert unexplained(told, weather, 110, 111) == []
    assert unexplained(told, weather, 120 + GRACE + 1, 130 + GRACE)
    assert unexplained([("eigenpal", "PERMISSION_DENIED")], weather, 110, 111)
    assert unexplained([("middesk", "INTERNAL")], weather, 110, 111)
    assert unexplained([(None, "INTERNAL")], weather, 110, 111)
    # Nobody could have looked at it for long.
    assert unmarked({}, ["middesk:1"], weather, 115, 116)
    assert unmarked({}, ["eigenpal:1"], weather, 115, 116) == []
    stale = {"extensions": {"stale": [{"id": "middesk:1", "code": "TIMEOUT"}]}}
    assert unmarked(stale, ["middesk:1"], weather, 115, 116) == []
    assert unmarked(stale, ["middesk:1"], weather, 160, 161)


def test_growth_is_seen() -> None:
    tally = Tally(seconds=600)
    tally.samples["flat"] = [Sample(at, 120, 60) for at in range(90)]
    assert growth(tally) == []
    tally.samples["leaks"] = [Sample(at, 100 + at, 60 + at) for at in range(90)]
    assert len(growth(tally)) == 2
    assert not is_clean(tally)

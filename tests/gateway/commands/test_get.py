"""`rungraph get`."""

from typing import Any, cast

import pytest

from gateway.demo.faults import Fault
from gateway.demo.ordinary import ordinary_id, ordinary_ids
from gateway.demo.world import DemoWorld

from .asking import rungraph, scripted


@pytest.mark.usefixtures("url")
def test_a_run_is_laid_out_to_be_read(world: DemoWorld) -> None:
    run_id = ordinary_id(world.eigenpal, "completed")
    ended = rungraph("get", run_id)
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[0] == f"SUCCEEDED  {run_id}"
    facts = {line[:14].strip(): line[14:] for line in ended.lines[1:]}
    assert facts["provider"] == "Eigenpal (eigenpal)"
    assert facts["created"].endswith(" UTC")
    assert "tokens (input " in facts["usage"]
    assert facts["target"]
    assert all(line == line.rstrip() for line in ended.lines)
    assert [call.query for call in world.eigenpal.calls] == [(("expand", "usage"),)]


@pytest.mark.usefixtures("url")
def test_runs_of_every_provider_can_be_shown(world: DemoWorld) -> None:
    ids = ordinary_ids(world)
    for run_id in (*ids.succeeded, *ids.waiting):
        ended = rungraph("get", run_id, "--part", "all")
        assert ended.code == 0, (run_id, ended.err)
        assert run_id in ended.lines[0]


@pytest.mark.usefixtures("url")
def test_what_went_wrong_inside_a_run_is_said(world: DemoWorld) -> None:
    ended = rungraph("get", ordinary_id(world.bridgetown, "timed_out"))
    assert ended.code == 0
    assert any(line.startswith("  error       TIMEOUT: execution exceeded") for line in ended.lines)
    assert any(line.split() == ["usage", "none", "is", "reported"] for line in ended.lines)


@pytest.mark.usefixtures("url")
def test_parts_are_shown_in_sections(world: DemoWorld) -> None:
    ended = rungraph("get", ordinary_id(world.eigenpal, "completed"), "--part", "files,STEPS", "--part", "output")
    sections = [line for line in ended.lines if line in ("steps", "files", "output", "debug")]
    assert sections == ["steps", "files", "output"]


@pytest.mark.usefixtures("url")
def test_what_went_wrong_in_a_step_is_below_it_whole(world: DemoWorld) -> None:
    run_id, failed = next(
        (f"eigenpal:{native_id}", step)
        for native_id in world.eigenpal.by_status["failed"]
        for step in rungraph("get", f"eigenpal:{native_id}", "--part", "steps", "--json").document["run"]["steps"]
        if step["error"]
    )
    lines = rungraph("get", run_id, "--part", "steps").lines
    row = next(place for place, line in enumerate(lines) if line.split()[:1] == [failed["name"]])
    assert lines[row + 1].startswith(f"      {failed['error']['code']}: {failed['error']['message']}")


@pytest.mark.usefixtures("url")
def test_json_is_the_data(world: DemoWorld) -> None:
    run_id = ordinary_id(world.eigenpal, "completed")
    run = rungraph("get", run_id, "--json").document["run"]
    assert (run["id"], run["status"]) == (run_id, "SUCCEEDED")
    assert run["usage"]["totalTokens"] > 0
    assert "steps" not in run


@pytest.mark.usefixtures("url")
def test_no_such_run() -> None:
    ended = rungraph("get", "eigenpal:exec_nothing")
    assert (ended.code, ended.out, ended.err) == (1, "", "rungraph: there is no run eigenpal:exec_nothing\n")


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("run_id", ["nothing", "unknown:1"])
def test_what_can_be_no_run(run_id: str) -> None:
    ended = rungraph("get", run_id)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("(INVALID_INPUT)\n")


@pytest.mark.usefixtures("url")
def test_could_not_look(world: DemoWorld) -> None:
    run_id = ordinary_id(world.middesk, "completed")
    world.middesk.faults.add(Fault(status=503))
    ended = rungraph("get", run_id)
    assert (ended.code, ended.out) == (3, "")
    assert "UNAVAILABLE" in ended.err


@pytest.mark.usefixtures("url")
def test_a_part_that_could_not_be_fetched_costs_only_itself(world: DemoWorld) -> None:
    run_id = ordinary_id(world.eigenpal, "completed")
    world.eigenpal.faults.add(Fault(match="/events", status=503))
    ended = rungraph("get", run_id, "--part", "events,output")
    assert ended.code == 3
    assert ended.lines[ended.lines.index("events") + 1] == "  could not be fetched"
    assert "output" in ended.lines
    assert ended.err.startswith("rungraph: run.debug.events: eigenpal: ")
    errors = rungraph("get", run_id, "--part", "events", "--json").document["errors"]
    assert [error["extensions"]["code"] for error in errors] == ["UNAVAILABLE"]


def test_unknown_parts_are_refused(url: str) -> None:
    ended = rungraph("get", "eigenpal:1", "--url", url, "--part", "soul")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith('rungraph: --part: there is no "soul"; there are usage, ')


@pytest.mark.usefixtures("config")
def test_a_configuration_is_as_good_as_a_gateway(world: DemoWorld) -> None:
    run_id = ordinary_id(world.middesk, "completed")
    assert rungraph("get", run_id).lines[0] == f"SUCCEEDED  {run_id}"


FORMAL = frozenset({"status", "kind", "code", "createdAt", "startedAt", "endedAt", "at", "amount", "statusSource"})
"""Fields whose values are the gateway's, not a provider's."""
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e[red]\x9b\nrungraph: all is well"


def poisoned(value: Any) -> Any:
    """A document whose texts try what a provider's could."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {key: each if key in FORMAL else poisoned(each) for key, each in members.items()}
    if isinstance(value, list):
        return [poisoned(each) for each in cast("list[Any]", value)]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.usefixtures("url")
def test_text_of_providers_can_not_steer_the_terminal(world: DemoWorld) -> None:
    run = rungraph("get", ordinary_id(world.eigenpal, "failed"), "--part", "all", "--json").document["run"]
    errors = [{"message": HOSTILE, "path": ["run", HOSTILE], "extensions": {"code": "INTERNAL"}}]
    with scripted({"data": {"run": poisoned(run)}, "errors": errors}) as gateway:
        for flags in ([], ["--json"]):
            ended = rungraph("get", "a:b", "--url", gateway.url, "--part", "all", *flags)
            assert ended.code == 3
            printed = ended.out + ended.err
            assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(printed)
            assert "owned" in printed
            assert len(ended.err.splitlines()) == 1

"""The step tree of Middesk runs: nesting, parent ids, repeats, circles and limits."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.middesk_steps import MAX_DEPTH, MAX_STEPS, last_failure, read_steps
from adapters.model import Step, WarningCode
from adapters.status import StepStatus
from adapters.wire import Fields
from tests.support import tries


def read(*steps: object) -> tuple[tuple[Step, ...], list[tuple[WarningCode, str | None]]]:
    """The steps of a run that lists these, and the warnings, without those about status words."""
    run = Fields.of({"steps": list(steps)}, provider="kyb")
    found = read_steps(run)
    warnings = [(warning.code, warning.path) for warning in run.warnings]
    return found, [warning for warning in warnings if warning[0] is not WarningCode.STATUS_UNKNOWN]


def step(step_id: str, *nested: object, parent: str | None = None, **more: object) -> dict[str, Any]:
    return {"id": step_id, "parent_step_id": parent, "status": "completed", "steps": list(nested), **more}


def outline(steps: tuple[Step, ...]) -> list[tuple[str, str | None, int]]:
    return [(step.id, step.parent_id, step.depth) for step in steps]


FAMILY = [("a", None, 0), ("b", "a", 1), ("c", "b", 2), ("d", None, 0)]


@pytest.mark.parametrize(
    "steps",
    [
        [step("a", step("b", step("c"))), step("d")],
        [step("a"), step("b", parent="a"), step("c", parent="b"), step("d")],
        [step("c", parent="b"), step("b", parent="a"), step("a"), step("d")],
        [step("a", step("b", step("c", parent="b"), parent="a")), step("b", parent="a"), step("c"), step("d")],
        [step("c"), step("b"), step("a", step("b", step("c"))), step("d")],
        [step("a", step("a", step("b", step("c")))), step("d")],
        [step("a", step("b", step("b", step("c"), parent="b"), parent="a")), step("d"), step("a")],
    ],
    ids=["nested", "by parent id", "children first", "both ways", "flat first", "inside itself", "itself below"],
)
def test_one_tree_told_in_many_ways(steps: list[object]) -> None:
    assert outline(read(*steps)[0]) == FAMILY


def test_fields() -> None:
    times = {"started_at": "2026-05-04T13:02:12Z", "completed_at": "2026-05-04T13:02:30.5Z"}
    named = {"type": "activity", "name": "check_tin", "label": "Checking", "agent": "tin_agent"}
    (found, older), warnings = read(step("a", **times, **named), {"id": "b", "graph": "tin", "status": "pending"})
    assert found == Step(
        id="a",
        name="check_tin",
        label="Checking",
        kind="activity",
        agent="tin_agent",
        status=StepStatus.SUCCEEDED,
        raw_status="completed",
        started_at=datetime(2026, 5, 4, 13, 2, 12, tzinfo=UTC),
        ended_at=datetime(2026, 5, 4, 13, 2, 30, 500_000, tzinfo=UTC),
        duration_ms=18_500,
    )
    assert older == Step(id="b", agent="tin", status=StepStatus.RUNNING, raw_status="pending")
    assert warnings == []


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("running", StepStatus.RUNNING),
        ("completed", StepStatus.SUCCEEDED),
        ("error", StepStatus.FAILED),
        ("failed", StepStatus.FAILED),
        ("interrupted", StepStatus.WAITING),
        ("Completed", StepStatus.SUCCEEDED),
        ("paused", StepStatus.UNKNOWN),
    ],
)
def test_status(word: str, status: StepStatus) -> None:
    ((found,), _) = read(step("a", status=word))
    assert (found.status, found.raw_status) == (status, word)


def test_unknown_status_warns() -> None:
    run = Fields.of({"steps": [step("a", status="paused"), step("b", status=None)]}, provider="kyb")
    read_steps(run)
    assert [(warning.code, warning.path) for warning in run.warnings] == [
        (WarningCode.STATUS_UNKNOWN, "steps[0].status"),
        (WarningCode.STATUS_UNKNOWN, "steps[1].status"),
    ]


def test_child_listed_under_two_parents() -> None:
    steps, warnings = read(step("a", step("c")), step("b", step("c")))
    assert outline(steps) == [("a", None, 0), ("c", "a", 1), ("b", None, 0)]
    assert warnings == [(WarningCode.INCONSISTENT, "steps[1].steps[0]")]


def test_parent_id_counts_more_than_nesting() -> None:
    steps, _ = read(step("a", step("c", parent="b")), step("b"))
    assert outline(steps) == [("a", None, 0), ("b", None, 0), ("c", "b", 1)]


@pytest.mark.parametrize("parent", ["nobody", "a"])
def test_parent_that_can_not_be(parent: str) -> None:
    steps, warnings = read(step("a", parent=parent))
    assert outline(steps) == [("a", None, 0)]
    assert warnings == [(WarningCode.INCONSISTENT, "steps[0].parent_step_id")]


def test_circles_are_cut() -> None:
    circle = [step("a", parent="c"), step("b", parent="a"), step("c", parent="b"), step("d", parent="b")]
    steps, warnings = read(*circle, step("e"))
    assert outline(steps) == [("e", None, 0), ("a", None, 0), ("b", "a", 1), ("c", "b", 2), ("d", "b", 2)]
    assert warnings == [(WarningCode.INCONSISTENT, "steps[0]")]


def test_step_without_id_leaves_its_children() -> None:
    steps, warnings = read(step("a", {"status": "completed", "steps": [step("b")]}), {"id": None}, "x", None)
    assert outline(steps) == [("a", None, 0), ("b", "a", 1)]
    assert [code for code, _ in warnings] == [WarningCode.VALUE_UNREADABLE] * 4


@pytest.mark.parametrize("by_id", [False, True])
def test_depth_is_bounded(by_id: bool) -> None:
    steps: list[object] = [step("s0")]
    for level in range(1, MAX_DEPTH + 10):
        if by_id:
            steps.append(step(f"s{level}", parent=f"s{level - 1}"))
        else:
            steps = [step(f"t{level}", *steps)]
    found, warnings = read(*steps)
    assert [step.depth for step in found] == list(range(MAX_DEPTH))
    assert [code for code, _ in warnings] == [WarningCode.LIMIT_REACHED]


def test_count_is_bounded() -> None:
    found, warnings = read(*(step(str(number)) for number in range(MAX_STEPS)))
    assert (len(found), warnings) == (MAX_STEPS, [])
    found, warnings = read(*(step(str(number)) for number in range(MAX_STEPS + 1)))
    assert len(found) == MAX_STEPS
    assert warnings == [(WarningCode.LIMIT_REACHED, "steps")]


def test_last_failure() -> None:
    def failed(step_id: str, second: int | None) -> Step:
        started_at = None if second is None else datetime(2026, 5, 4, 13, 0, second, tzinfo=UTC)
        return Step(id=step_id, started_at=started_at, status=StepStatus.FAILED)

    fine = Step(id="fine", kind="activity", status=StepStatus.SUCCEEDED)
    assert last_failure(()) is None
    assert last_failure((fine,)) is None
    for steps, last in (
        ((failed("a", 9), failed("b", 1), fine), "a"),
        ((failed("a", 1), failed("b", 1)), "b"),
        ((failed("a", 1), failed("b", None)), "a"),
        ((failed("a", None), failed("b", None)), "b"),
        ((failed("a", 1), replace(failed("b", 2), kind="error", status=StepStatus.SUCCEEDED)), "b"),
    ):
        found = last_failure(steps)
        assert found is not None
        assert found.id == last


IDS = st.sampled_from("abcdef")
STEPS = st.recursive(
    st.fixed_dictionaries({"id": IDS, "parent_step_id": st.none() | IDS}),
    lambda inner: st.fixed_dictionaries(
        {"id": IDS, "parent_step_id": st.none() | IDS, "steps": st.lists(inner, max_size=3)}
    ),
    max_leaves=10,
)


@given(st.lists(STEPS, max_size=6))
@tries(150)
def test_any_graph_becomes_a_tree(listed: list[object]) -> None:
    """Each step once, below its parent and one level deeper."""
    steps, _ = read(*listed)
    line: list[Step] = []
    for found in steps:
        del line[found.depth :]
        assert len(line) == found.depth
        assert found.parent_id == (line[-1].id if line else None)
        line.append(found)
    assert sorted(found.id for found in steps) == sorted(set(_ids(listed)))


def _ids(listed: list[Any]) -> list[str]:
    return [step_id for entry in listed for step_id in (entry["id"], *_ids(entry.get("steps", [])))]

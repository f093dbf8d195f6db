"""The step tree of a Middesk run, from the two ways that it is told: nesting, and `parent_step_id`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .model import Step, WarningCode
from .status import StatusTable, StepStatus
from .wire import Fields, milliseconds_between

MAX_DEPTH = 50
"""Levels of steps that are kept."""
MAX_STEPS = 1000
_NEVER = datetime.min.replace(tzinfo=UTC)

STEP_STATUSES = StatusTable(
    "middesk steps",
    {
        "running": StepStatus.RUNNING,
        "completed": StepStatus.SUCCEEDED,
        "error": StepStatus.FAILED,
        # Words of the older documentation, as for runs.
        "pending": StepStatus.RUNNING,
        "failed": StepStatus.FAILED,
        "interrupted": StepStatus.WAITING,
    },
    StepStatus.UNKNOWN,
)


def read_steps(run: Fields) -> tuple[Step, ...]:
    """The steps of a run document, in pre-order, siblings as the document has them.

    A step stands once however often it is listed: below the step its `parent_step_id` names, else where it was nested
    first. A cycle is cut at its first step, which then stands at the top. What is deeper than `MAX_DEPTH` levels or
    beyond `MAX_STEPS` is left out. Each of these adds a warning.
    """
    nodes = _collect(run)
    children: dict[str | None, list[str]] = {}
    for node in nodes.values():
        children.setdefault(_parent(node, nodes), []).append(node.id)
    steps: list[Step] = []
    placed: set[str] = set()
    top = children.get(None, [])
    for position, root in enumerate((*top, *nodes)):
        if root in placed:
            continue
        if position >= len(top):
            nodes[root].fields.warn(WarningCode.INCONSISTENT, "the steps form a circle; it is cut here")
        steps += [_step(nodes[found], parent, depth) for found, parent, depth in _below(root, children, placed)]
    kept = tuple(step for step in steps if step.depth < MAX_DEPTH)
    if len(kept) < len(steps):
        run.warn(WarningCode.LIMIT_REACHED, f"steps deeper than {MAX_DEPTH} levels are left out", "steps")
    return kept


def last_failure(steps: tuple[Step, ...]) -> Step | None:
    """The step that best explains a failed run: the last to start of those of type or status `error`."""
    failures = [step for step in steps if step.status is StepStatus.FAILED or step.kind == "error"]
    latest = max(enumerate(failures), key=lambda found: (found[1].started_at or _NEVER, found[0]), default=None)
    return None if latest is None else latest[1]


@dataclass(slots=True)
class _Node:
    """A step where it was listed first. `above` is the step it is nested in."""

    id: str
    fields: Fields
    above: str | None


def _collect(run: Fields) -> Mapping[str, _Node]:
    """All steps by id, in the order of the document."""
    nodes: dict[str, _Node] = {}
    cut = False
    pending: list[tuple[Fields, str | None, int]] = [(step, None, 1) for step in _listed(run)]
    while pending:
        step, above, level = pending.pop()
        step_id = step.text("id") or None
        if step_id is None:
            step.warn(WarningCode.VALUE_UNREADABLE, "a step without an id is left out")
        elif step_id not in nodes:
            if len(nodes) == MAX_STEPS:
                run.warn(WarningCode.LIMIT_REACHED, f"steps beyond {MAX_STEPS} are left out", "steps")
                break
            nodes[step_id] = _Node(step_id, step, above)
        elif above not in (None, step_id):
            node = nodes[step_id]
            node.above = node.above or above
            if node.above != above:
                step.warn(WarningCode.INCONSISTENT, "the step is listed below two steps; the first counts")
        if level < MAX_DEPTH:
            pending += [(child, step_id or above, level + 1) for child in _listed(step)]
        elif step.items("steps") and not cut:
            cut = True
            step.warn(WarningCode.LIMIT_REACHED, f"steps deeper than {MAX_DEPTH} levels are left out", "steps")
    return nodes


def _listed(parent: Fields) -> list[Fields]:
    """The steps right below, last first, as a stack takes them."""
    return [*parent.children("steps")][::-1]


def _parent(node: _Node, nodes: Mapping[str, _Node]) -> str | None:
    """The id of the step that a step stands below."""
    named = node.fields.text("parent_step_id") or None
    if named is not None and named != node.id:
        if named in nodes:
            return named
        node.fields.warn(WarningCode.INCONSISTENT, "there is no such step", "parent_step_id")
    elif named is not None:
        node.fields.warn(WarningCode.INCONSISTENT, "the step names itself", "parent_step_id")
    return None if node.above == node.id else node.above


def _below(
    root: str, children: Mapping[str | None, Sequence[str]], placed: set[str]
) -> Iterator[tuple[str, str | None, int]]:
    """A step and those below it that are not placed yet, in pre-order: id, parent's id, depth. Places them."""
    pending: list[tuple[str, str | None, int]] = [(root, None, 0)]
    while pending:
        step_id, parent_id, depth = pending.pop()
        if step_id in placed:
            continue
        placed.add(step_id)
        yield step_id, parent_id, depth
        pending += [(child, step_id, depth + 1) for child in reversed(children.get(step_id, ()))]


def _step(node: _Node, parent_id: str | None, depth: int) -> Step:
    step = node.fields
    raw_status, status = step.status("status", STEP_STATUSES)
    started_at, ended_at = step.instant("started_at"), step.instant("completed_at")
    return Step(
        id=node.id,
        parent_id=parent_id,
        depth=depth,
        name=step.text("name"),
        label=step.text("label"),
        kind=step.text("type"),
        # `graph` is the older name.
        agent=step.text("agent") or step.text("graph"),
        status=status,
        raw_status=raw_status,
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=milliseconds_between(started_at, ended_at),
    )

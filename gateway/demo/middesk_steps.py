"""The step trees of the simulated Middesk's runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from .history import Moments, random_uuid, seeded, zulu

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Activity:
    """Something an agent does, with the smaller things (name, label) it is made of."""

    agent: str
    name: str
    label: str
    children: Sequence[tuple[str, str]]


TIN: Final = Activity(
    "tin_agent",
    "check_tin",
    "Checking the TIN",
    (("query_registry", "Asking the tax registry"), ("compare_names", "Comparing names"), ("report", "Reporting")),
)
ADDRESS: Final = Activity(
    "address_verification",
    "verify_address",
    "Verifying the address",
    (("normalize", "Normalizing the address"), ("fetch_records", "Looking up records")),
)
WATCHLIST: Final = Activity(
    "watchlist_resolution",
    "resolve_hits",
    "Resolving watchlist hits",
    (("search_lists", "Searching the lists"), ("rule_out", "Ruling out name matches")),
)
WEBSITE: Final = Activity("web_presence", "read_website", "Reading the website", (("fetch_pages", "Fetching pages"),))
SUMMARY: Final = Activity("cip_orchestrator", "summarize", "Writing the summary", ())

AGENTS: Final[Mapping[str, Sequence[Activity]]] = {
    "cip_orchestrator": (TIN, ADDRESS, WATCHLIST, SUMMARY),
    "watchlist_resolution": (WATCHLIST,),
    "address_verification": (ADDRESS,),
    "web_presence": (WEBSITE, ADDRESS),
}


def steps_of(run_id: str, agent: str, status: str, when: Moments, progress: float) -> list[Step]:
    """The steps of a run that has done `progress` (0 to 1) of its work, nested and with `parent_step_id`."""
    activities = AGENTS[agent]
    share = 1 / len(activities)
    steps = [
        _activity_steps(run_id, index, activity, when, (index * share, share), progress)
        for index, activity in enumerate(activities)
        if index * share < progress
    ]
    if status == "error":
        steps.append(step(run_id, "error", "error", "fetch_records", "Record lookup failed", started_at=when.ended))
    elif status == "interrupted":
        asked = when.started + (when.ended - when.started) * progress
        steps.append(step(run_id, "interrupt", "running", "ask", "Waiting for a decision", started_at=asked))
    elif status == "completed":
        steps.append(
            step(
                run_id, "output", "completed", "deliver", "Delivering the findings", when.ended, completed_at=when.ended
            )
        )
    return steps


def step(
    run_id: str,
    step_type: str,
    status: str,
    name: str,
    label: str,
    started_at: datetime,
    *,
    completed_at: datetime | None = None,
    key: str = "",
    **more: Any,
) -> Step:
    """A wire step; its id follows from the run, the name and `key`. `more`: any of the optional keys."""
    made: Step = {
        "id": random_uuid(seeded("middesk", "step", run_id, name, key)),
        "run_id": run_id,
        "type": step_type,
        "name": name,
        "label": label,
        "status": status,
        "started_at": zulu(started_at, "milliseconds"),
        **more,
    }
    if completed_at is not None:
        made["completed_at"] = zulu(completed_at, "milliseconds")
    return made


def _activity_steps(
    run_id: str, index: int, activity: Activity, when: Moments, span: tuple[float, float], progress: float
) -> Step:
    """One activity with its children; `span` is where it begins and how long it takes, as parts of the run."""
    begin, length = span
    parent = _timed(run_id, "activity", activity.name, activity.label, when, span, progress, key=str(index))
    parent |= {"agent": activity.agent, "parent_step_id": None, "artifacts": []}
    children = activity.children
    nested: list[Step] = []
    for position, (name, label) in enumerate(children):
        part = length / len(children)
        start = begin + position * part
        if start >= progress:
            break
        kind = "output" if name == "report" else "activity"
        child = _timed(run_id, kind, name, label, when, (start, part), progress, key=f"{index}.{position}")
        nested.append(child | {"parent_step_id": parent["id"]})
    if nested:
        parent["steps"] = nested
    if activity.name == "resolve_hits" and parent["status"] == "completed":
        parent["result"] = {"resolution": seeded(run_id, "resolution").choice(("auto_approve", "skip"))}
    return parent


def _timed(
    run_id: str,
    step_type: str,
    name: str,
    label: str,
    when: Moments,
    span: tuple[float, float],
    progress: float,
    *,
    key: str,
) -> Step:
    begin, length = span
    worked: timedelta = when.ended - when.started
    done = begin + length <= progress + 1e-9
    return step(
        run_id,
        step_type,
        "completed" if done else "running",
        name,
        label,
        when.started + worked * begin,
        completed_at=when.started + worked * (begin + length) if done else None,
        key=key,
    )


ODD_TREES: Final = (
    "deep",
    "parent-ids-only",
    "both-ways",
    "two-parents",
    "cycle",
    "repeated-inside-itself",
    "unknown-parent",
    "many",
    "none",
)


def odd_tree(name: str, run_id: str, started: datetime) -> list[Step]:
    """One of the step lists that a reader must survive, by its name in `ODD_TREES`."""

    def named(label: str) -> Step:
        return step(run_id, "activity", "completed", label, label.capitalize(), started)

    def under(parent: Step, child: Step) -> Step:
        return child | {"parent_step_id": parent["id"]}

    first, second, other = named("first"), named("second"), named("other")
    inner = under(first, named("inner"))
    innermost = under(inner, named("innermost"))
    match name:
        case "deep":
            tree = named("level-60")
            for level in range(59, 0, -1):
                parent = named(f"level-{level}")
                tree = parent | {"steps": [under(parent, tree)]}
            return [tree]
        case "parent-ids-only":
            return [innermost, first, inner, other, under(other, second)]
        case "both-ways":
            return [first | {"steps": [inner | {"steps": [innermost]}]}, inner, innermost, other]
        case "two-parents":
            return [first | {"steps": [second]}, other | {"steps": [second]}]
        case "cycle":
            return [under(second, first), under(first, second), under(other, other), named("apart")]
        case "repeated-inside-itself":
            return [first | {"steps": [first | {"steps": [inner]}]}]
        case "unknown-parent":
            return [first | {"parent_step_id": "00000000-0000-4000-8000-000000000000"}, other]
        case "many":
            return [named(f"step-{number}") for number in range(300)]
        case "none":
            return []
        case _:
            raise ValueError(f"no such tree: {name}")

"""The runs of the simulated Middesk: wire documents with their steps, as `GET /v1/runs/{id}?include=steps` answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from .history import PEOPLE, QUIET, LiveRun, Moments, history, live_uuid, random_uuid, seeded, zulu
from .middesk_steps import AGENTS, ODD_TREES, odd_tree, steps_of

NAME: Final = "middesk"
STATUSES: Final = ("running", "interrupted", "completed", "error")
UNFINISHED: Final = 14
"""How many of the newest runs are still running or interrupted."""
THREADS: Final = 80
BUSINESSES: Final = ("Acme Lending", "Norrland AB", "Blue Harbor LLC", "Pine & Sons", "Quarry Foods")

Document = dict[str, Any]

Requester = Document | None
REQUESTERS: Final[Sequence[Requester]] = (
    None,
    {"id": "8d7c6b5a-4e3f-4d2c-9b1a-0f9e8d7c6b5a", "name": "Acme Lending", "email": None},
    *(
        {"id": f"9e8d7c6b-5f40-4e3d-8c2b-{number:012d}", "name": name, "email": email}
        for number, (name, email) in enumerate(PEOPLE)
    ),
)


def build(anchor: datetime) -> tuple[list[Document], dict[str, str]]:
    """All runs that don't change, newest first, and the ids of the edge cases by name."""
    runs = [_past_run(index, when) for index, when in enumerate(history(NAME, anchor))]
    special = _special_runs(anchor)
    documents = sorted([*runs, *special.values()], key=lambda run: _instant(run["created_at"]), reverse=True)
    return documents, {name: document["id"] for name, document in special.items()}


def live_document(live: LiveRun) -> Document:
    """A live run as it stands; every third asks for a decision on the way."""
    random = seeded(NAME, "live", live.number)
    status = random.choices(("completed", "error"), (4, 1))[0]
    if live.progress < 1:
        status = "interrupted" if live.number % 3 == 1 and 0.4 <= live.progress < 0.7 else "running"
    when = live.moments
    worked = max((live.seen - when.started) / (when.ended - when.started), 0.0)
    document = _document(random, live_uuid(NAME, live.number), status, when, worked)
    document["updated_at"] = zulu(live.seen, "milliseconds")
    if live.seen < when.started:
        document["started_at"] = None
    return document


def _past_run(index: int, when: Moments) -> Document:
    random = seeded(NAME, "run", index)
    run_id = random_uuid(random)
    if index < UNFINISHED:
        return _document(random, run_id, STATUSES[index % 2], when, random.uniform(0.1, 0.9))
    status = random.choices(STATUSES, (0, 6, 80, 14))[0]
    return _document(random, run_id, status, when, random.uniform(0.2, 0.9) if status == "interrupted" else 1.0)


def _document(
    random: Random, run_id: str, status: str, when: Moments, progress: float, *, agent: str | None = None
) -> Document:
    """The document of a run that has done `progress` (0 to 1) of its work; draws the same values at any progress."""
    agent = agent or random.choice(tuple(AGENTS))
    digits = random.choice(("seconds", "milliseconds"))
    thread = random_uuid(seeded(NAME, "thread", random.randrange(THREADS)))
    requester = random.choice(REQUESTERS)
    business = random.choice(BUSINESSES)
    artifacts = [_artifact(random, business) for _ in range(random.randint(1, 3))]
    interrupt = _interrupt(random, agent, artifacts)
    ended = status in {"completed", "error"}
    updated = when.ended if ended else when.started + (when.ended - when.started) * progress
    return {
        "object": "run",
        "id": run_id,
        "created_at": zulu(when.created, digits),
        "updated_at": zulu(updated, digits),
        "status": status,
        "thread_id": thread,
        "agent": agent,
        "requester": requester,
        "started_at": zulu(when.started, digits),
        "ended_at": zulu(when.ended, digits) if ended else None,
        "output": {"artifacts": artifacts} if status == "completed" else None,
        "interrupts": [interrupt] if status == "interrupted" else [],
        "steps": steps_of(run_id, agent, status, when, progress),
    }


def _artifact(random: Random, business: str) -> Document:
    title, kind, summary = random.choice(
        (
            ("Identity summary", "cip_summary", f"Name and TIN of {business} agree."),
            ("Watchlist review", "watchlist_review", f"No hit concerns {business}."),
            ("Address record", "address_record", f"{business} is registered at the given address."),
        )
    )
    source = {
        "url": f"https://registry.example/{random.randint(100, 999)}",
        "source_name": "State registry",
        "source_tier": "primary",
        "source_type": "sos",
    }
    return {
        "title": title,
        "type": kind,
        "confidence": random.choice(("high", "medium", "low", None)),
        "summary": summary,
        "sources": [source],
    }


def _interrupt(random: Random, agent: str, artifacts: list[Document]) -> Document:
    question = {"agent": "tin_agent", "label": "Mark TIN verified", "artifacts": artifacts}
    value: Document = question | {"agent": agent}
    if agent == "cip_orchestrator":
        value = {"type": "combined_proposal", "label": "Approve the changes?", "proposals": [question]}
    return {"id": f"int-{random.getrandbits(32):08x}", "agent": agent, "value": value}


def _special_runs(anchor: datetime) -> Mapping[str, Document]:
    """One run for each odd thing that the API is known or feared to do; all have recognisable ids."""
    runs: dict[str, Document] = {}

    def add(name: str, status: str, **changes: Any) -> Document:
        number = len(runs) + 1
        created = anchor - QUIET - timedelta(hours=9 * number)
        when = Moments(created, created + timedelta(seconds=1), created + timedelta(seconds=45))
        run_id = f"5ec1a100-0001-4000-8000-{number:012d}"
        progress = 1.0 if status in {"completed", "error"} else 0.5
        document = _document(seeded(NAME, name), run_id, status, when, progress, agent="cip_orchestrator")
        runs[name] = document | changes
        return runs[name]

    add("nested-steps", "completed")
    for name in ODD_TREES:
        document = add(f"steps-{name}", "completed")
        document["steps"] = odd_tree(name, document["id"], _instant(document["started_at"]))
    add("requester-null", "completed", requester=None)
    add("requester-without-email", "completed", requester=REQUESTERS[1])
    add("requester-unknown-shape", "completed", requester={"type": "api_key", "key": "mk_live"})
    add("interrupted", "interrupted")
    second: Document = {"id": "int-second", "value": {"label": "And the address?", "artifacts": []}}
    add("two-interrupts", "interrupted")["interrupts"].append(second)
    add("interrupted-without-interrupts", "interrupted", interrupts=[])
    add("interrupts-while-running", "running", interrupts=[second])
    add("interrupts-while-completed", "completed", interrupts=[second])
    add("error", "error")
    without_step = add("error-without-error-step", "error")
    without_step["steps"] = without_step["steps"][:-1]
    add("completed-without-output", "completed", output=None)
    add("not-started", "running", started_at=None, steps=[])
    add("status-upper-case", "completed")["status"] = "COMPLETED"
    add("status-unknown", "running")["status"] = "paused"
    bare = add("required-keys-only", "running")
    runs["required-keys-only"] = {key: bare[key] for key in ("object", "id", "created_at", "updated_at", "status")}
    return runs


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)

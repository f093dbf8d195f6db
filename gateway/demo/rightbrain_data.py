"""The task runs of the simulated Rightbrain: wire documents in the newer shape, and the content of their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from .history import QUIET, LiveRun, history, live_uuid, ordered_uuid, seeded, zulu

NAME: Final = "rightbrain"
FALLBACK_MODEL: Final = "018f0000-1111-7222-8333-444455556666"
USERS: Final = tuple(f"018e1111-2222-7333-8444-{number:012d}" for number in range(5))
REPORTING_GROUP: Final = "019a2222-3333-7444-8555-666677778888"
PENDING: Final = 4
"""How many of the newest runs have no outcome yet."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its revisions, oldest first. `field` is the name of its input; a task with `suffix` takes a file."""

    id: str
    revisions: Sequence[str]
    field: str
    inputs: Sequence[str]
    responses: Sequence[Document | str]
    suffix: str = ""


TASKS: Final[Sequence[Task]] = (
    Task(
        "019a0f44-7be2-71c0-8d13-2f6a9c0e4b58",
        ("019a0f44-7c10-7e02-b3a5-91d4f7c2e680", "019a1f44-7c10-7e02-b3a5-91d4f7c2e681"),
        "ticket",
        ("Charged twice", "The app is slow", "How do I export?"),
        (
            {"category": "billing", "priority": 2},
            {"category": "performance", "priority": 3},
            {"category": "question", "priority": 5},
        ),
    ),
    Task(
        "019a1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
        ("019a1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2c",),
        "image",
        ("front page", "product photo", "team picture"),
        ("A short alt text.", "A red bicycle against a wall.", "Four people at a table."),
        suffix=".svg",
    ),
    Task(
        "019a2b3c-4d5e-7f60-8b7c-8d9e0f1a2b3c",
        ("019a2b3c-4d5e-7f60-8b7c-8d9e0f1a2b3d", "019a3b3c-4d5e-7f60-8b7c-8d9e0f1a2b3e"),
        "contract",
        ("Supply agreement", "Lease", "Employment contract"),
        ({"parties": 2, "risk": "low"}, {"parties": 3, "risk": "medium"}, {"parties": 2, "risk": "high"}),
        suffix=".md",
    ),
    Task(
        "019a3c4d-5e6f-7071-8c8d-9e0f1a2b3c4d",
        ("019a3c4d-5e6f-7071-8c8d-9e0f1a2b3c4e",),
        "review",
        ("Arrived broken", "Works as described", "Too small"),
        ({"sentiment": -0.8}, {"sentiment": 0.6}, {"sentiment": -0.2}),
    ),
)

FAILURES: Final = ("model returned invalid JSON", "primary model timed out", "context window exceeded")


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A run with the moment it was created, which its document may give badly."""

    created: datetime
    document: Document

    @property
    def native_id(self) -> str:
        return f"{self.document['task_id']}/{self.document['id']}"


def build(anchor: datetime) -> tuple[list[TaskRun], dict[str, str]]:
    """All runs that don't change, newest first, and the native ids of the edge cases by name."""
    runs = [_past_run(index, when.created) for index, when in enumerate(history(NAME, anchor))]
    special = _special_runs(anchor)
    ordered = sorted([*runs, *special.values()], key=lambda run: run.created, reverse=True)
    return ordered, {name: run.native_id for name, run in special.items()}


def outcome(document: Document) -> str | None:
    """ "error", "success" or "pending"; None where the document leaves it open."""
    if document.get("is_error"):
        return "error"
    if "response" in document:
        return "success"
    return None if "is_error" in document else "pending"


def live_run_of(live: LiveRun) -> TaskRun:
    """A live run as it stands: submitted, then its input counted, then its outcome."""
    random = seeded(NAME, "live", live.number)
    task = random.choice(TASKS)
    result = random.choices(("success", "fallback", "error"), (6, 2, 2))[0]
    document = _document(random, task, live_uuid(NAME, live.number), live.moments.created, result)
    if live.progress < 1:
        _take_outcome(document)
        document["output_tokens"] = int(document["output_tokens"] * live.progress)
        if live.progress < 0.3:
            document |= {"input_tokens": 0, "output_tokens": 0}
        document["total_tokens"] = document["input_tokens"] + document["output_tokens"]
    return TaskRun(live.moments.created, document)


def file_names(document: Document) -> list[str]:
    """Names of a run's files, whatever shape it lists them in."""
    listed: list[Any] = document.get("files") or document["run_data"].get("files") or []
    return [item if isinstance(item, str) else item.get("name") or item["file_name"] for item in listed]


def file_content(name: str) -> tuple[bytes, str]:
    """Bytes and content type of a file."""
    if name.endswith(".svg"):
        text = f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"><text y="15">{name}</text></svg>'
        return text.encode(), "image/svg+xml"
    return f"# {name}\n\nMade-up content.\n".encode(), "text/markdown"


def _past_run(index: int, created: datetime) -> TaskRun:
    random = seeded(NAME, "run", index)
    task = random.choice(TASKS)
    result = random.choices(("success", "fallback", "error"), (82, 8, 10))[0]
    created += timedelta(microseconds=random.randrange(1000))
    document = _document(random, task, ordered_uuid(random, created), created, result)
    if index < PENDING:
        _take_outcome(document)
    return TaskRun(created, document)


def _document(random: Random, task: Task, run_id: str, created: datetime, result: str) -> Document:
    sample = random.randrange(len(task.inputs))
    text = task.inputs[sample]
    tokens = {"input_tokens": random.randint(20, 4000), "output_tokens": random.randint(5, 600)}
    failed = result == "error"
    if failed:
        tokens["output_tokens"] = 0
    total = sum(tokens.values())
    grouped = random.random() < 0.3
    document: Document = {
        "id": run_id,
        "task_id": task.id,
        "task_revision_id": random.choice(task.revisions),
        "response": {} if failed else task.responses[sample],
        "run_data": {"submitted": {task.field: text}, f"{task.field}_preprocessed": text.lower()},
        "created": created.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds"),
        **tokens,
        "total_tokens": total,
        "input_processor_timing": round(random.uniform(0.0001, 0.4), 6),
        "llm_call_timing": round(random.uniform(0.3, 9), 3),
        "charged_credits": "0" if failed else f"{total / 500:.2f}",
        "files": [_file(f"{task.field}-{random.randint(100, 999)}{task.suffix}")] if task.suffix else [],
        "is_error": failed,
        "llm_retries": random.choice((0, 0, 0, 1)),
        "used_fallback_model": False,
        "primary_failure_reason": None,
        "fallback_llm_model_id": None,
        "user_id": random.choice(USERS),
        "reporting_group_id": REPORTING_GROUP if grouped else None,
        "reference": f"order-{random.randint(1000, 9999)}" if random.random() < 0.5 else None,
        "context_id": f"chat-{random.randint(1, 40)}" if random.random() < 0.2 else None,
        "reporting_group": {"id": REPORTING_GROUP, "name": "Back office"} if grouped else None,
    }
    if result == "fallback":
        document |= {"used_fallback_model": True, "fallback_llm_model_id": FALLBACK_MODEL, "llm_retries": 1}
        document["primary_failure_reason"] = "primary model timed out"
    elif failed:
        document |= {"llm_retries": 3, "primary_failure_reason": random.choice(FAILURES)}
    return document


def _file(name: str) -> Document:
    content, content_type = file_content(name)
    return {
        "name": name,
        "content_type": content_type,
        "size": len(content),
        "url": f"https://files.example/{name}?sig=abc",
    }


def _take_outcome(document: Document) -> None:
    """Make a finished run's document one without an outcome."""
    del document["response"], document["is_error"]
    document |= {"input_processor_timing": None, "llm_call_timing": None, "charged_credits": None}
    document |= {"used_fallback_model": False, "primary_failure_reason": None, "fallback_llm_model_id": None}


def _special_runs(anchor: datetime) -> Mapping[str, TaskRun]:
    """One run for each odd thing that the API is known or feared to do; all have recognisable ids."""
    runs: dict[str, TaskRun] = {}

    def add(name: str, *, result: str = "success", without: Sequence[str] = (), **changes: Any) -> Document:
        number = len(runs) + 1
        created = anchor - QUIET - timedelta(hours=6 * number)
        run_id = f"5ec1a100-0002-7000-8000-{number:012d}"
        document = _document(seeded(NAME, name), TASKS[0], run_id, created, result) | changes
        for key in without:
            del document[key]
        runs[name] = TaskRun(created, document)
        return document

    add("success")
    add("fallback", result="fallback")
    add("error", result="error", input_processor_timing=None, llm_call_timing=None, files=None)
    add("error-without-reason", result="error", primary_failure_reason=None)
    _take_outcome(add("pending"))
    add("is-error-null", is_error=None)
    add("is-error-absent", without=("is_error",))
    responses: Mapping[str, Any] = {
        "text": "A short alt text.",
        "empty-text": "",
        "empty-object": {},
        "list": ["first", {"second": 2}],
    }
    for name, response in responses.items():
        add(f"response-{name}", response=response)
    add("response-absent", without=("response",))
    credit_values: Mapping[str, Any] = {
        "two-places": "1.00",
        "whole": "10",
        "no-whole-part": ".5",
        "plus-sign": "+1",
        "leading-zeros": "0001.10",
        "number": 1.5,
        "junk": "free",
        "null": None,
    }
    for name, charged in credit_values.items():
        add(f"credits-{name}", charged_credits=charged)
    add("credits-absent", without=("charged_credits",))
    naive = add("created-whole-seconds")
    naive["created"] = naive["created"].partition(".")[0]
    zoned = add("created-zulu")
    zoned["created"] = zulu(datetime.fromisoformat(zoned["created"] + "+00:00"))
    add("created-unparsable", created="yesterday")
    add("files-objects", files=[_file("scan 1 (ä).svg"), _file("notes.md")])
    add("files-names", files=["4f1c.svg", "4f1d.md"])
    other = {
        "file_name": "other.md",
        "mime_type": "text/markdown",
        "download_url": "https://files.example/other.md?sig=d",
    }
    add("files-other-keys", files=[other])
    add("files-null", files=None)
    add("files-in-run-data", without=("files",))["run_data"]["files"] = ["4f1c.svg"]
    add("tokens-not-adding-up", input_tokens=10, output_tokens=5, total_tokens=99)
    add("old-nulls", llm_retries=None, used_fallback_model=None, is_error=None, files=None, charged_credits=None)
    add("user-null", user_id=None, without=("reporting_group_id", "reporting_group", "reference", "context_id"))
    return runs

"""The runs of the simulated Refactor: wire documents, as `GET /v1/run/{id}` answers them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from .history import QUIET, LiveRun, Moments, history, live_uuid, random_uuid, seeded, zulu

NAME: Final = "refactor"
ACCOUNT: Final = "acc_01J9QX7M2ZK4T8V5R3C6B0N1DA"
STATUSES: Final = ("running", "waiting", "completed", "failed", "cancelled", "timeout")
UNFINISHED: Final = 14
"""How many of the newest runs are still running or waiting."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """A model with its prices, in USD for one token."""

    provider: str
    name: str
    input_price: float
    output_price: float


@dataclass(frozen=True, slots=True)
class Runnable:
    id: str
    ticket: str
    models: Sequence[Model]
    answers: Sequence[str]
    question: str


LARGE: Final = Model("anthropic", "claude-opus-4-1", 15e-6, 75e-6)
MEDIUM: Final = Model("anthropic", "claude-sonnet-4-5", 3e-6, 15e-6)
SMALL: Final = Model("openai", "gpt-5-mini", 0.25e-6, 2e-6)

RUNNABLES: Final[Sequence[Runnable]] = (
    Runnable(
        "2f6a8c10-4b7d-4e21-8d0f-5a9c3e7b1f44",
        "OPS",
        (MEDIUM,),
        ("Two invoices match.", "One invoice has no purchase order.", "All five lines agree with the order."),
        "Which of the two orders does the invoice belong to?",
    ),
    Runnable(
        "90b7c3d1-2e5f-4a68-b1c9-7d8e9f0a1b2c",
        "FIN",
        (LARGE, SMALL),
        ("Revenue rose 4% over the quarter.", "Margins fell in two regions.", "Forecast and actuals differ by 1.2%."),
        "Which quarter?",
    ),
    Runnable(
        "c41d5e82-7a90-4f3b-9c6e-1d2f3a4b5c6d",
        "SUP",
        (SMALL,),
        ("Refund approved under policy 3.", "Customer asked for a call back.", "Duplicate of an open ticket."),
        "May the refund exceed the limit?",
    ),
    Runnable(
        "e7f0a1b2-c3d4-4e5f-a6b7-08192a3b4c5d",
        "REL",
        (LARGE, MEDIUM, SMALL),
        ("Release notes drafted for 14 changes.", "Three changes need a migration note.", "No breaking changes found."),
        "Should the deprecated option be mentioned?",
    ),
)

FAILURES: Final[Sequence[tuple[str, str]]] = (
    ("INTERNAL_ERROR", "the runnable stopped unexpectedly"),
    ("INVALID_INPUT", "input 'region' must not be empty"),
    ("RESOURCE_NOT_FOUND", "resource 'ledger-2025' does not exist"),
    ("RATE_LIMIT_EXCEEDED", "the model provider refused the request"),
    ("AUTHORIZATION_ERROR", "the tool's credentials were refused"),
)


def build(anchor: datetime) -> tuple[list[Document], dict[str, str]]:
    """All runs that don't change, newest first, and the ids of the edge cases by name."""
    moments = history(NAME, anchor)
    runs = [_past_run(index, when) for index, when in enumerate(moments)]
    special = _special_runs(anchor)
    documents = sorted([*runs, *special.values()], key=lambda run: run["created_at"], reverse=True)
    return documents, {name: document["id"] for name, document in special.items()}


def live_document(live: LiveRun) -> Document:
    """A live run as it stands: queued work, partial result, perhaps a question, then an end."""
    random = seeded(NAME, "live", live.number)
    runnable = random.choice(RUNNABLES)
    status = random.choices(("completed", "failed", "cancelled", "timeout"), (8, 2, 1, 1))[0]
    if live.progress < 1:
        status = "waiting" if live.number % 3 == 1 and 0.4 <= live.progress < 0.7 else "running"
    document = _document(random, live_uuid(NAME, live.number), runnable, status, live.moments, live.progress)
    if live.progress < 0.15:
        document["result"] = None
    return document


def evaluations_of(run: Document) -> list[Document]:
    """The evaluations of a run; most runs have none."""
    random = seeded(NAME, "evaluations", run["id"])
    if run["status"] != "completed" or random.random() > 0.2:
        return []
    return [
        {
            "id": random_uuid(random),
            "account_id": ACCOUNT,
            "run_id": run["id"],
            "evaluation_label_id": "6e0c1f5a-2d3b-4c4d-8e5f-" + f"{label:012d}",
            "value": round(random.random(), 2),
            "created_at": run["completed_at"],
            **({"output_name": "summary", "field_path": "$.summary"} if label else {}),
        }
        for label in range(random.randint(1, 3))
    ]


def _past_run(index: int, when: Moments) -> Document:
    random = seeded(NAME, "run", index)
    runnable = random.choice(RUNNABLES)
    if index < UNFINISHED:
        return _document(random, random_uuid(random), runnable, STATUSES[index % 2], when, random.uniform(0.1, 0.9))
    status = random.choices(STATUSES, (0, 2, 78, 12, 5, 3))[0]
    return _document(random, random_uuid(random), runnable, status, when, 1.0)


def _document(random: Random, run_id: str, runnable: Runnable, status: str, when: Moments, progress: float) -> Document:
    """The document of a run that has done `progress` (0 to 1) of its work; draws the same values at any progress."""
    usage, cost = _usage(random, runnable, progress)
    experiment = random.random() < 0.15
    answer = random.choice(runnable.answers)
    turns = random.randint(1, 6)
    error_code, error_message = random.choice(FAILURES)
    document: Document = {
        "id": run_id,
        "account_id": ACCOUNT,
        "status": status,
        "runnable_id": runnable.id,
        "parent_run_id": None,
        "experiment_id": "11c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e" if experiment else None,
        "experiment_candidate_id": random.choice(("cand-a", "cand-b")) if experiment else None,
        "telemetry_span_id": f"{random.getrandbits(64):016x}",
        "state": {"turn": max(1, round(turns * progress))},
        "created_by": f"usr_{random.randint(41, 46)}",
        "created_at": zulu(when.created, "milliseconds"),
        "total_input_tokens": sum(row["prompt_tokens"] for row in usage),
        "total_cached_tokens": sum(row["cached_tokens"] for row in usage),
        "total_output_tokens": sum(row["completion_tokens"] for row in usage),
        "total_token_cost_usd": cost,
        "result": {"id": f"res_{random.randint(100, 99_999)}", "outputs": {}, "metadata": {}, "usage": usage},
        "metadata": {"ticket": f"{runnable.ticket}-{random.randint(10, 999)}"},
    }
    result: Document = document["result"]
    if status == "running":
        result["outputs"] = {"summary": answer[: int(len(answer) * progress)]}
    elif status == "waiting":
        document["state"] = {"question": runnable.question}
    else:
        document["completed_at"] = zulu(when.ended, "milliseconds")
    if status == "completed":
        result["outputs"] = {"summary": answer}
    elif status == "failed":
        document["failed_at"] = document["completed_at"]
        result |= {"outputs": None, "error": {"code": error_code, "message": error_message}}
    elif status == "timeout":
        result |= {"outputs": None, "error": {"code": "TIMEOUT", "message": "the run took longer than it may"}}
    return document


def _usage(random: Random, runnable: Runnable, progress: float) -> tuple[list[Document], float]:
    """One row for each model, and what they cost together in USD."""
    rows: list[Document] = []
    cost = 0.0
    for model in runnable.models:
        prompt = int(random.randint(300, 9000) * progress)
        cached = int(prompt * random.choice((0, 0, 0.25, 0.5)))
        completion = int(random.randint(40, 1200) * progress)
        cost += prompt * model.input_price + completion * model.output_price
        rows.append(
            {
                "provider": model.provider,
                "model": model.name,
                "cached_tokens": cached,
                "prompt_tokens": prompt,
                "completion_tokens": completion,
            }
        )
    return rows, round(cost, 8)


def _special_runs(anchor: datetime) -> Mapping[str, Document]:
    """One run for each odd thing that the API is known or feared to do; all have recognisable ids."""
    runs: dict[str, Document] = {}

    def add(name: str, status: str, *, without: Sequence[str] = (), **changes: Any) -> Document:
        number = len(runs) + 1
        created = anchor - QUIET - timedelta(hours=7 * number)
        when = Moments(created, created + timedelta(seconds=1), created + timedelta(seconds=30))
        run_id = f"5ec1a100-0000-4000-8000-{number:012d}"
        document = _document(seeded(NAME, name), run_id, RUNNABLES[1], status, when, 1.0) | changes
        runs[name] = {key: value for key, value in document.items() if key not in without}
        return runs[name]

    optional = ("parent_run_id", "experiment_id", "experiment_candidate_id", "telemetry_span_id", "created_by")
    zeros = {"total_input_tokens": 0, "total_cached_tokens": 0, "total_output_tokens": 0}
    add("several-models", "completed")
    flat = add("flat-usage", "completed")
    flat["result"] |= {
        "cached_tokens": flat["total_cached_tokens"],
        "prompt_tokens": flat["total_input_tokens"],
        "completion_tokens": flat["total_output_tokens"],
    }
    del flat["result"]["usage"]
    add("totals-missing", "completed", without=tuple(zeros))
    add("usage-empty", "completed")["result"]["usage"] = []
    add("running-partial", "running", state={"turn": 1})
    add(
        "running-bare",
        "running",
        without=(*optional, "metadata"),
        state={},
        result=None,
        total_token_cost_usd=0,
        **zeros,
    )
    waiting = add("waiting", "waiting", without=optional)
    add("failed-at-only", "failed", without=("completed_at",))
    both = add("failed-before-completed", "failed")
    both["failed_at"] = zulu(datetime.fromisoformat(both["completed_at"]) - timedelta(seconds=5))
    add("failed-without-times", "failed", without=("completed_at", "failed_at"))
    moved = add("failed-top-level-error", "failed")
    moved["error"] = moved["result"].pop("error")
    add("timeout-without-error", "timeout")["result"].pop("error")
    costs = {"many-digits": 0.012345678901234567, "string": "0.00731", "integer-zero": 0, "null": None}
    for name, cost in costs.items():
        add(f"cost-{name}", "completed")["total_token_cost_usd"] = cost
    add("outputs-null", "completed")["result"]["outputs"] = None
    add("outputs-list", "completed")["result"]["outputs"] = ["first", {"second": 2}]
    add("outputs-scalar", "completed")["result"]["outputs"] = "only text"
    add(
        "child",
        "failed",
        parent_run_id=waiting["id"],
        experiment_id="11c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e",
        experiment_candidate_id="cand-b",
    )
    return runs

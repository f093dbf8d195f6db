"""Eigenpal runs as that provider would hold them: complete wire documents, made from a seed.

A run is a pure function of its plan and of how far it has come, so that a live run asked about twice is the same
run, only further on.
"""

import json
from datetime import timedelta
from random import Random

from .eigenpal_automations import ERRORS, TAGS
from .eigenpal_run import NOT_STARTED, TERMINAL, Document, Plan, SimulatedRun
from .history import PEOPLE, seeded, zulu


def build(plan: Plan) -> SimulatedRun:
    """The run of a plan, all sections expanded."""
    random = seeded("eigenpal", plan.id, "core")
    over, started = plan.status in TERMINAL, plan.status not in NOT_STARTED
    moments, automation = plan.moments, plan.automation
    steps = _steps(plan)
    by = None
    trigger = random.choice(("api", "api", "cli", "manual", "email", "cron"))
    if trigger in ("manual", "cli", "email"):
        number = random.randrange(len(PEOPLE))
        by = {"id": f"u_{number + 1}", "name": PEOPLE[number][0], "email": PEOPLE[number][1]}
    body: Document = {
        "id": plan.id,
        "type": automation.type,
        "finished": over,
        "sampleRank": round(random.random(), 6),
        "tags": sorted(random.sample(TAGS, random.choice((0, 0, 1, 1, 2)))),
        "timing": {
            "createdAt": zulu(moments.created, "milliseconds"),
            "startedAt": zulu(moments.started, "milliseconds") if started else None,
            "completedAt": zulu(moments.ended, "milliseconds") if over else None,
            "durationMs": (moments.ended - moments.started) // timedelta(milliseconds=1) if over else None,
            "cancelRequestedAt": zulu(moments.ended - timedelta(milliseconds=150), "milliseconds")
            if plan.status == "cancelled"
            else None,
        },
        "source": automation.source(random),
        "trigger": {"type": trigger, "by": by},
        "execution": _execution(plan, steps),
        "error": _error(plan, steps),
        "input": _input(plan),
        "usage": _usage(plan),
        "debug": _debug(plan),
    }
    if trigger == "email":
        body["trigger"]["email"] = {"from": "sender@example.com", "subject": f"{automation.name} request"}
    if plan.parent is not None:
        body["parentExecutionId"] = plan.parent
    contents, artifacts = _artifacts(plan)
    if plan.status == "completed":
        body["output"] = _output(plan)
        body["files"] = artifacts
    scores: list[Document] = []
    if plan.batch is not None:
        body["eval"], scores = _evaluation(plan)
        body["execution"]["expected"] = {"output": _output(plan), "files": [{"name": "expected.json"}]}
    stored = frozenset(path for number, path in enumerate(contents) if number % 2)
    return SimulatedRun(moments.created, body, steps, artifacts, contents, stored, scores)


def _steps(plan: Plan) -> list[Document]:
    """Rows of a workflow's steps in order: what has begun so far, or all of them once the run is over."""
    names = plan.automation.steps
    if not names or plan.status in NOT_STARTED:
        return []
    random = seeded("eigenpal", plan.id, "steps")
    stopped_at = random.randrange(len(names))
    if plan.status in ("completed", "finalizing"):
        stopped_at = len(names)
    elif plan.status == "rejected":
        stopped_at = len(names) - 1
    elif plan.status not in TERMINAL:
        stopped_at = min(int(plan.progress * len(names)), len(names) - 1)
    last_word = {"running": "running", "waiting": "waiting", "cancelled": "cancelled"}.get(plan.status, "failed")
    share = (plan.moments.ended - plan.moments.started) / len(names)
    rows: list[Document] = []
    for order, (name, kind) in enumerate(names):
        begun = order <= stopped_at
        if not begun and plan.status not in TERMINAL:
            break
        status = "completed" if order < stopped_at else last_word if begun else "skipped"
        ended = begun and status in ("completed", "failed", "cancelled")
        start = plan.moments.started + share * order
        error = _error_text(plan) if status == "failed" else None
        rows.append(
            {
                "id": f"step_{plan.id.removeprefix('exec_')}_{order + 1}",
                "name": name,
                "type": kind,
                "status": status,
                "startedAt": zulu(start, "milliseconds") if begun else None,
                "completedAt": zulu(start + share, "milliseconds") if ended else None,
                "durationMs": share // timedelta(milliseconds=1) if ended else None,
                "order": order + 1,
                "error": error[:80] if error else None,
            }
        )
    return rows


def _execution(plan: Plan, steps: list[Document]) -> Document:
    random = seeded("eigenpal", plan.id, "execution")
    schema_valid = random.random() > 0.1
    execution: Document = {
        "status": plan.status,
        "schemaValid": schema_valid if plan.status == "completed" else None,
        "batchId": plan.batch,
        "retry": plan.retry or {"number": 0, "previousRunId": None, "nextRun": None},
        "review": _review(plan, random),
        "humanReview": _human_review(plan, random),
    }
    if plan.automation.type == "agent":
        names = [{"name": name} for name, role, _ in plan.automation.files if role == "output"]
        execution["files"] = {"output": names if plan.status == "completed" else []}
    else:
        if not plan.automation.hides_steps:
            execution["steps"] = steps
        execution["childExecutions"] = [{"id": child, "status": status} for child, status in plan.children]
        execution["definitionSnapshot"] = {
            "steps": [{"name": name, "type": kind} for name, kind in plan.automation.steps]
        }
    return execution


def _review(plan: Plan, random: Random) -> Document | None:
    """The review somebody left after the run; about every sixth completed run has one."""
    lot, verdict = random.random(), random.choice(("correct", "incorrect", None))
    if plan.status != "completed" or lot > 0.17:
        return None
    closed = verdict == "correct"
    name, email = PEOPLE[1]
    at = zulu(plan.moments.ended + timedelta(minutes=4), "milliseconds")
    corrections: list[Document] = []
    if verdict == "incorrect":
        corrections.append(
            {
                "id": f"cor_{plan.id[-6:]}",
                "kind": "field",
                "path": "/total",
                "label": "Total",
                "note": "read from the wrong line",
                "createdAt": at,
                "updatedAt": at,
                "originalValue": 10,
                "correctedValue": 12,
            }
        )
    return {
        "id": f"rev_{plan.id[-6:]}",
        "verdict": verdict,
        "status": "closed" if closed else "wont_fix" if verdict is None else "open",
        "note": "" if closed else f"{name} looked at this",
        "reviewedBy": "u_2",
        "reviewedByEmail": email,
        "reviewedAt": at,
        "closedBy": "u_2" if closed else None,
        "closedByEmail": email if closed else None,
        "closedAt": at if closed else None,
        "closedNote": None,
        "createdAt": at,
        "updatedAt": at,
        "corrections": corrections,
    }


def _human_review(plan: Plan, random: Random) -> Document | None:
    required = random.randint(2, 5)
    if plan.status != "waiting":
        return None
    agent = plan.automation.type == "agent"
    return {
        "taskId": f"hrt_{plan.id.removeprefix('exec_')}",
        "sourceKind": "agent_tool" if agent else "workflow_step",
        "sourceLabel": "Ask a colleague" if agent else "Check totals",
        "status": "pending",
        "requiredCount": required,
        "confirmedCount": random.randrange(required),
        "version": random.randint(1, 4),
    }


def _error_text(plan: Plan) -> str:
    return seeded("eigenpal", plan.id, "error").choice(ERRORS)


def _error(plan: Plan, steps: list[Document]) -> str | None:
    if plan.status == "rejected":
        return "rejected by the reviewer: totals do not match"
    if plan.status != "failed":
        return None
    failed = next((step["name"] for step in steps if step["status"] == "failed"), None)
    return f"step '{failed}': {_error_text(plan)}" if failed else _error_text(plan)


def _input(plan: Plan) -> Document:
    random = seeded("eigenpal", plan.id, "input")
    section: Document = {"args": {"reference": f"C-{random.randint(100, 9999)}", "amount": random.randint(10, 90000)}}
    if plan.automation.type == "agent":
        section["files"] = [{"name": name} for name, role, _ in plan.automation.files if role == "input"]
    section["metadata"] = {"channel": "portal"} if random.random() < 0.3 else None
    return section


def _usage(plan: Plan) -> Document | None:
    """Counts grow with progress while the run goes on; credits and duration come at its end."""
    if plan.status in NOT_STARTED:
        return None
    random = seeded("eigenpal", plan.id, "usage")
    over = plan.status in TERMINAL
    share = 1.0 if over else plan.progress
    tokens = random.randint(900, 60_000)
    output, calls = random.randint(60, 4_000), random.randint(1, 14)
    cached = random.random() < 0.5
    usage: Document = {
        "tokens": {
            "input": int(tokens * share),
            "output": int(output * share),
            "cacheRead": int(tokens * share * 0.6) if cached else None,
            "cacheWrite": int(tokens * share * 0.1) if cached and random.random() < 0.5 else None,
        },
        "creditsCharged": round(tokens / 9000 + output / 1500, 2) if over else None,
        "durationMs": (plan.moments.ended - plan.moments.started) // timedelta(milliseconds=1) if over else None,
    }
    if plan.automation.type == "agent":
        usage["agentTurns"] = int(calls * share)
    else:
        usage["llmCallCount"] = int(calls * share)
        usage["ocrPagesProcessed"] = random.randint(0, 30)
    return usage


def _debug(plan: Plan) -> Document:
    started = plan.status not in NOT_STARTED
    phase: Document = {"phase": "execute", "startedAt": zulu(plan.moments.started, "milliseconds"), "attempt": 1}
    observability: Document = {"phases": [phase] if started else []}
    if plan.status == "failed":
        observability["failure"] = {"message": _error_text(plan), "category": "step"}
    trace = None if plan.automation.type == "agent" else f"{seeded('eigenpal', plan.id, 'trace').getrandbits(128):032x}"
    return {"observability": observability, "traceId": trace}


def _output(plan: Plan) -> Document:
    random = seeded("eigenpal", plan.id, "output")
    return {
        "decision": random.choice(("pay", "refuse", "ask")),
        "total": round(random.uniform(10, 9000), 2),
        "lines": [{"text": f"line {number}", "quantity": random.randint(1, 9)} for number in range(2)],
    }


def _artifacts(plan: Plan) -> tuple[dict[str, bytes], list[Document]]:
    """Bytes by path, and rows as `/artifacts` lists them: what went in, and what came out once it completed."""
    contents: dict[str, bytes] = {}
    rows: list[Document] = []
    for name, role, step in plan.automation.files:
        if role != "input" and plan.status != "completed":
            continue
        path = "/".join(part for part in (role, step, name) if part)
        kind = "application/json" if name.endswith(".json") else "application/pdf"
        text = (
            json.dumps(_output(plan), indent=1) if name.endswith(".json") else f"%PDF-1.4\n% {plan.id} {name}\n%%EOF\n"
        )
        contents[path] = text.encode()
        row: Document = {"name": name, "role": role, "path": path}
        if step is not None:
            row["stepName"] = step
        rows.append({**row, "contentType": kind, "size": len(contents[path])})
    return contents, rows


def _evaluation(plan: Plan) -> tuple[Document, list[Document]]:
    """The run's `eval` section and its evaluators' scores; null scores while it hasn't ended."""
    random = seeded("eigenpal", plan.id, "eval")
    score = round(random.random(), 3)
    over = plan.status in TERMINAL
    number = random.randint(1, 8)
    section: Document = {
        "example": f"example-{number}",
        "score": score if over else None,
        "passed": score >= 0.4 if over else None,
    }
    if plan.automation.type == "workflow":
        section["exampleId"] = f"ex_{number}"
    if not over:
        return section, []
    return section, [
        {
            "id": f"score_{plan.id.removeprefix('exec_')}",
            "runId": plan.id,
            "automationId": plan.automation.id,
            "evaluatorName": "Field accuracy",
            "evaluatorType": "json_match",
            "score": score,
            "passed": score >= 0.4,
            "label": None,
            "weight": 1,
            "passThreshold": 0.4,
            "description": None,
            "details": {"matched": int(score * 20), "of": 20},
            "error": None,
            "createdAt": zulu(plan.moments.ended, "milliseconds"),
        }
    ]

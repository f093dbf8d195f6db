"""Requests for runs by id: one, many, by GET with entity tags, and by clients that do not wait."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from .checks import differences, error_paths, reported, unexplained, unmarked
from .desk import Caller, Desk, Reply, Verdict
from .gateways import OWN
from .truth import PARTS, Known

GOT = " ".join(part for part in PARTS if part.startswith(("status", "createdAt", "usage", "output")))


async def one_run(desk: Desk) -> Verdict:
    caller, one = desk.caller(), desk.ids(1)[0]
    reply = await desk.post(caller, f"query($id: ID!) {{ run(id: $id) {{ id {_selection(desk)} }} }}", {"id": one})
    return await judged(desk, caller, [one], reply, "run")


async def many_runs(desk: Desk) -> Verdict:
    caller, ids = desk.caller(), desk.ids(desk.random.randint(2, 30))
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Run {{ id {_selection(desk)} }} }} }}"
    return await judged(desk, caller, ids, await desk.post(caller, query, {"ids": ids}), "nodes")


async def by_get(desk: Desk) -> Verdict:
    """GET, again and again for few runs, so that entity tags and whole answers are used."""
    caller, one = desk.caller(), desk.random.choice(desk.settled[:: max(1, len(desk.settled) // 20)])
    path = "/graphql?" + urlencode({"query": f'{{ run(id: "{one}") {{ id {GOT} }} }}'})
    # Who asks makes a difference, and a tag is of one answer to one of them.
    key = f"{sorted(caller.headers.items())}{path}"
    known = desk.tags.get(key)
    headers = {**caller.headers, **({"if-none-match": known[0]} if known else {})}
    reply = await desk.send("GET", path, headers)
    if reply.status == 304 and known is not None:
        if reply.headers.get("etag") != known[0] or reply.body:
            return Verdict("304", ["a 304 with another tag, or a body"], [reply])
        reply.status, reply.body = 200, known[1]
        verdict = await judged(desk, caller, [one], reply, "run")
        return Verdict("not changed", verdict.wrong, verdict.replies)
    if reply.status == 200 and (tag := reply.headers.get("etag")):
        desk.tags[key] = (tag, reply.body)
    return await judged(desk, caller, [one], reply, "run")


async def impatient(desk: Desk) -> Verdict:
    """A client that closes its connection before there is an answer."""
    caller, ids = desk.caller(), desk.ids(desk.random.randint(1, 30))
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Run {{ id {_selection(desk)} }} }} }}"
    try:
        async with asyncio.timeout(desk.random.uniform(0.001, 0.03)):
            reply = await desk.post(caller, query, {"ids": ids})
    except TimeoutError:
        return Verdict("left")
    return await judged(desk, caller, ids, reply, "nodes")


async def quoted(desk: Desk) -> Verdict:
    """The document as the provider has it, compared with the simulator's own."""
    one = desk.random.choice(desk.settled)
    reply = await desk.post(desk.caller(), "query($id: ID!) { run(id: $id) { id isTerminal raw } }", {"id": one})
    run = reply.json()["data"]["run"]
    if run is None or run["raw"] is None or "run" not in run["raw"]:
        return Verdict("null")
    wrong = [] if desk.is_quoted_right(one, run["raw"]) else [f"{one}: the provider has no such document"]
    return Verdict("right" if not wrong else "wrong", wrong, [reply])


async def judged(desk: Desk, caller: Caller, ids: Sequence[str], reply: Reply, field: str) -> Verdict:
    """Whether runs by id are as they should be; `field` is `run` or `nodes`."""
    if reply.status != 200:
        return Verdict(str(reply.status), [f"status {reply.status}"], [reply])
    answer = reply.json()
    runs: list[Any] = answer["data"]["nodes"] if field == "nodes" else [answer["data"][field]]
    errors = error_paths(answer)
    wrong = unmarked(answer, [run["id"] for run in runs if run], desk.weather, reply.start, reply.end)
    if len(runs) != len(ids):
        wrong.append(f"{len(runs)} items for {len(ids)} ids")
    moments = [await desk.truth.runs(ids, now) for now in desk.times(reply)]
    expected = set[str]()
    for number, (one, run) in enumerate(zip(ids, runs, strict=False)):
        path = ("nodes", number) if field == "nodes" else ("run",)
        truths = [moment[one] for moment in moments]
        code = errors.get(".".join(map(str, path)))
        refusal = _refusal(caller, one)
        if refusal is not None:
            # Of a malformed id another thing may be said.
            ok = run is None and (code == refusal or any(truth.code for truth in truths))
            ok = ok or (run is None and one.startswith(OWN) and _is_absent(desk, one, reply, code))
            wrong += [] if ok else [f"{one} should be {refusal}, and is {code} {run!r:.200}"]
            expected.add(refusal)
        elif run is None:
            wrong += _wrong_null(desk, one, code, truths, reply)
        else:
            documents = [truth.run for truth in truths if truth.run is not None]
            wrong += differences(run, documents, path, errors) if documents else [f"{one} is there, and should not be"]
        expected |= {truth.code for truth in truths if truth.code}
    # Of errors that nobody owns only what the ids themselves ask for is right.
    told = [(provider, code) for provider, code in reported(answer) if code not in expected]
    wrong += unexplained(told, desk.weather, reply.start, reply.end)
    return Verdict(_outcome(answer, runs), wrong, [reply])


def _wrong_null(desk: Desk, one: str, code: str | None, truths: Iterable[Known], reply: Reply) -> list[str]:
    if any(truth.run is None and truth.code == code for truth in truths) or _is_absent(desk, one, reply, code):
        return []
    codes = desk.weather.codes(one.partition(":")[0], reply.start, reply.end)
    return [] if code in codes else [f"{one} is null with {code}"]


def _is_absent(desk: Desk, one: str, reply: Reply, code: str | None) -> bool:
    """Whether a null may come of a provider that says that there is no such thing."""
    codes = desk.weather.codes(one.partition(":")[0], reply.start, reply.end)
    return (code is None and "NOT_FOUND" in codes) or code in codes


def _refusal(caller: Caller, one: str) -> str | None:
    """The code with which this caller is refused a run, whatever it is."""
    provider = one.partition(":")[0]
    if caller.sees is not None and provider not in caller.sees:
        return "INVALID_INPUT"
    return "UNAUTHENTICATED" if provider == OWN and not caller.has_own else None


def _selection(desk: Desk) -> str:
    return " ".join(desk.random.sample(PARTS, desk.random.randint(1, 7)))


def _outcome(answer: Any, runs: Sequence[Any]) -> str:
    if answer.get("extensions", {}).get("stale"):
        return "partly stale"
    if not answer.get("errors"):
        return "whole"
    return "partial" if any(runs) else "errors only"

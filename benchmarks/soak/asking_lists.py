"""Requests for many providers' runs at a time: pages, usage reports, exports; and for files."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from .checks import differences, error_paths, reported, unexplained
from .desk import Caller, Desk, Reply, Verdict

ROW = "id kind status rawStatus createdAt provider { name } target { name }"
PAGES = f"""query($first: Int!, $after: String, $filter: RunFilter) {{
  runs(first: $first, after: $after, filter: $filter) {{
    nodes {{ {ROW} }} pageInfo {{ hasNextPage endCursor }}
    sources {{ provider scope state error {{ code message }} hasMore }}
  }}
}}"""
USAGE = """query($filter: RunFilter) {
  usage(filter: $filter, groupBy: [PROVIDER]) {
    rows { provider runs runsReportingTokens inputTokens outputTokens totalTokens durationMs
           costs { amount currency } credits { amount provider } }
    isComplete runsFailed scannedRuns sources { provider scope state error { code message } fetched }
  }
}"""
COLUMNS = "id,provider,kind,status,rawStatus,createdAt,endedAt,durationMs,usage.totalTokens"
_FETCHED = re.compile(rb'"fetched":\d+,')
LISTABLE = ("eigenpal", "middesk", "rightbrain", "bridgetown")


async def pages(desk: Desk) -> Verdict:
    """A walk through some pages."""
    caller = desk.caller()
    filter_: dict[str, Any] = {"providers": sorted(caller.sees or LISTABLE), "createdAfter": _days_ago(desk, 5)}
    if desk.random.random() < 0.6:
        filter_["createdBefore"] = desk.truth.quiet
    if desk.random.random() < 0.3:
        filter_["status"] = ["FAILED", "SUCCEEDED"]
    first, after = desk.random.randint(3, 40), None
    replies: list[Reply] = []
    wrong: list[str] = []
    seen: list[dict[str, Any]] = []
    ok: set[str] = set(filter_["providers"])
    is_over = False
    for _ in range(desk.random.randint(1, 4)):
        reply = await desk.post(caller, PAGES, {"first": first, "after": after, "filter": filter_})
        replies.append(reply)
        if reply.status != 200 or reply.json().get("data") is None:
            return Verdict("refused", [f"a page with status {reply.status}"], replies)
        answer = reply.json()
        page = answer["data"]["runs"]
        wrong += unexplained(reported(answer), desk.weather, reply.start, reply.end)
        ok -= {source["provider"] for source in page["sources"] if source["state"] != "OK"}
        wrong += await _wrong_rows(desk, page["nodes"], error_paths(answer), filter_, reply)
        if len(page["nodes"]) > first:
            wrong.append(f"{len(page['nodes'])} rows on a page of {first}")
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if is_over := not page["pageInfo"]["hasNextPage"]:
            break
    ids = [row["id"] for row in seen]
    if len(set(ids)) != len(ids):
        wrong.append("a run comes twice")
    # A provider may not say when a run was created, and lists it in its place all the same.
    # One that failed is caught up with on a later page, so that only pages of themselves are in order.
    for reply in replies:
        created = [row["createdAt"] for row in reply.json()["data"]["runs"]["nodes"] if row["createdAt"]]
        if created != sorted(created, reverse=True):
            wrong.append("the runs of a page are not in order")
    if "createdBefore" in filter_:
        wrong += await _missing(desk, ids, ok, filter_, is_over)
    return Verdict("whole" if ok == set(filter_["providers"]) else "partial", wrong, replies)


async def _wrong_rows(desk: Desk, rows: Any, errors: Any, filter_: dict[str, Any], reply: Reply) -> list[str]:
    """Rows that are not as they were at any moment in question."""
    tables = [await _table(desk, filter_, now) for now in desk.times(reply)]
    wrong: list[str] = []
    for number, row in enumerate(rows):
        truths = [table[row["id"]] for table in tables if row["id"] in table]
        wrong += differences(row, truths, ("runs", "nodes", number), errors) if truths else [f"{row['id']} is listed"]
    return wrong


async def _missing(desk: Desk, ids: list[str], ok: set[str], filter_: dict[str, Any], is_over: bool) -> list[str]:
    """Of each provider that never failed, the runs down to where the walk ended must be there, and no others."""
    table = await _table(desk, filter_, desk.truth.anchor)
    order = {one: number for number, one in enumerate(table)}
    end = len(table) if is_over else order.get(ids[-1], 0) if ids else 0
    listed = defaultdict[str, list[str]](list)
    for one in ids:
        listed[one.partition(":")[0]].append(one)
    wrong: list[str] = []
    places = [order.get(one, 0) for one in ids]
    if ok == set(filter_["providers"]) and places != sorted(places):
        wrong.append("the runs are out of order")
    for name in sorted(ok):
        due = [one for one, row in table.items() if row["provider"]["name"] == name and order[one] < end]
        if listed[name][: len(due)] != due:
            wrong.append(f"{name}: {len(due)} runs are due, and {len(listed[name])} were listed: {listed[name]!r:.300}")
    return wrong


async def _table(desk: Desk, filter_: dict[str, Any], now: Any) -> dict[str, Any]:
    """All rows of a list at a moment, by id, in order. Those that a filter leaves out are in it, too, if all change."""
    settled = "createdBefore" in filter_
    moment = desk.truth.anchor if settled else now
    wanted = {"providers": list(LISTABLE), "createdAfter": filter_["createdAfter"]}
    if settled:
        wanted["createdBefore"] = filter_["createdBefore"]
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        variables = {"first": 100, "after": after, "filter": wanted}
        page = (await desk.truth.graphql(PAGES, variables, moment))["runs"]
        rows += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    names, statuses = filter_["providers"], filter_.get("status")
    kept = (row for row in rows if row["provider"]["name"] in names)
    return {row["id"]: row for row in kept if not settled or not statuses or row["status"] in statuses}


async def usage(desk: Desk) -> Verdict:
    names = desk.random.sample(LISTABLE, desk.random.randint(1, 3))
    after, before = _stretch(desk)
    filter_ = {"providers": sorted(names), "createdAfter": after, "createdBefore": before}
    reply = await desk.post(_everybody(desk), USAGE, {"filter": filter_})
    if reply.status != 200 or reply.json().get("data") is None:
        return Verdict("refused", [f"a report with status {reply.status}"], [reply])
    answer = reply.json()
    report = answer["data"]["usage"]
    truth = (await desk.truth.graphql(USAGE, {"filter": filter_}, desk.truth.anchor))["usage"]
    wrong = unexplained(reported(answer), desk.weather, reply.start, reply.end)
    # Of a list that is cut the newest runs are read, and newer ones come.
    cut = {source["provider"] for source in (*truth["sources"], *report["sources"]) if source["state"] != "OK"}
    disturbed = {name for name in names if desk.weather.during(name, reply.start, reply.end)}
    true_rows = {row["provider"]: row for row in truth["rows"]}
    for row in report["rows"]:
        # A run that could not be looked up counts, and its figures are missing.
        if row["provider"] not in cut and not (report["runsFailed"] and row["provider"] in disturbed):
            wrong += differences(row, [true_rows[row["provider"]]], ("usage", row["provider"]), ())
    if report["isComplete"] != truth["isComplete"] and not disturbed:
        wrong.append("the report is not complete, though all providers are well")
    if report["isComplete"] and report["rows"] != truth["rows"]:
        wrong.append("the report says that it is complete, and is not")
    return Verdict("whole" if not cut and not report["runsFailed"] else "partial", wrong, [reply])


def _stretch(desk: Desk) -> tuple[str, str]:
    """A time of which all is known: without a bound of runs, which those that come meanwhile would count towards."""
    return _days_ago(desk, desk.random.choice((1, 3, 9))), desk.truth.quiet


def _days_ago(desk: Desk, days: int) -> str:
    return (desk.truth.anchor - timedelta(days=days)).isoformat()


def _everybody(desk: Desk) -> Caller:
    while (caller := desk.caller()).sees is not None:
        pass
    return caller


async def export(desk: Desk) -> Verdict:
    """A file of runs, read whole or given up midway."""
    names = desk.random.sample(LISTABLE, desk.random.randint(1, 3))
    suffix = desk.random.choice(("csv", "ndjson"))
    after, before = _stretch(desk)
    query = {"providers": ",".join(names), "createdAfter": after, "createdBefore": before, "columns": COLUMNS}
    path = f"/export/runs.{suffix}?{urlencode(query)}"
    drop = desk.random.randint(1, 6000) if desk.random.random() < 0.3 else None
    reply = await desk.send("GET", path, _everybody(desk).headers, drop_after=drop)
    if reply.status != 200 or reply.is_cut:
        return Verdict("refused", [f"an export with status {reply.status}, cut: {reply.is_cut}"], [reply])
    truth, lines = (await desk.truth.get(path)).splitlines(), reply.body.splitlines()
    disturbed = any(desk.weather.during(name, reply.start, reply.end) for name in names)
    if reply.is_dropped:
        strange = set(lines[:-1]) - set(truth)
        return Verdict(
            "dropped", [f"such a row is not: {strange!r:.300}"] if strange and not disturbed else [], [reply]
        )
    if not lines or not lines[-1].startswith((b"#end", b'{"_end"')):
        return Verdict("wrong", ["the export has no ending"], [reply])
    # How many were looked at depends on those that have come meanwhile.
    lines, truth = ([*all_[:-1], _FETCHED.sub(b"", all_[-1])] for all_ in (lines, truth))
    if lines == truth:
        return Verdict("whole", [], [reply])
    ending = lines[-1].decode()
    is_complete = _is_complete(lines[-1])
    strange = set(lines[:-1]) - set(truth[:-1])
    lacks_cells = "rowsFailed=" in ending or ('"rowsFailed":' in ending and '"rowsFailed":0' not in ending)
    wrong: list[str] = []
    if is_complete or not (disturbed or not _is_complete(truth[-1])):
        wrong.append(f"the export says {ending!r:.900}, and should be {truth[-1]!r:.900}")
    elif strange and not lacks_cells:
        wrong.append(f"such rows are not: {strange!r:.400}")
    return Verdict("incomplete, and says so", wrong, [reply])


def _is_complete(ending: bytes) -> bool:
    return b"complete=true" in ending or b'"complete":true' in ending


async def file(desk: Desk) -> Verdict:
    """A file of a run: whole, a range, or given up midway."""
    path = desk.random.choice(desk.files)
    provider = path.removeprefix("/files/").partition(":")[0]
    whole = await desk.truth.get(path)
    lot = desk.random.random()
    headers, drop, expected = dict(_everybody(desk).headers), None, whole
    if lot < 0.3 and len(whole) > 2:
        first = desk.random.randrange(len(whole) - 1)
        last = desk.random.randrange(first, len(whole))
        headers["range"], expected = f"bytes={first}-{last}", whole[first : last + 1]
    elif lot < 0.5:
        drop = 1
    reply = await desk.send("GET", path, headers, drop_after=drop)
    kinds = desk.weather.during(provider, reply.start, reply.end)
    if reply.status in (200, 206):
        if reply.is_dropped:
            right = expected.startswith(reply.body)
        elif reply.is_cut:
            right = bool(kinds)
        else:
            right = reply.body == (expected if reply.status == 206 else whole)
        right = right or any(kind.alters for kind in kinds)
        outcome = "dropped" if reply.is_dropped else "cut" if reply.is_cut else str(reply.status)
        return Verdict(outcome, [] if right else [f"the file is {reply.body!r:.200}, not {expected!r:.200}"], [reply])
    wrong = unexplained(reported(reply.json()), desk.weather, reply.start, reply.end)
    if not kinds:
        wrong.append(f"status {reply.status}, though {provider} is well")
    return Verdict("errors only", wrong, [reply])


async def probe(desk: Desk) -> Verdict:
    """Requests that have one right answer whatever the providers do."""
    headers = _everybody(desk).headers
    probes: Sequence[tuple[str, str, Mapping[str, str], object, int]] = (
        ("GET", "/readyz", {}, None, 200),
        ("GET", "/livez", {}, None, 200),
        ("POST", "/graphql", {}, {"query": "{ providers { name } }"}, 401),
        ("POST", "/graphql", {"authorization": "Bearer rgk_nobody"}, {"query": "{ providers { name } }"}, 401),
        ("POST", "/graphql", headers, {"query": "{ providers { name health { state } } }"}, 200),
        ("POST", "/graphql", {**headers, "accept": "application/graphql-response+json"}, {"query": "{ no }"}, 400),
        ("POST", "/graphql", headers, [], 400),
        ("GET", "/export/runs.csv", {}, None, 401),
        ("GET", "/files/eigenpal:x/y", {}, None, 401),
        ("GET", "/files/eigenpal:x/%2e%2e/y", headers, None, 400),
    )
    method, path, given, body, status = desk.random.choice(probes)
    reply = await desk.send(method, path, given, json=body)
    return Verdict(str(reply.status), [] if reply.status == status else [f"should be {status}"], [reply])

"""What is asked. Every workload is one operation with rotating variables."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import orjson

from adapters.model import run_id
from benchmarks.upstream import Documents

EIGHT = "id nativeId kind status rawStatus createdAt endedAt durationMs"
NESTED = f"{EIGHT} usage {{ inputTokens outputTokens totalTokens credits {{ amount }} }} target {{ name version }}"


@dataclass(frozen=True, slots=True)
class Workload:
    """`bodies` are sent in turn, to `server`. `calls` is what one operation asks upstream."""

    name: str
    server: str
    bodies: Sequence[bytes]
    calls: int


def workloads(documents: Documents) -> list[Workload]:
    """All workloads, over the documents of the benchmark's upstream."""
    eigenpal = [run_id("eigenpal", native_id) for native_id in documents.ids["eigenpal"]]
    fifties = [list(islice(cycle(eigenpal), start, start + 50)) for start in range(0, len(eigenpal), 50)]
    mixed = [run_id(name, native_id) for name, ids in documents.ids.items() for native_id in ids[:10]]
    return [
        Workload("one run, 8 fields", "cold", [_run(EIGHT, one) for one in eigenpal], 1),
        Workload("one run, nested usage", "cold", [_run(NESTED, one) for one in eigenpal], 1),
        Workload("one run, debug", "cold", [_run(f"{EIGHT} debug {{ traceId }}", one) for one in eigenpal], 1),
        Workload("50 runs, cold", "cold", [_nodes(EIGHT, ids) for ids in fifties], 1),
        Workload("50 runs, mixed providers", "cold", [_nodes(EIGHT, mixed)], 41),
        Workload("50 runs, warm", "warm", [_nodes(EIGHT, ids) for ids in fifties], 0),
        Workload("50 runs with usage, warm", "warm", [_nodes(NESTED, ids) for ids in fifties], 0),
    ]


def _run(fields: str, one: str) -> bytes:
    return _body(f"query($id: ID!) {{ run(id: $id) {{ {fields} }} }}", {"id": one})


def _nodes(fields: str, ids: Sequence[str]) -> bytes:
    return _body(f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Run {{ {fields} }} }} }}", {"ids": list(ids)})


def _body(query: str, variables: object) -> bytes:
    return orjson.dumps({"query": query, "variables": variables})

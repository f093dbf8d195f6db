"""Asks a gateway over the world of canaries for whatever there is."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.app import create_app
from gateway.demo.faults import FaultBody
from gateway.demo.server import LoopbackServers
from gateway.settings import parse
from tests.gateway.calls import PROVIDERS, ended_run
from tests.gateway.toml import write_toml

from .planted import Listener, Planted

RUN = "id status error { message } usage { totalTokens } steps { id } output files { path downloadUrl }"
NODES = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Run {{ {RUN} }} }} }}"
LIST = "{ runs(first: 5) { nodes { id status } sources { provider state error { code message } } } }"
HEALTH = "{ providers { name health { state lastErrorCode } } }"
BODIES: tuple[FaultBody, ...] = ("html", "empty", "truncated", "invalid", "null", "array")


@contextmanager
def serving(plant: Planted, redis_url: str | None = None) -> Generator[httpx.Client]:
    app = create_app(parse(plant.configuration(redis_url)))
    with (
        LoopbackServers({"gateway": app}) as servers,
        # Now, since uvicorn sets up loggers when it starts.
        Listener(plant.said).listening(),
        httpx.Client(base_url=servers.urls["gateway"], trust_env=False, timeout=60) as client,
    ):
        yield client


def ids(plant: Planted) -> list[str]:
    return [f"{name}:{ended_run(plant.world, name)}" for name in PROVIDERS]


def ask(plant: Planted, client: httpx.Client, query: str, headers: dict[str, str], **variables: Any) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return plant.said.answer(client.post("/graphql", json=body, headers=headers))


def everything(plant: Planted, client: httpx.Client, headers: dict[str, str]) -> None:
    """Whatever can be asked for, by these headers."""
    run_ids = ids(plant)
    ask(plant, client, NODES, headers, ids=[*run_ids, *(f"{name}:unknown" for name in PROVIDERS)])
    ask(plant, client, LIST, headers)
    ask(plant, client, HEALTH, headers)
    run = {"query": f'{{ run(id: "{run_ids[0]}") {{ {RUN} }} }}'}
    plant.said.answer(client.get("/graphql", params=run, headers=headers))
    for suffix in ("csv", "ndjson", "parquet"):
        plant.said.answer(client.get(f"/export/runs.{suffix}?columns=id,status,output&maxRuns=3", headers=headers))
    eigenpal = plant.world.eigenpal
    run_id = next(each for each in eigenpal.by_status["completed"] if len(eigenpal.artifacts(each)) >= 2)
    for path in (*eigenpal.artifacts(run_id), "unknown"):
        plant.said.answer(client.get(f"/files/eigenpal:{run_id}/{path}", headers=headers))
    for path in ("/livez", "/readyz", "/nowhere"):
        plant.said.answer(client.get(path, headers=headers))


def written(plant: Planted, folder: Path, **changes: dict[str, Any]) -> str:
    """The configuration as a file; `changes` are of sections, "__" for a dot."""
    document = plant.configuration()
    sections: dict[str, dict[str, Any]] = {
        **{f"providers.{name}": section for name, section in document["providers"].items()},
        "cache": document["cache"],
        "auth.jwt": document["auth"]["jwt"],
        "auth.keys.reports": document["auth"]["keys"]["reports"],
    }
    for name, change in changes.items():
        sections[name.replace("__", ".")] = {**sections.get(name.replace("__", "."), {}), **change}
    return str(write_toml(folder / "rungraph.toml", sections))

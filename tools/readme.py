"""The parts of the README that are made from the code. `python tools/readme.py` writes them; a test compares them."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
from graphql import GraphQLEnumType, build_schema

from adapters import registry
from adapters.contract import Capability, How, capabilities_of
from adapters.errors import BY_CODE, ErrorCode
from adapters.model import Part
from gateway.app import GRAPHQL_PATH, create_app
from gateway.demo.ordinary import ordinary_ids
from gateway.demo.world import DemoWorld
from gateway.schema import build
from gateway.settings import parse

README = Path(__file__).parent.parent / "README.md"
_ABILITIES = {
    Capability.GET: "by id",
    Capability.LIST: "list",
    Capability.BATCH: "many ids in one call",
    Capability.FILES: "download of files",
}
_MARKS = {How.INLINE: "●", How.EXPAND: "○", How.CALL: "+1"}


def providers() -> str:
    """What each provider has, and what each part costs."""
    adapters = [registry.load(name) for name in registry.BUILT_IN]
    head = ["", *(f"[{adapter.info.title}]({adapter.info.docs_url})" for adapter in adapters)]
    rows = [["adapter", *(f"`{adapter.info.adapter}`" for adapter in adapters)]]
    rows += [
        [_ABILITIES[ability], *("●" if ability in capabilities_of(adapter) else "" for adapter in adapters)]
        for ability in Capability
    ]
    for part in Part:
        costs = [adapter.parts.get(part) for adapter in adapters]
        rows.append([part.value.lower(), *("" if how is None else _MARKS[how] for how in costs)])
    lines = [_line(head), _line(["---", *(":-:" for _ in adapters)]), *map(_line, rows)]
    return "\n".join(lines) + "\n\n● comes with every run · ○ same call, only when selected · +1 one more call\n"


def errors() -> str:
    """Every error code."""
    described = cast(GraphQLEnumType, build_schema(build().as_str()).type_map["ErrorCode"]).values
    rows = [
        _line([f"`{code.value}`", str(described[code.value].description), "yes" if BY_CODE[code].retryable else ""])
        for code in ErrorCode
    ]
    return "\n".join([_line(["code", "meaning", "retryable"]), _line(["---", "---", "---"]), *rows]) + "\n"


def answer() -> str:
    """What the demo answers to the README's query."""
    query = README.read_text(encoding="utf-8").partition("```graphql\n")[2].partition("```")[0]
    anchor = datetime(2026, 6, 1, 12, tzinfo=UTC)
    with DemoWorld(clock=lambda: anchor) as world:
        ids = ordinary_ids(world)
        found = asyncio.run(_ask(world, query, [*ids.succeeded[:4], ids.failed[4]]))
    runs = ",\n    ".join(_compact(run) for run in found["data"]["nodes"])
    return f'```json\n{{ "data": {{ "nodes": [\n    {runs}\n] }} }}\n```\n'


async def _ask(world: DemoWorld, query: str, ids: list[str]) -> dict[str, dict[str, list[dict[str, object]]]]:
    transport = httpx.ASGITransport(create_app(parse(world.configuration())))
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        reply = await client.post(GRAPHQL_PATH, json={"query": query, "variables": {"ids": ids}})
        return reply.json()


def _compact(run: dict[str, object]) -> str:
    """One run over few lines."""
    pairs = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in run.items()]
    return "{ " + ",\n      ".join((", ".join(pairs[:1]), ", ".join(pairs[1:6]), ", ".join(pairs[6:]))) + " }"


BLOCKS: Mapping[str, Callable[[], str]] = {"providers": providers, "errors": errors, "answer": answer}


def renewed(readme: str) -> str:
    """The README with its blocks made anew; ValueError where a marker is missing."""
    for name, make in BLOCKS.items():
        begin, end = f"<!-- {name}: made by tools/readme.py -->\n", f"<!-- /{name} -->\n"
        before, found, rest = readme.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"README.md has lost the markers of the block {name}")
        readme = before + begin + make() + end + after
    return readme


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")

"""Every example of the analysts' page runs, in the order of the page, against the demo."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import parse
from tests.demo.conftest import SettableClock

PAGE = Path(__file__).parent.parent.parent / "docs" / "analysts.md"
DEMO = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of the page, and the line it starts at."""

    language: str
    text: str
    line: int


def blocks() -> Iterator[Block]:
    page = PAGE.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield Block(match[1], match[2], page[: match.start()].count("\n") + 1)


BLOCKS = list(blocks())


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """Root URL of a gateway over the demo's providers."""
    with DemoWorld(clock=SettableClock()) as world:
        app = create_app(parse(world.configuration()))
        with LoopbackServers({"gateway": app}) as servers:
            yield servers.urls["gateway"]


@pytest.fixture(scope="module")
def folder(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page's commands download."""
    found = tmp_path_factory.mktemp("analysts")
    addresses = [
        (name, address)
        for block in BLOCKS
        for name, address in re.findall(r'^curl -sSf -o (\S+) "(\S+)"$', block.text, re.MULTILINE)
    ]
    assert [name for name, _ in addresses] == ["runs.csv", "runs.ndjson", "runs.parquet"]
    for name, address in addresses:
        answer = httpx.get(address.replace(DEMO, demo), timeout=60, trust_env=False)
        assert answer.status_code == 200
        (found / name).write_bytes(answer.content)
    return found


def of(language: str) -> list[Any]:
    return [pytest.param(block.text, id=f"line {block.line}") for block in BLOCKS if block.language == language]


def test_every_block_is_tried() -> None:
    assert {block.language for block in BLOCKS} == {"graphql", "json", "sh", "sql", "python"}
    assert all(of(language) for language in ("graphql", "json", "sh", "sql", "python"))


@pytest.mark.parametrize("text", of("graphql"))
def test_graphql(text: str, demo: str) -> None:
    body = {"query": text, "variables": {"from": "2026-05-01T00:00:00Z", "to": None}}
    answer = httpx.post(f"{demo}/graphql", json=body, timeout=60, trust_env=False).json()
    assert "errors" not in answer
    assert answer["data"]["usage"]["rows"]


@pytest.mark.parametrize("text", of("json"))
def test_grafana(text: str, demo: str) -> None:
    answer = httpx.post(f"{demo}/graphql", json=json.loads(text), timeout=60, trust_env=False).json()
    assert "errors" not in answer
    rows = answer["data"]["usage"]["rows"]
    assert rows
    # A table: nothing nested.
    assert not any(isinstance(value, dict | list) for row in rows for value in row.values())


@pytest.mark.parametrize("text", of("sh"))
def test_shell(text: str, demo: str, folder: Path) -> None:
    shell, curl = shutil.which("sh"), shutil.which("curl")
    if shell is None or curl is None:
        pytest.skip("there is no shell with curl here")
    environment = {**os.environ, "no_proxy": "*"}
    subprocess.run([shell, "-e", "-c", text.replace(DEMO, demo)], cwd=folder, env=environment, check=True)


ASK_DUCKDB = """\
import json, sys, duckdb
answers = [duckdb.sql(statement).fetchall() for statement in json.load(sys.stdin)]
print(json.dumps(answers, default=str))
"""


def by_duckdb(folder: Path, statements: Sequence[str]) -> Sequence[Sequence[Sequence[Any]]]:
    """The rows that each statement gives. DuckDB 2.0 complains at the end of a process that has done much else."""
    pytest.importorskip("duckdb")
    command = [sys.executable, "-c", ASK_DUCKDB]
    done = subprocess.run(command, cwd=folder, input=json.dumps(statements), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", of("sql"))
def test_duckdb(text: str, folder: Path) -> None:
    statements = list(filter(str.strip, text.split(";")))
    for statement, rows in zip(statements, by_duckdb(folder, statements), strict=True):
        assert rows
        if "complete" in statement:
            assert str(rows[0][0]).lower() == "true"


FIGURES = """
import pandas as pd
runs = pd.read_csv("runs.csv", comment="#", dtype_backend="numpy_nullable")
tokens = runs["usage.totalTokens"]
print(len(runs), int(tokens.sum()), int(runs["error.message"].count()), tokens.dtype)
"""

ONE_AFTER_THE_OTHER = """
import io, json, sys, traceback
from contextlib import redirect_stdout
ended = {}
for name, text in json.load(sys.stdin).items():
    error, out = None, io.StringIO()
    try:
        with redirect_stdout(out):
            exec(compile(text, name, "exec"), {"__name__": "__main__"})
    except BaseException:
        error = traceback.format_exc()
    ended[name] = [error, out.getvalue()]
json.dump(ended, sys.stdout)
"""


@pytest.fixture(scope="module")
def pandas_ended(demo: str, folder: Path) -> dict[str, tuple[str | None, str]]:
    """What each script with pandas raised and printed. They share a process: most of their time is the import."""
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    scripts = {block.text: block.text.replace(DEMO, demo) for block in BLOCKS if block.language == "python"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ONE_AFTER_THE_OTHER],
        input=json.dumps({**scripts, FIGURES: FIGURES}),
        cwd=folder,
        env={**os.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {text: (error, out) for text, (error, out) in json.loads(done.stdout).items()}


@pytest.mark.parametrize("text", of("python"))
def test_pandas(text: str, pandas_ended: dict[str, tuple[str | None, str]]) -> None:
    error, out = pandas_ended[text]
    assert error is None
    assert out


def test_an_export_opens_alike_everywhere(folder: Path, pandas_ended: dict[str, tuple[str | None, str]]) -> None:
    figures = 'count(*), sum("usage.totalTokens"), count("error.message"), epoch_ms(max("createdAt"))'
    sources = (
        "read_csv('runs.csv', comment = '#')",
        "(SELECT * FROM read_ndjson('runs.ndjson') WHERE _end IS NULL)",
        "'runs.parquet'",
    )
    found = by_duckdb(folder, [f"SELECT {figures} FROM {source}" for source in sources])
    assert found[0] == found[1] == found[2]
    count, tokens, errors, _ = found[0][0]
    assert pandas_ended[FIGURES] == (None, f"{count} {tokens} {errors} Int64\n")

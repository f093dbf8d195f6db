"""The shape of the code: which way imports point, what shared code may say, how long a file may be."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import registry

ROOT = Path(__file__).parent.parent
ADAPTERS, GATEWAY, DEMO = ROOT / "adapters", ROOT / "gateway", ROOT / "gateway" / "demo"
MAX_LINES = 350
OWN_MODULES = tuple(path.removeprefix("adapters.").partition(":")[0] for path in registry.BUILT_IN.values())


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "node_modules" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


def is_own(path: Path) -> bool:
    """Whether a file belongs to one provider alone."""
    inside = path.relative_to(ROOT).parts
    name = inside[1] if inside[0] == "adapters" else path.stem
    return any(name.removesuffix(".py").split("_")[0] == own for own in OWN_MODULES)


@pytest.mark.parametrize("path", sources(ADAPTERS), ids=str)
def test_adapters_know_neither_the_gateway_nor_graphql(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in {"gateway", "strawberry", "graphql", "starlette"}, name


@pytest.mark.parametrize("path", sources(DEMO), ids=str)
def test_simulators_share_no_code_with_the_adapters(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] != "adapters", name
        if path.name not in {"launch.py", "examples.py"}:
            assert not name.startswith("gateway.") or name.startswith("gateway.demo"), name


HTTP_CLIENTS = {
    "adapters/upstream/carriers.py",  # asks providers
    "gateway/commands/client.py",  # asks a gateway that runs elsewhere, for the command line
}


def test_one_module_a_side_knows_the_http_client() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for folder in (ADAPTERS, GATEWAY)
        for path in sources(folder)
        if {name.split(".")[0] for name in imports(path)} & {"httpx", "pyreqwest", "wreq", "aiohttp", "requests"}
    }
    assert {path for path in knowing if not path.startswith("adapters/testing/")} == HTTP_CLIENTS


def test_only_the_gateway_knows_strawberry() -> None:
    for path in sources(GATEWAY):
        if "strawberry" in {name.split(".")[0] for name in imports(path)}:
            assert not path.is_relative_to(DEMO), path


@pytest.mark.parametrize("path", [p for f in (ADAPTERS, GATEWAY) for p in sources(f)], ids=str)
def test_shared_code_says_no_providers_word(path: Path) -> None:
    if path.is_relative_to(DEMO) or is_own(path) or path == ADAPTERS / "registry.py":
        return
    text = path.read_text(encoding="utf-8").lower()
    words = [*registry.BUILT_IN, "bridge town"]
    found = [word for word in words if re.search(rf"\b{word}\b", text)]
    # "refactor" is also an English verb, and no file has a reason to use it.
    assert not found


@pytest.mark.parametrize("path", [p for f in (ADAPTERS, GATEWAY, ROOT / "tools") for p in sources(f)], ids=str)
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES

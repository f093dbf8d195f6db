"""The documents say what the code does."""

import re
from pathlib import Path

import pytest

from adapters import registry
from tools import readme

ROOT = Path(__file__).parent.parent


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_readme_shows_what_the_code_says() -> None:
    current = text_of("README.md")
    assert readme.renewed(current) == current, "run: python tools/readme.py"


def test_the_readme_runs_the_tests_as_ci_does() -> None:
    assert ".venv/bin/python -m pytest\n" in text_of("README.md")
    assert text_of(".ci/run").rstrip().endswith(".venv/bin/python -m pytest")


def test_every_command_is_in_the_readme() -> None:
    from gateway.cli import app

    for command in app.registered_commands:
        assert command.callback is not None
        assert f"rungraph {command.callback.__name__}" in text_of("README.md") + text_of("CONTRIBUTING.md")


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(document: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", text_of(document)):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("adapter", registry.BUILT_IN)
def test_every_provider_was_added_in_the_steps_of_contributing(adapter: str) -> None:
    steps = text_of("CONTRIBUTING.md").partition("## Add a provider")[2].partition("## Habits")[0]
    named = [path for path in re.findall(r"`([\w/.<>]+)`", steps) if "<adapter>" in path]
    assert len(named) == 4
    for pattern in named:
        path = pattern.replace("<adapter>", adapter).replace("<scenario>", "*")
        package = path.removesuffix(".py")
        assert list(ROOT.glob(path)) or list(ROOT.glob(f"{package}/__init__.py")), path
    for shared in ("adapters/registry.py", "schema.graphql", "README.md", "rungraph.example.toml"):
        assert shared.rpartition("/")[2] in steps
        assert adapter in text_of(shared).lower()


def test_the_layout_in_contributing_exists() -> None:
    layout = text_of("CONTRIBUTING.md").partition("```\nadapters/")[2].partition("```")[0]
    for name in re.findall(r"(\w+\.py)", layout):
        assert list(ROOT.glob(f"adapters/**/{name}")) or list(ROOT.glob(f"gateway/**/{name}")), name

"""tools/check_schema.py: a breaking change of the schema has to be named in the changelog."""

import os
import subprocess
from pathlib import Path

import pytest

from tools.check_schema import breaking_changes, check, is_named

OLD = """
type Query { run(id: ID!): Run, count: Int }
type Run { id: ID!, name: String, size: Int, state: State! }
enum State { ON OFF }
"""
CHANGELOG = "# Changelog\n\n## Unreleased\n\n### Changed\n\n- Faster.\n"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("count: Int", "", "Query.count was removed"),
        ("name: String", "name: Int", "Run.name changed type from String to Int"),
        ("state: State!", "state: State", "Run.state changed type from State! to State"),
        ("ON OFF", "ON", "OFF"),
        ("id: ID!)", "id: ID!, at: Int!)", "at"),
        ("id: ID!)", "id: Int!)", "changed type from ID! to Int!"),
    ],
)
def test_what_can_break_a_query_is_found(old: str, new: str, sentence: str) -> None:
    (change,) = breaking_changes(OLD, OLD.replace(old, new))

    assert sentence in change


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("count: Int", "count: Int!, other: String"),
        ("ON OFF", "ON OFF DIM"),
        ("id: ID!)", "id: ID!, at: Int)"),
        ("type Query", '"The root." type Query'),
    ],
)
def test_what_adds_to_the_schema_breaks_nothing(old: str, new: str) -> None:
    assert breaking_changes(OLD, OLD.replace(old, new, 1)) == []


@pytest.mark.parametrize(
    ("changelog", "named"),
    [
        (CHANGELOG, False),
        (f"{CHANGELOG}- Breaking schema change: `count` is gone.\n", True),
        (f"{CHANGELOG}- Faster. Breaking schema change: no.\n", False),
        (f"{CHANGELOG}\n## 0.1.0\n\n- Breaking schema change: long ago.\n", False),
        ("# Changelog\n\n- Breaking schema change: nowhere.\n", False),
    ],
)
def test_a_breaking_change_is_named_in_what_is_not_released(changelog: str, named: bool) -> None:
    assert is_named(changelog) is named


class Repository:
    """A git repository with a schema and a changelog."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        self.write(OLD, CHANGELOG)

    def git(self, *arguments: str) -> None:
        person = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        subprocess.run(["git", "-C", self.root, *person, *arguments], check=True, capture_output=True, env=environment)

    def write(self, schema: str, changelog: str) -> None:
        (self.root / "schema.graphql").write_text(schema, encoding="utf-8")
        (self.root / "CHANGELOG.md").write_text(changelog, encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--allow-empty")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


BROKEN = OLD.replace(", count: Int", "")


def test_the_working_tree_is_compared_with_the_last_commit(repository: Repository) -> None:
    repository.commit()
    repository.write(BROKEN, CHANGELOG)

    code, lines = check(repository.root)

    assert code == 1
    assert lines[0] == "Breaking changes since HEAD:"
    assert "Query.count" in lines[1]
    assert "- Breaking schema change: ..." in lines[2]

    repository.write(BROKEN, f"{CHANGELOG}- Breaking schema change: `Query.count` is gone.\n")
    assert check(repository.root)[0] == 0


def test_a_commit_is_compared_with_the_one_before(repository: Repository) -> None:
    repository.commit()
    repository.write(BROKEN, CHANGELOG)
    repository.commit()

    assert check(repository.root)[0] == 1
    assert check(repository.root, "HEAD") == (0, ["No breaking change since HEAD."])


def test_a_branch_is_compared_with_where_it_began(repository: Repository) -> None:
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.write(BROKEN, CHANGELOG)
    repository.commit()
    repository.commit()

    code, lines = check(repository.root)

    assert code == 1
    assert "Query.count" in lines[1]


def test_the_first_schema_has_nothing_to_break(repository: Repository) -> None:
    assert check(repository.root) == (0, ["HEAD has no schema.graphql to compare with."])
    repository.commit()
    assert check(repository.root) == (0, ["HEAD~ has no schema.graphql to compare with."])

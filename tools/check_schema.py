"""Refuses a change of `schema.graphql` that can break a client's query, unless the changelog names it.

    python tools/check_schema.py [REVISION]

compares it with the one at a git revision: without an argument the last commit if the working tree has another schema,
else where this branch left `origin/main`, else the commit before the last. Exit code 1 where a breaking change is not
named by a line `- Breaking schema change: ...` below `## Unreleased` in CHANGELOG.md.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from graphql import BreakingChange, build_schema, find_schema_changes

ROOT = Path(__file__).parent.parent
SCHEMA = "schema.graphql"
NAMED = "- Breaking schema change:"


def breaking_changes(old: str, new: str) -> list[str]:
    """What in the new schema, as SDL, can break a query that the old one allowed; one sentence each."""
    changes = find_schema_changes(build_schema(old), build_schema(new))
    return [change.description for change in changes if isinstance(change, BreakingChange)]


def is_named(changelog: str) -> bool:
    """Whether the changelog's section of what is not released yet names a breaking change."""
    _, _, unreleased = changelog.partition("\n## Unreleased\n")
    return any(line.startswith(NAMED) for line in unreleased.partition("\n## ")[0].splitlines())


def schema_at(revision: str, root: Path) -> str | None:
    """The schema at a revision; None where there is no such revision, or none that has a schema."""
    return _git(root, "show", f"{revision}:{SCHEMA}")


def base_revision(root: Path) -> str:
    """What the working tree is to be compared with."""
    if schema_at("HEAD", root) != (root / SCHEMA).read_text(encoding="utf-8"):
        return "HEAD"
    head, fork = _git(root, "rev-parse", "HEAD"), _git(root, "merge-base", "HEAD", "origin/main")
    return "HEAD~" if fork is None or fork == head else fork.strip()


def check(root: Path, revision: str | None = None) -> tuple[int, list[str]]:
    """Exit code, and what to print."""
    base = revision or base_revision(root)
    old = schema_at(base, root)
    if old is None:
        return 0, [f"{base} has no {SCHEMA} to compare with."]
    changes = breaking_changes(old, (root / SCHEMA).read_text(encoding="utf-8"))
    if not changes:
        return 0, [f"No breaking change since {base}."]
    found = [f"Breaking changes since {base}:", *(f"  {change}" for change in changes)]
    if is_named((root / "CHANGELOG.md").read_text(encoding="utf-8")):
        return 0, found
    return 1, [*found, f'Undo them, or name them in CHANGELOG.md below "## Unreleased": {NAMED} ...']


def main(arguments: Sequence[str]) -> int:
    code, lines = check(ROOT, next(iter(arguments), None))
    sys.stdout.write("\n".join(lines) + "\n")
    return code


def _git(root: Path, *arguments: str) -> str | None:
    """What a git command prints; None where it fails."""
    command = ("git", "-C", str(root), *arguments)
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - fixed commands
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`rungraph documents`: a manifest that the gateway reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.limits.manifest import Manifest, digest_of, read_manifest

from .asking import rungraph

RUN = "query Run($id: ID!) {\r\n  run(id: $id) { ...Head }\r\n}\nfragment Head on Run { id status }\n"
LISTS = "query First { runs(first: 1) { nodes { id } } }\nquery Names { providers { name } }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "run.graphql").write_bytes(RUN.encode())
    (tmp_path / "lists.gql").write_text(LISTS, encoding="utf-8")
    (tmp_path / "unnamed.graphql").write_text("{ __typename }", encoding="utf-8")
    (tmp_path / "README.md").write_text("{", encoding="utf-8")
    return tmp_path


def test_a_folder_becomes_a_manifest(folder: Path, tmp_path: Path) -> None:
    ended = rungraph("documents", folder)
    assert (ended.code, ended.err) == (0, "")
    operations: list[dict[str, Any]] = ended.document["operations"]
    assert [(operation["name"], operation["type"]) for operation in operations] == [
        ("Run", "query"),
        ("First", "query"),
        ("Names", "query"),
        ("unnamed", "query"),
    ]
    assert all(operation["id"] == digest_of(operation["body"]) for operation in operations)
    assert operations[0]["body"] == RUN
    path = tmp_path / "documents.json"
    path.write_text(ended.out, encoding="utf-8")
    manifest = read_manifest(str(path))
    assert isinstance(manifest, Manifest)
    assert manifest.texts == {RUN, LISTS, "{ __typename }"}


def test_files_may_be_named_and_count_once(folder: Path) -> None:
    ended = rungraph("documents", folder / "lists.gql", folder / "lists.gql")
    assert len(ended.document["operations"]) == 2
    assert rungraph("documents", folder).out == rungraph("documents", folder).out


def test_what_the_schema_does_not_have_is_said_with_its_place(folder: Path) -> None:
    (folder / "wrong.graphql").write_text("query Wrong {\n  providers { nam }\n}", encoding="utf-8")
    (folder / "more.graphql").write_text("query Run { providers { name } }", encoding="utf-8")
    (folder / "half.graphql").write_text("query {", encoding="utf-8")
    ended = rungraph("documents", folder)
    assert (ended.code, ended.out) == (1, "")
    assert f"{folder / 'wrong.graphql'}:2:15: Cannot query field 'nam'" in ended.err
    assert f"{folder / 'half.graphql'}:1:8: Syntax Error" in ended.err
    assert "has an operation Run, too" in ended.err


def test_a_file_over_a_limit_is_refused(folder: Path) -> None:
    (folder / "wide.graphql").write_text(f"query W {{ {'__typename ' * 300} }}", encoding="utf-8")
    ended = rungraph("documents", folder)
    assert ended.code == 1
    assert "limits.max_selections" in ended.err


def test_what_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        ended = rungraph("documents", path)
        assert (ended.code, ended.out) == (2, "")
        assert str(path) in ended.err
    (tmp_path / "x.graphql").write_bytes(b"\xff")
    assert rungraph("documents", tmp_path).code == 2


def test_the_ids_of_files_are_those_of_their_bytes(folder: Path) -> None:
    document = json.loads(rungraph("documents", folder / "deep").out)
    assert document["operations"][0]["id"] == digest_of(RUN)


def test_whoever_has_the_configuration_may_ask_anything(config: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({"x": "{ __typename }"}), encoding="utf-8")
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[documents]\nmode = "enforce"\nmanifest = "{manifest}"\n')
    assert rungraph("query", "-", stdin="{ other: __typename }").document == {"data": {"other": "Query"}}

"""Manifests as they are read, and every way to be none."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.limits.manifest import Manifest, read_manifest
from gateway.settings import ConfigError, parse

A, B = "{ __typename }", "query B { providers { name } }"
PROVIDERS = {"refactor": {"base_url": "http://provider.test/v1", "token": "t0ken"}}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(*operations: Any, **changes: Any) -> dict[str, Any]:
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": list(operations), **changes}


def operation(name: str, body: Any, identifier: Any = None) -> dict[str, Any]:
    return {"id": identifier or digest(body), "name": name, "type": "query", "body": body}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "documents.json"


def read(file: Path, document: Any) -> Manifest:
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    manifest = read_manifest(str(file))
    assert isinstance(manifest, Manifest)
    return manifest


@pytest.mark.parametrize(
    "document",
    [
        {"a": A, "b": B},
        {digest(A): A, digest(B): B},
        {f"sha256:{digest(A)}": A, "b": B},
        apollo(operation("A", A), operation("B", B)),
        apollo(operation("A", A, "a"), operation("B", B, "b"), operation("C", B, "b")),
    ],
)
def test_documents_are_known_by_their_ids_and_their_digests(file: Path, document: Any) -> None:
    manifest = read(file, document)
    assert manifest.texts == {A, B}
    for text in (A, B):
        assert manifest.by_id[f"sha256:{digest(text)}"] == manifest.by_id[digest(text)] == text
    if "a" in document:
        assert manifest.by_id["a"] == A


BROKEN: list[tuple[Any, str]] = [
    ("{", "is not valid JSON"),
    ([], "expected an object, of ids and documents or in Apollo's format"),
    ({}, "there are no documents in it"),
    (apollo(), "there are no documents in it"),
    ({"a": ""}, '"a" has no document'),
    ({"a": {"text": A}}, '"a" has no document'),
    ({"a b": A}, "'a b' can't be the id of a document"),
    ({"x" * 300: A}, f"'{'x' * 64}' can't be the id of a document"),
    ({"sha256:" + digest(B): A}, f'"sha256:{digest(B)}" is not the digest of its document'),
    (apollo(version=2), 'expected the format "apollo-persisted-query-manifest", version 1'),
    ({"operations": []}, 'expected the format "apollo-persisted-query-manifest", version 1'),
    (apollo(operations={}), "operations: expected a list"),
    (apollo(7), "operations.0.id: expected a text"),
    (apollo(operation("A", A), {"id": 7, "body": A}), "operations.1.id: expected a text"),
    (apollo({"id": "a"}), '"a" has no document'),
    (apollo(operation("A", A, "x"), operation("B", B, "x")), 'the id "x" stands for two documents'),
]


@pytest.mark.parametrize(("document", "message"), BROKEN, ids=[message[:30] for _, message in BROKEN])
def test_a_bad_manifest_is_one_sentence_that_names_the_key(file: Path, document: Any, message: str) -> None:
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        parse({"providers": PROVIDERS, "documents": {"manifest": str(file)}})
    assert str(error.value).startswith("documents.manifest: ")
    assert str(error.value).endswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"manifest": "nowhere.json"}, "documents.manifest: can't read nowhere.json: No such file or directory"),
        ({"manifest": 7}, "documents.manifest: expected the path of a file"),
        ({"manifest": ""}, "documents.manifest: expected the path of a file"),
        ({"mode": "enforce"}, 'documents.manifest: the mode "enforce" needs a manifest'),
        ({"mode": "log"}, 'documents.manifest: the mode "log" needs a manifest'),
        ({"mode": "strict"}, "documents.mode: should be 'off', 'log' or 'enforce'"),
        ({"mod": "off"}, "documents.mod: there is no such key"),
    ],
)
def test_a_wrong_section_is_one_sentence(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse({"providers": PROVIDERS, "documents": section})
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("section", "key"), [({"max_depth": 0}, "max_depth"), ({"max_cost": "x"}, "max_cost"), ({"cost": 1}, "cost")]
)
def test_a_wrong_limit_names_its_key(section: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^limits\.{key}: "):
        parse({"providers": PROVIDERS, "limits": section})

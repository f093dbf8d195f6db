"""Manifests: files that say which documents are trusted.

Two forms are read: Relay's, an object of ids and texts, and Apollo's, `{"format": "apollo-persisted-query-manifest",
"version": 1, "operations": [{"id": .., "body": ..}]}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import orjson

APOLLO_FORMAT = "apollo-persisted-query-manifest"
APOLLO_VERSION = 1
SHA256 = "sha256:"
"""What an identifier starts with that is the digest of its document (GraphQL over HTTP, appendix A)."""
IDENTIFIER = re.compile(r"[A-Za-z0-9._~:-]{1,256}")


def digest_of(text: str) -> str:
    """What stands for a document: the SHA-256 of its text, in hexadecimal digits."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """Documents by their identifiers: those that the file gives them, and "sha256:" with their digest."""

    by_id: Mapping[str, str] = field(repr=False)
    texts: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, documents: Iterable[tuple[str, str]]) -> "Manifest":
        """Of identifiers and texts; ValueError where an identifier stands for two documents."""
        by_id: dict[str, str] = {}
        for identifier, text in documents:
            if by_id.setdefault(identifier, text) != text:
                raise ValueError(f'the id "{identifier}" stands for two documents')
        for text in list(by_id.values()):
            digest = digest_of(text)
            by_id[SHA256 + digest] = text
            by_id.setdefault(digest, text)
        return cls(by_id, frozenset(by_id.values()))


def read_manifest(value: object) -> object:
    """The manifest in the file at a path; ValueError with one sentence where there is none that can be used."""
    if isinstance(value, Manifest):
        return value
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("expected the path of a file")
    try:
        document = orjson.loads(Path(value).expanduser().read_bytes())
    except OSError as error:
        raise ValueError(f"can't read {value}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"{value} is not valid JSON") from None
    try:
        return Manifest.of(list(_documents(document)))
    except ValueError as error:
        raise ValueError(f"{value}: {error}") from None


def _documents(document: Any) -> Iterable[tuple[str, str]]:
    if not isinstance(document, dict):
        raise ValueError("expected an object, of ids and documents or in Apollo's format")
    members = cast("dict[str, Any]", document)
    if "format" in members or "operations" in members:
        members = dict(_operations(members))
    if not members:
        raise ValueError("there are no documents in it")
    for identifier, text in members.items():
        if not IDENTIFIER.fullmatch(identifier):
            raise ValueError(f"{identifier[:64]!r} can't be the id of a document")
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f'"{identifier}" has no document')
        if identifier.startswith(SHA256) and identifier != SHA256 + digest_of(text):
            raise ValueError(f'"{identifier}" is not the digest of its document')
        yield identifier, text


def _operations(manifest: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Ids and bodies in Apollo's format; several operations of one document have one id."""
    if manifest.get("format") != APOLLO_FORMAT or manifest.get("version") != APOLLO_VERSION:
        raise ValueError(f'expected the format "{APOLLO_FORMAT}", version {APOLLO_VERSION}')
    operations = manifest.get("operations")
    if not isinstance(operations, list):
        raise ValueError("operations: expected a list")
    seen: dict[str, Any] = {}
    for place, operation in enumerate(cast("list[Any]", operations)):
        members = cast("dict[str, Any]", operation) if isinstance(operation, dict) else {}
        identifier, body = members.get("id"), members.get("body")
        if not isinstance(identifier, str):
            raise ValueError(f"operations.{place}.id: expected a text")
        if seen.setdefault(identifier, body) != body:
            raise ValueError(f'the id "{identifier[:64]}" stands for two documents')
        yield identifier, body

"""Makes a manifest of GraphQL files. `manifest` reads such files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphql import GraphQLError

from gateway.documents import Documents
from gateway.schema import build

from .manifest import APOLLO_FORMAT, APOLLO_VERSION, digest_of


def collect(texts: Mapping[Path, str]) -> tuple[Mapping[str, Any], list[str]]:
    """The manifest, in Apollo's format, of the documents in some files; and what is wrong with them, in lines.

    Each file is one document. It is held to the schema and to the default limits.
    """
    ready = Documents(build().graphql_schema)
    operations: list[dict[str, str]] = []
    troubles: list[str] = []
    places: dict[str, Path] = {}
    for path, text in texts.items():
        document = ready.get(text)
        troubles += [_trouble(path, error) for error in document.errors]
        for key, operation in document.operations.items():
            # One without a name has that of its file.
            name = key or path.stem
            if name in places:
                troubles.append(f"{path}: {places[name]} has an operation {name}, too")
            places[name] = path
            operations.append({"id": digest_of(text), "name": name, "type": operation.kind.value, "body": text})
    return {"format": APOLLO_FORMAT, "version": APOLLO_VERSION, "operations": operations}, troubles


def _trouble(path: Path, error: GraphQLError) -> str:
    where = "".join(f":{place.line}:{place.column}" for place in (error.locations or ())[:1])
    return f"{path}{where}: {error.message}"

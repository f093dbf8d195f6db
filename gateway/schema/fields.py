"""How the fields of the schema are declared.

A sync resolver without arguments, below the root, has to be a pure function of its source and `info.context`: code
generated for an operation (`gateway.execution`) calls it, and graphql-core may call it once more.
"""

from collections.abc import Callable
from typing import Any

import strawberry

from adapters.model import Part, RunRecord
from gateway.plan import PART_KEY

PLAIN_KEY = "plain"
"""Metadata of a field whose resolver needs the request's context: what reads it from its source alone."""


def described(description: str, *, needs: Part | None = None) -> Any:
    """A field that reads the attribute of the same name.

    `needs` is a part that brings the attribute along, where a run can be known without it, as from a list.
    """
    return strawberry.field(description=description, metadata={} if needs is None else {PART_KEY: needs})


def part(which: Part, description: str, attribute: str | None = None) -> Any:
    """A field that reads a part of a run, or raises what kept the part from being fetched.

    The plan of an operation finds these fields by their metadata.
    """
    return strawberry.field(resolver=of_part(which, attribute), description=description, metadata={PART_KEY: which})


def of_part(which: Part, attribute: str | None = None) -> Callable[[RunRecord], Any]:
    """What reads a part of a run, or raises what kept the part from being fetched."""
    name = attribute or which.value.lower()

    def resolve(root: strawberry.Parent[RunRecord]) -> Any:
        error = root.part_errors.get(which)
        if error is not None:
            raise error
        return getattr(root, name)

    return resolve

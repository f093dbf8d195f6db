"""Completes the rows of a list: parts that were selected and that a row does not hold are fetched."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from adapters.errors import NotFound
from adapters.model import PART_FIELDS, Part, RunRecord
from gateway.context import Context
from gateway.providers import Provider

_PART_FIELDS = frozenset(name for names in PART_FIELDS.values() for name in names) | {"parts", "part_errors"}


async def complete(
    rows: Sequence[RunRecord], context: Context, response_key: str, variables: Mapping[str, Any]
) -> list[RunRecord]:
    """The rows with every part that the operation selects below a root field, or the error of that part."""
    return await with_parts(rows, context, lambda provider: context.parts(response_key, provider, variables))


async def with_parts(
    rows: Sequence[RunRecord], context: Context, parts_of: Callable[[Provider], frozenset[Part]]
) -> list[RunRecord]:
    """The rows with every part that is wanted of their provider, or the error of that part.

    Rows that hold all of it cost nothing. The others are fetched through the request's loaders: together where the
    provider can, else one by one.
    """
    wanted: dict[str, frozenset[Part]] = {}
    for name in {row.provider for row in rows}:
        if (provider := context.providers.get(name)) is not None:
            wanted[name] = provider.supported(parts_of(provider))
    return await asyncio.gather(*(_complete(row, wanted.get(row.provider, frozenset()), context) for row in rows))


async def _complete(row: RunRecord, wanted: frozenset[Part], context: Context) -> RunRecord:
    missing = wanted - row.parts
    provider = context.providers.get(row.provider)
    if not missing or provider is None:
        return row
    try:
        found = await context.loader(provider).load(row.native_id, missing)
    except Exception as error:
        # An adapter's own mistake, too, costs these parts of this run only; as any unexpected error it is shown masked.
        return _without(row, missing, error)
    if found is None:
        gone = NotFound("the run was listed, and is gone", provider=row.provider)
        return _without(row, missing, gone)
    return _joined(row, found)


def _without(row: RunRecord, missing: frozenset[Part], error: Exception) -> RunRecord:
    errors: dict[Part, Any] = {**row.part_errors, **dict.fromkeys(missing, error)}
    return replace(row, part_errors=errors)


def _joined(row: RunRecord, found: RunRecord) -> RunRecord:
    """What was looked up, and what only the list says: some providers' lists know more than their runs."""
    if type(row) is not type(found):
        return row.with_parts_of(found)
    known = {
        name: value
        for name in row.__struct_fields__
        if name not in _PART_FIELDS and getattr(found, name) is None and (value := getattr(row, name)) is not None
    }
    # A run may answer to several forms of its id; cursors have the one of the list.
    return replace(found.with_parts_of(row), native_id=row.native_id, **known)

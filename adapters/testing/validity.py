"""What makes a record valid: every value is of its declared type, and the fields do not contradict each other."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from adapters.contract import RunAdapter
from adapters.model import PART_FIELDS, Part, RunRecord, Step, TokenAccounting, Usage
from adapters.status import RunStatus

from .typecheck import check_of

_SMALL_COUNTS = frozenset({"model_calls", "retries", "agent_turns", "pages_processed"})
AdapterType = type[RunAdapter[Any]]


def faults(record: RunRecord, adapter: AdapterType, name: str) -> list[str]:
    """What is wrong with a record of the provider `name`, whatever that sent; empty where it is valid."""
    wrong_types = [f"record{fault}" for fault in check_of(adapter.record_type)(record)]
    return wrong_types or list(_contradictions(record, adapter, name))


def document_faults(record: RunRecord) -> list[str]:
    """What is wrong with a record made from a reply that is as documented: figures that can't be true together."""
    found: list[str] = []
    if record.started_at and record.ended_at and record.ended_at < record.started_at:
        found.append("ended before it started")
    if record.created_at and record.started_at and record.started_at < record.created_at:
        found.append("started before it was created")
    if record.ended_at is not None and record.is_terminal is False:
        found.append("ended, but not terminal")
    usage = record.usage
    if usage is not None:
        wholes = [("reasoning output", usage.reasoning_output_tokens, usage.output_tokens)]
        if usage.token_accounting is TokenAccounting.INCLUDES_CACHED:
            wholes.append(("cached input", usage.cache_read_input_tokens, usage.input_tokens))
        found += [f"more {name} than all" for name, part, whole in wholes if (part or 0) > (whole or part or 0)]
    for step in record.steps or ():
        if step.started_at and step.ended_at and step.ended_at < step.started_at:
            found.append(f"step {step.id} ended before it started")
    return found


def _contradictions(record: RunRecord, adapter: AdapterType, name: str) -> Iterator[str]:
    if type(record) is not adapter.record_type:
        yield f"a {type(record).__name__} is not the adapter's record_type"
    if record.provider != name:
        yield f"provider is {record.provider!r}, not the configured name"
    if not record.native_id:
        yield "native_id is empty"
    provider, _, native_id = record.id.partition(":")
    if (provider, unquote(native_id)) != (name, record.native_id):
        yield f"the id {record.id!r} does not lead back to the run"
    if record.status is not RunStatus.UNKNOWN and record.is_terminal is not record.status.is_terminal:
        yield f"is_terminal is {record.is_terminal} at {record.status}"
    if record.duration_ms is not None and record.duration_ms < 0:
        yield "negative duration"
    yield from _part_contradictions(record, adapter)
    if record.usage is not None:
        yield from _usage_contradictions(record.usage, is_partial=record.is_terminal is not True)
    yield from _step_contradictions(record.steps or ())


def _part_contradictions(record: RunRecord, adapter: AdapterType) -> Iterator[str]:
    supported = frozenset(adapter.parts)
    if foreign := (record.parts | frozenset(record.part_errors)) - supported:
        yield f"holds {foreign}, which the adapter does not support"
    if both := record.parts & frozenset(record.part_errors):
        yield f"{both} are held and failed"
    for part in frozenset(Part) - record.parts:
        for name in PART_FIELDS[part]:
            if getattr(record, name) is not None:
                yield f"{name} has a value, but {part} is not in parts"


def _usage_contradictions(usage: Usage, *, is_partial: bool) -> Iterator[str]:
    for name in usage.__struct_fields__:
        value = getattr(usage, name)
        if isinstance(value, int | float) and value < 0:
            yield f"usage.{name} is negative"
        if name in _SMALL_COUNTS and value is not None and value >= 2**31:
            yield f"usage.{name} does not fit the 32 bits of a GraphQL Int"
    if usage.is_partial is not is_partial:
        yield f"usage.is_partial is {usage.is_partial}"
    if "totalTokens" in usage.derived_fields:
        known = [n for n in (usage.input_tokens, usage.output_tokens) if n is not None]
        if usage.total_tokens is None or usage.total_tokens < sum(known):
            yield "the derived total is less than its parts"


def _step_contradictions(steps: Iterable[Step]) -> Iterator[str]:
    """A tree in pre-order: a parent stands before its children, one level up; ids are unique."""
    line: list[Step] = []
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            yield f"step {step.id!r} stands twice"
        seen.add(step.id)
        del line[step.depth :]
        if step.depth < 0 or len(line) != step.depth:
            yield f"step {step.id!r} has no parent at depth {step.depth}"
        elif line and step.parent_id != line[-1].id:
            yield f"step {step.id!r} stands below {line[-1].id!r} and names {step.parent_id!r}"
        elif not line and step.parent_id in seen:
            yield f"step {step.id!r} stands at the top although its parent is there"
        line.append(step)

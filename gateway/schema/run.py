"""`Node` and `Run`: what every run answers, whatever system ran it. The source of these fields is a `RunRecord`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import strawberry

from adapters.errors import AdapterError
from adapters.model import Debug as DebugRecord
from adapters.model import Part, RunKind, RunRecord
from adapters.model import RunEvent as RunEventRecord
from adapters.status import RunStatus, StatusSource
from gateway.context import Context
from gateway.execution import by_class
from gateway.files.links import linked
from gateway.plan import PART_KEY

from .fields import PLAIN_KEY, described, of_part, part
from .provider import Provider
from .scalars import JSON
from .values import Actor, Fallback, RunError, RunEvent, RunFile, RunTarget, RunWarning, Step, Usage

Info = strawberry.Info[Context, None]


@by_class
def type_name_of(record: RunRecord, info: Any, _abstract: Any) -> str:
    """The GraphQL type of a record: the one of its adapter."""
    context: Context = info.context
    return context.type_names[type(record)]


@by_class
def is_run(source: object, _info: Any) -> bool:
    """Whether a source is a run at all: which type it is, `type_name_of` has already said."""
    return isinstance(source, RunRecord)


@strawberry.interface(description="Anything with an id that `node` can look up.")
class Node:
    id: strawberry.ID = described("The id at this gateway.")

    resolve_type = type_name_of


@dataclass(frozen=True, slots=True)
class DebugView:
    """Two parts in one object, so that each fails alone."""

    debug: DebugRecord
    events: tuple[RunEventRecord, ...] | None
    events_error: AdapterError | None


def _of_debug(description: str, attribute: str) -> Any:
    def resolve(root: strawberry.Parent[DebugView]) -> Any:
        return getattr(root.debug, attribute)

    return strawberry.field(resolver=resolve, description=description)


def _events(root: strawberry.Parent[DebugView]) -> Any:
    if root.events_error is not None:
        raise root.events_error
    return root.events


@strawberry.type(description="What helps to find out why a run did what it did.")
class Debug:
    trace_id: str | None = _of_debug("Id of the trace at the provider.", "trace_id")
    span_id: str | None = _of_debug("Id of the span at the provider.", "span_id")
    stdout: str | None = _of_debug("What the run's process printed.", "stdout")
    stderr: str | None = _of_debug("What the run's process printed as errors.", "stderr")
    exit_code: int | None = _of_debug("Exit code of the run's process.", "exit_code")
    retries: int | None = _of_debug("Tries beyond the first.", "retries")
    fallback: Fallback | None = _of_debug("Whether another model had to take over.", "fallback")
    state: JSON | None = _of_debug("Working state of the run.", "state")
    observability: JSON | None = _of_debug("Measurements of the provider.", "observability")
    events: list[RunEvent] | None = strawberry.field(
        resolver=_events, description="The timeline of the run.", metadata={PART_KEY: Part.EVENTS}
    )


def _debug(root: strawberry.Parent[RunRecord]) -> Any:
    error = root.part_errors.get(Part.DEBUG)
    if error is not None:
        raise error
    events_error = root.part_errors.get(Part.EVENTS)
    if root.debug is None and root.events is None and events_error is None:
        return None
    return DebugView(root.debug or DebugRecord(), root.events, events_error)


def _files(root: strawberry.Parent[RunRecord], info: Info) -> Any:
    error = root.part_errors.get(Part.FILES)
    if error is not None:
        raise error
    return linked(root, info.context)


def _provider(root: strawberry.Parent[RunRecord], info: Info) -> Any:
    return info.context.providers.get(root.provider)


@strawberry.interface(description="One execution of an agent, workflow, prompt, task or model, whatever system ran it.")
class Run(Node):
    resolve_type = type_name_of
    is_type_of = staticmethod(is_run)

    provider: Provider = strawberry.field(resolver=_provider, description="The configured provider that ran it.")
    native_id: str = described("The id at the provider.")
    kind: RunKind = described("What sort of thing was executed.")
    status: RunStatus = described("Where the run stands, in the vocabulary of all providers.")
    raw_status: str | None = described("The provider's own word; null where it has none.")
    status_source: StatusSource = described("Whether the provider said the status.")
    is_terminal: bool | None = described("Whether the run has ended; null only where nobody can tell.")
    created_at: datetime | None = described("When it was created.")
    started_at: datetime | None = described("When it started.")
    ended_at: datetime | None = described("When it ended.")
    duration_ms: float | None = described("How long it took, in milliseconds.")
    target: RunTarget | None = described("What was executed.")
    initiator: Actor | None = described("Who or what started it.")
    parent_id: strawberry.ID | None = described("The run that started this one.")
    error: RunError | None = part(Part.ERROR, "What went wrong inside the run; null where nothing did.")
    warnings: list[RunWarning] = described("What a reader should know that is not a failure.")
    tags: list[str] = described("Labels given at the provider.")
    metadata: JSON | None = described("Free data given at the provider.")
    input: JSON | None = part(Part.INPUT, "What the run was given.")
    output: JSON | None = part(Part.OUTPUT, "What the run produced.")
    output_truncated: bool | None = part(Part.OUTPUT, "Whether the provider cut the output.", "output_truncated")
    usage: Usage | None = part(Part.USAGE, "Tokens, money and credits; null where the provider reports none.")
    steps: list[Step] | None = part(Part.STEPS, "The steps, each before its children.")
    files: list[RunFile] | None = strawberry.field(
        resolver=_files,
        description="The files the run read or wrote.",
        metadata={PART_KEY: Part.FILES, PLAIN_KEY: of_part(Part.FILES)},
    )
    debug: Debug | None = strawberry.field(
        resolver=_debug,
        description="What helps to find out why the run did what it did.",
        metadata={PART_KEY: Part.DEBUG},
    )
    raw: JSON | None = part(Part.RAW, "The provider's documents as received, by name; `run` is the run itself.")


@strawberry.type(description="A run of a provider whose adapter has no type of its own here.")
class OtherRun(Run):
    pass


RunId = Annotated[strawberry.ID, strawberry.argument(description='"<provider name>:<native id>", percent-encoded.')]

"""The schema as clients see it: printed, described, and nullable where something may be missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from adapters import registry
from gateway.plan import PART_KEY
from gateway.schema import build
from gateway.schema.build import run_types

FILE = Path(__file__).parents[2] / "schema.graphql"
SCHEMA = build().graphql_schema
RUN_TYPES = tuple(run_type.__name__ for run_type in run_types().values())
ALWAYS_KNOWN = {"id", "provider", "nativeId", "kind", "status", "statusSource", "warnings", "tags"}

AGREED = """
Node: id
Run: id provider nativeId kind status rawStatus statusSource isTerminal createdAt startedAt endedAt durationMs target
  initiator parentId error warnings tags metadata input output outputTruncated usage steps files debug raw
RunTarget: id name version kind model commitSha
Actor: id name email kind
RunError: code rawCode message retryable stepName
RunWarning: code message path
Usage: inputTokens outputTokens totalTokens cacheReadInputTokens cacheWriteInputTokens reasoningOutputTokens
  tokenAccounting cost credits models modelCalls retries agentTurns pagesProcessed modelDurationMs isPartial
  derivedFields
Money: amount currency
Credits: amount provider
Step: id parentId depth name label kind status rawStatus startedAt endedAt durationMs error
RunFile: name role path contentType sizeBytes stepName downloadUrl
Debug: traceId spanId stdout stderr exitCode retries fallback state observability events
Fallback: used reason modelId
RefactorRun: accountId experimentId experimentCandidateId state
EigenpalRun: sampleRank eval review humanReview retry schemaValid batchId cancelRequestedAt git execution
MiddeskRun: threadId interrupts artifacts updatedAt
RightbrainRun: taskId taskRevisionId reference contextId reportingGroupId reportingGroup inputProcessorMs llmCallMs
BridgeTownRun: runNumber projectName commitSha outputs
Provider: name title adapter capabilities parts health docsUrl
PartSupport: part how
Query: node nodes run runs usage providers
RunFilter: providers status kind createdAfter createdBefore target scope
RunConnection: edges nodes pageInfo sources
SourceReport: provider state error fetched hasMore
RunKind: AGENT WORKFLOW PROMPT TASK MODEL UNKNOWN
RunStatus: QUEUED RUNNING WAITING CANCELLING SUCCEEDED FAILED CANCELLED TIMED_OUT REJECTED UNKNOWN
StatusSource: REPORTED DERIVED
TokenAccounting: INCLUDES_CACHED EXCLUDES_CACHED UNKNOWN
SourceState: OK PARTIAL FAILED SKIPPED UNSUPPORTED
"""
"""What other people build on: it may grow, and nothing of it may go."""


def fields_of(name: str) -> dict[str, Any]:
    """The fields of a type, by name; graphql-core's own types of them say less than nothing."""
    named = SCHEMA.type_map[name]
    assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
    return named.fields


def is_non_null(field: Any) -> bool:
    return str(field.type).endswith("!")


def is_part(field: Any) -> bool:
    return field.extensions["strawberry-definition"].metadata.get(PART_KEY) is not None


def test_the_printed_schema_is_the_committed_one() -> None:
    """After a change on purpose: `rungraph schema > schema.graphql`."""
    assert f"{build().as_str()}\n" == FILE.read_text(encoding="utf-8")


def test_the_printed_schema_can_be_read_by_others() -> None:
    printed = build_schema(FILE.read_text(encoding="utf-8"))

    ours = {name for name in SCHEMA.type_map if not name.startswith("__")}
    assert {name for name in printed.type_map if not name.startswith("__")} == ours


def described() -> Iterator[tuple[str, str | None]]:
    """Everything that can have a description, by its path, with the one it has."""
    for name, named in SCHEMA.type_map.items():
        if is_introspection_type(named) or is_specified_scalar_type(named):
            continue
        yield name, named.description
        if isinstance(named, GraphQLEnumType):
            yield from ((f"{name}.{key}", value.description) for key, value in named.values.items())
        elif isinstance(named, GraphQLInputObjectType):
            yield from ((f"{name}.{key}", field.description) for key, field in named.fields.items())
        elif isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in named.fields.items():
                yield f"{name}.{key}", field.description
                yield from ((f"{name}.{key}({arg})", value.description) for arg, value in field.args.items())


def test_everything_is_described_in_sentences() -> None:
    texts = dict(described())
    assert len(texts) > 300

    assert [path for path, text in texts.items() if not text] == []
    rough = [path for path, text in texts.items() if text and (text != text.strip() or text[-1] not in ".?!")]
    assert rough == []


def agreed() -> Iterator[tuple[str, Sequence[str]]]:
    for entry in AGREED.replace("\n  ", " ").strip().splitlines():
        name, _, names = entry.partition(": ")
        yield name, names.split()


@pytest.mark.parametrize(("name", "names"), list(agreed()))
def test_names_that_others_build_on_are_there(name: str, names: Sequence[str]) -> None:
    named = SCHEMA.type_map[name]

    if isinstance(named, GraphQLEnumType):
        assert set(named.values) == set(names)
    else:
        assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType)
        assert set(names) <= set(named.fields)


@pytest.mark.parametrize("name", ["Run", *RUN_TYPES])
def test_only_what_is_always_known_of_a_run_is_non_null(name: str) -> None:
    non_null = {key for key, field in fields_of(name).items() if is_non_null(field)}

    own = {"RightbrainRun": {"taskId"}, "MiddeskRun": {"interrupts"}}
    assert non_null == ALWAYS_KNOWN | own.get(name, set())


@pytest.mark.parametrize("name", ["Run", *RUN_TYPES])
def test_a_part_that_failed_nulls_itself_only(name: str) -> None:
    parts = {key for key, field in fields_of(name).items() if is_part(field)}

    assert parts >= {"input", "output", "outputTruncated", "usage", "steps", "files", "debug", "raw"}
    assert {key for key in parts if is_non_null(fields_of(name)[key])} == set()


def test_one_run_that_failed_nulls_itself_only() -> None:
    query = fields_of("Query")

    assert [str(query[name].type) for name in ("node", "run", "nodes")] == ["Node", "Run", "[Node]!"]


def test_every_run_type_is_a_run() -> None:
    run = SCHEMA.type_map["Run"]
    assert isinstance(run, GraphQLInterfaceType)

    assert {possible.name for possible in SCHEMA.get_possible_types(run)} == set(RUN_TYPES)
    assert len(RUN_TYPES) == len(registry.BUILT_IN) + 1
    for name in RUN_TYPES:
        assert {key: str(field.type) for key, field in fields_of(name).items() if key in fields_of("Run")} == {
            key: str(field.type) for key, field in fields_of("Run").items()
        }

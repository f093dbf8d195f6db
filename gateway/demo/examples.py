"""The queries that GraphiQL opens with in the demo: real ids, one idea each."""

import json
from collections.abc import Sequence

from gateway.examples import PROVIDERS
from gateway.graphiql import ExampleQuery

from .ordinary import id_of, ordinary_ids
from .world import DemoWorld


def examples(world: DemoWorld) -> list[ExampleQuery]:
    """Example queries over the simulated runs; the first one shows a run of every provider."""
    ids = ordinary_ids(world)
    return [
        ExampleQuery("A run of each provider, in one vocabulary", _OVERVIEW, _ids(ids.succeeded)),
        ExampleQuery("Usage: tokens, money and credits", _USAGE, _ids(ids.succeeded)),
        ExampleQuery("What went wrong: failures in one vocabulary", _FAILURES, _ids(ids.failed)),
        ExampleQuery(
            "Steps, files and debug: fetched only because they are selected",
            _DETAILS,
            _ids([_detailed(world), ids.succeeded[2]]),
        ),
        ExampleQuery("What only one provider has", _SPECIFIC, _ids([*ids.waiting, ids.succeeded[4]])),
        ExampleQuery("A run in progress: run it again and watch", _LIVE, _variables(id=_live(world))),
        PROVIDERS,
    ]


def _detailed(world: DemoWorld) -> str:
    """The newest Eigenpal run that has steps, files and a trace."""
    eigenpal = world.eigenpal
    completed = ((native_id, eigenpal.truth(native_id)) for native_id in eigenpal.by_status["completed"])
    return id_of(
        eigenpal,
        next(
            native_id
            for native_id, run in completed
            if run["execution"].get("steps") and run.get("files") and run["debug"]["traceId"]
        ),
    )


def _live(world: DemoWorld) -> str:
    """The run that started last: it is still in progress when somebody has found the tab."""
    return id_of(world.eigenpal, next(native_id for native_id in world.eigenpal.native_ids() if "LIVE" in native_id))


def _ids(ids: Sequence[str]) -> str:
    return _variables(ids=list(ids))


def _variables(**variables: object) -> str:
    return json.dumps(variables, indent=2)


_OVERVIEW = """query Overview($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Run {
      id
      provider { name title }
      kind
      status
      rawStatus
      createdAt
      endedAt
      durationMs
      target { name version }
      initiator { name kind }
      usage {
        totalTokens
        cost { amount currency }
        credits { amount }
      }
    }
  }
}"""

_USAGE = """query UsageOfRuns($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Run {
      id
      usage {
        inputTokens
        outputTokens
        totalTokens
        cacheReadInputTokens
        tokenAccounting
        cost { amount currency }
        credits { amount provider }
        models { model inputTokens outputTokens }
        derivedFields
      }
    }
  }
}"""

_FAILURES = """query Failures($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Run {
      id
      status
      rawStatus
      error { code rawCode message stepName }
      warnings { code message path }
    }
  }
}"""

_DETAILS = """query Details($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Run {
      id
      status
      steps { id parentId depth name status durationMs }
      files { name role contentType sizeBytes }
      debug { traceId observability }
    }
  }
}"""

_SPECIFIC = """query OneProvider($ids: [ID!]!) {
  nodes(ids: $ids) {
    __typename
    ... on Run { id status }
    ... on EigenpalRun { humanReview { taskId sourceLabel requiredCount confirmedCount } }
    ... on MiddeskRun { threadId interrupts { id label value } }
    ... on BridgeTownRun { projectName runNumber outputs debug { stdout exitCode } }
  }
}"""

_LIVE = """query InProgress($id: ID!) {
  run(id: $id) {
    id
    status
    startedAt
    durationMs
    steps { name status }
    usage { totalTokens isPartial }
  }
}"""

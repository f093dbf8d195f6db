"""Queries to the simulated providers, and the calls that reached them, written the way tests compare them."""

import json
from collections.abc import Mapping, Sequence

from gateway.demo.bridgetown import BridgeTownSimulator
from gateway.demo.faults import Call
from gateway.demo.simulator import Simulator
from gateway.demo.world import DemoWorld

CORE = """
id provider { name title } nativeId kind status rawStatus statusSource isTerminal createdAt startedAt endedAt durationMs
target { id name version kind model commitSha } initiator { id name email kind } parentId error { code message }
warnings { code } tags metadata
... on RefactorRun { accountId experimentId state failedAt resultId }
... on EigenpalRun { sampleRank eval { score } review { verdict } humanReview { taskId } source { slug } }
... on MiddeskRun { threadId interrupts { id } updatedAt }
... on RightbrainRun { taskId taskRevisionId reportingGroup llmCallMs }
... on BridgeTownRun { runNumber projectName commitSha }
"""

ONE_CALL: Mapping[str, Sequence[str]] = {
    "refactor": ["/run/{id}"],
    "eigenpal": ["/runs/{id}"],
    "middesk": ["/runs/{id}"],
    "rightbrain": ["/task/{task}/run/{run}"],
    "bridgetown": ['get_run {"run_id": "{id}"}'],
}
"""What a run's core costs."""

PROVIDERS = tuple(ONE_CALL)


def ended_run(world: DemoWorld, provider: str) -> str:
    """The native id of a run that ended well. Eigenpal's is a workflow whose steps come with its execution."""
    if provider == "eigenpal":
        return next(
            native_id
            for native_id in world.eigenpal.by_status["completed"]
            if (truth := world.eigenpal.truth(native_id))["type"] == "workflow" and truth["execution"].get("steps")
        )
    word = {"refactor": "completed", "middesk": "completed", "rightbrain": "success", "bridgetown": "success"}
    ids: Mapping[str, Sequence[str]] = getattr(world, provider).by_status
    return ids[word[provider]][0]


def expected(templates: Sequence[str], native_id: str) -> list[str]:
    task, _, run = native_id.partition("/")
    return sorted(
        text.replace("{id}", native_id).replace("{task}", task).replace("{run}", run) for text in templates
    )  # fmt: skip


def on_run(selection: str) -> str:
    return "query ($id: ID!) { run(id: $id) { id " + selection + " } }"


def on_nodes(selection: str) -> str:
    return "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Run { " + selection + " } } }"


def calls(world: DemoWorld, provider: str) -> list[str]:
    """The calls that a provider got, sorted: "/runs/exec_1?expand=usage" below its prefix, or 'get_run {"run_id": ..}'.

    Getting a token and opening an MCP session are not among them.
    """
    simulator = world.simulators[provider]
    if isinstance(simulator, BridgeTownSimulator):
        return sorted(f"{name} {json.dumps(arguments)}" for name, arguments in simulator.tool_calls)
    return sorted(_shown(simulator, call) for call in simulator.calls if call.path != "/oauth2/token")


def all_calls(world: DemoWorld) -> dict[str, list[str]]:
    """The calls by provider; one that got none is not in it."""
    return {name: made for name in world.simulators if (made := calls(world, name))}


def forget_calls(world: DemoWorld) -> None:
    for simulator in world.simulators.values():
        simulator.calls.clear()


def run_ids(provider: str, native_ids: Sequence[str]) -> list[str]:
    """The ids at the gateway of runs of a provider."""
    return [f"{provider}:{native_id}" for native_id in native_ids]


def _shown(simulator: Simulator, call: Call) -> str:
    assert call.method == "GET", call
    below = call.target.removeprefix(simulator.prefix)
    if simulator.name == "rightbrain":
        below = "/" + below.split("/", 5)[-1]
    return below

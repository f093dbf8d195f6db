"""The vendor's own client against the simulated Eigenpal: what it accepts is what the provider's API looks like.

Its generated models raise on a missing key or an unknown word. They drop keys they don't know, so a document that
comes back unchanged from a model has nothing in it that the vendor doesn't document.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from eigenpal import EigenpalAuthError, EigenpalClient, EigenpalNotFoundError, EigenpalValidationError
from eigenpal._generated.api.runs import runs_get
from eigenpal._generated.client import AuthenticatedClient
from eigenpal._generated.models.agent_run_execution import AgentRunExecution
from eigenpal._generated.models.auth_check_response import AuthCheckResponse
from eigenpal._generated.models.human_review_list_response import HumanReviewListResponse
from eigenpal._generated.models.run import Run
from eigenpal._generated.models.run_artifacts_response import RunArtifactsResponse
from eigenpal._generated.models.run_cancel_response import RunCancelResponse
from eigenpal._generated.models.run_events_response import RunEventsResponse
from eigenpal._generated.models.run_list_item import RunListItem
from eigenpal._generated.models.run_review_detail import RunReviewDetail
from eigenpal._generated.models.run_scores_response import RunScoresResponse
from eigenpal._generated.models.run_steps_response import RunStepsResponse
from eigenpal._generated.models.run_trace_response import RunTraceResponse
from eigenpal._generated.models.run_usage_response import RunUsageResponse
from eigenpal._generated.models.workflow_run_execution import WorkflowRunExecution

from gateway.demo.eigenpal import EigenpalSimulator
from gateway.demo.eigenpal_edges import EDGES

from .conftest import ANCHOR, Serve, SettableClock

EVERYTHING = "debug,execution,input,usage"
NOT_ACCEPTED = {f"exec_edge_{name}" for name, edge in EDGES.items() if not edge.accepted}
UNDOCUMENTED = "exec_edge_extra-fields"


@pytest.fixture(scope="module")
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="module")
def simulator(clock: SettableClock) -> EigenpalSimulator:
    return EigenpalSimulator(anchor=ANCHOR, clock=clock)


@pytest.fixture(scope="module")
def http(simulator: EigenpalSimulator, serve: Serve) -> httpx.Client:
    return serve(simulator)


@pytest.fixture(scope="module")
def vendor(simulator: EigenpalSimulator, http: httpx.Client) -> Iterator[EigenpalClient]:
    with EigenpalClient(
        api_key=simulator.token, base_url=str(http.base_url), max_retries=0, httpx_args={"trust_env": False}
    ) as client:
        yield client


def accepted(simulator: EigenpalSimulator) -> list[str]:
    return [run_id for run_id in simulator.native_ids() if run_id not in NOT_ACCEPTED]


def unchanged(read: Callable[[dict[str, Any]], Any], document: dict[str, Any]) -> None:
    """Asserts that the vendor's model reads the document and that nothing of it is lost."""
    assert read(dict(document)).to_dict() == document


def test_every_run_is_what_the_vendor_documents(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    for run_id in accepted(simulator):
        document = vendor.runs.get(run_id)
        if run_id == UNDOCUMENTED:
            del document["execution"]["somethingNew"]
        if run_id != simulator.special["expanded-unasked"]:
            unchanged(Run.from_dict, document)


def test_every_run_is_what_the_vendor_documents_with_all_sections(
    simulator: EigenpalSimulator, vendor: EigenpalClient
) -> None:
    for run_id in accepted(simulator):
        document = vendor.runs.get(run_id, expand=EVERYTHING)
        assert document == simulator.truth(run_id)
        execution = document.pop("execution")
        execution.pop("somethingNew", None)
        if document["source"]["id"] == "wf_archive":
            # The one workflow whose expanded execution has no steps, which the vendor's model can't do without.
            execution["steps"] = []
        model = AgentRunExecution if document["type"] == "agent" else WorkflowRunExecution
        unchanged(model.from_dict, execution)
        Run.from_dict({**document, "execution": execution})


def test_generated_endpoint_reads_a_run_and_an_error(simulator: EigenpalSimulator, http: httpx.Client) -> None:
    client = AuthenticatedClient(base_url=str(http.base_url), token=simulator.token).set_httpx_client(http)
    run = runs_get.sync(simulator.by_status["completed"][0], client=client, expand="usage")
    missing = runs_get.sync("exec_none", client=client)
    assert isinstance(run, Run)
    assert run.id == simulator.by_status["completed"][0]
    assert missing is not None
    assert not isinstance(missing, Run)
    assert [issue.code for issue in missing.issues] == ["not_found"]


def test_each_section_comes_only_when_asked_for(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    run_id = simulator.by_status["completed"][0]
    slim = vendor.runs.get(run_id)
    assert slim.keys().isdisjoint({"input", "usage", "debug"})
    assert "steps" not in slim.execution
    for name in ("input", "usage", "debug"):
        assert vendor.runs.get(run_id, expand=[name]) == {**slim, name: simulator.truth(run_id)[name]}
    expanded = vendor.runs.get(run_id, expand="execution")
    assert expanded == {**slim, "execution": simulator.truth(run_id)["execution"]}
    assert expanded.execution.items() >= {k: v for k, v in slim.execution.items() if k != "review"}.items()


def test_list_pages_through_every_run_once_newest_first(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    rows: list[Any] = []
    page = vendor.runs.list(limit=100)
    while True:
        rows += page.runs
        if page.nextCursor is None:
            break
        assert len(page.runs) == 100
        page = vendor.runs.list(limit=100, cursor=page.nextCursor)
    assert [row.id for row in rows] == list(simulator.native_ids())
    for row in rows:
        if row.id == UNDOCUMENTED:
            del row["execution"]["somethingNew"]
        if row.id not in NOT_ACCEPTED and row.id != simulator.special["expanded-unasked"]:
            unchanged(RunListItem.from_dict, row)
            assert row.keys().isdisjoint({"output", "files", "input", "usage", "debug"})


def test_list_filters(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    def ids(**query: Any) -> list[str]:
        return [row.id for row in vendor.runs.list(limit=100, **query).runs]

    assert ids(status="failed") == list(simulator.by_status["failed"])
    both = {*simulator.by_status["waiting"], *simulator.by_status["pending"]}
    assert set(ids(status="waiting,pending")) == both
    batch = ids(batchId="batch_eval_1")
    assert len(batch) == 10
    assert all(simulator.truth(run_id)["eval"]["example"] for run_id in batch)
    assert ids(ids=f"{batch[3]},{batch[0]},exec_none") == [batch[0], batch[3]]
    assert all(simulator.truth(run_id)["type"] == "agent" for run_id in ids(type="agent"))
    assert all(simulator.truth(run_id)["source"]["id"] == "agt_9" for run_id in ids(source="agt_9"))
    assert all("Regression" in simulator.truth(run_id)["tags"] for run_id in ids(tag="Regression"))
    assert ids(tag="regression") == []
    assert all(simulator.truth(run_id)["trigger"]["type"] == "cron" for run_id in ids(trigger="cron"))
    created = simulator.truth(batch[0])["timing"]["createdAt"]
    assert batch[0] == ids(createdAfter=created)[-1]
    assert batch[0] not in ids(createdBefore=created)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"status": "done"},
        {"createdAfter": "soon"},
        {"cursor": "%%%"},
        {"exampleId": "ex"},
    ],
)
def test_list_refuses_what_it_cannot_do(vendor: EigenpalClient, query: dict[str, Any]) -> None:
    with pytest.raises(EigenpalValidationError) as caught:
        vendor.runs.list(**query)
    assert [issue["field"] for issue in caught.value.issues] == list(query)


def test_sub_resources_of_every_kind_of_run(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    for run_id in [simulator.special["agent"], *(ids[0] for ids in simulator.by_status.values())]:
        truth = simulator.truth(run_id)
        usage, steps = vendor.runs.usage(run_id), vendor.runs.steps(run_id)
        unchanged(RunUsageResponse.from_dict, usage)
        assert usage.usage == truth["usage"]
        unchanged(RunStepsResponse.from_dict, steps)
        assert steps.steps == simulator.steps(run_id)
        unchanged(RunEventsResponse.from_dict, vendor.runs.events(run_id))
        unchanged(RunTraceResponse.from_dict, vendor.runs.trace.get(run_id))
        unchanged(RunScoresResponse.from_dict, vendor.runs.scores.list(run_id))
        unchanged(RunReviewDetail.from_dict, vendor.runs.reviews.get(run_id))
        unchanged(RunArtifactsResponse.from_dict, vendor.runs.artifacts.list(run_id))
    unchanged(RunScoresResponse.from_dict, vendor.runs.scores.list(vendor.runs.list(batchId="batch_eval_2").runs[0].id))


def test_steps_where_the_expanded_execution_brings_none(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    run_id = simulator.special["no-steps-in-execution"]
    assert "steps" not in vendor.runs.get(run_id, expand="execution").execution
    rows = vendor.runs.steps(run_id).steps
    assert [row.name for row in rows] == ["read", "classify", "store"]
    assert vendor.runs.get_step(run_id, rows[1].id).name == "classify"


def test_step_of_a_child_run_is_found_under_its_parent(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    child = next(row for row in vendor.runs.list(limit=100, source="wf_archive").runs if "parentExecutionId" in row)
    parent = simulator.truth(child.parentExecutionId)
    assert [entry["id"] for entry in parent["execution"]["childExecutions"]] == [child.id]
    step = simulator.steps(child.id)[0]["id"]
    assert vendor.runs.get_step(child.parentExecutionId, step).id == step


def test_artifacts_come_directly_or_from_storage(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    run_id = simulator.special["agent"]
    truth = simulator.artifacts(run_id)
    rows = vendor.runs.artifacts.list(run_id).artifacts
    assert [row.path for row in rows] == list(truth)
    simulator.calls.clear()
    for row in rows:
        assert vendor.runs.artifacts.download(run_id, row.path) == truth[row.path]
        assert row.size == len(truth[row.path])
    storage = [call for call in simulator.calls if call.path.startswith("/storage/")]
    assert len(storage) == 1
    assert [key for key, _ in storage[0].query] == ["expires", "signature"]


def test_odd_artifact_paths_can_be_downloaded(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    run_id = simulator.special["odd-paths"]
    for path, content in simulator.artifacts(run_id).items():
        if ".." not in path:  # the client's HTTP library resolves these before it sends anything
            assert vendor.runs.artifacts.download(run_id, path) == content


def test_human_reviews_oldest_first(simulator: EigenpalSimulator, vendor: EigenpalClient) -> None:
    first = vendor.human_reviews.list(limit=2)
    unchanged(HumanReviewListResponse.from_dict, first)
    rest = vendor.human_reviews.list(cursor=first.nextCursor)
    waiting = list(reversed(simulator.by_status["waiting"]))
    assert [task.executionId for task in [*first.tasks, *rest.tasks]] == waiting
    assert rest.nextCursor is None


def test_cancel(simulator: EigenpalSimulator, vendor: EigenpalClient, clock: SettableClock) -> None:
    pending, running = simulator.by_status["pending"][-1], simulator.by_status["running"][-1]
    replies = {run_id: vendor.runs.cancel(run_id) for run_id in (pending, running, simulator.by_status["failed"][0])}
    for reply in replies.values():
        unchanged(RunCancelResponse.from_dict, reply)
    assert [reply.cancellation.state for reply in replies.values()] == ["cancelled", "requested", "already_terminal"]
    assert [reply.execution.status for reply in replies.values()] == ["cancelled", "running", "failed"]
    assert vendor.runs.get(running).timing.cancelRequestedAt is not None
    clock.set(5)
    cancelled = vendor.runs.get(running, expand=EVERYTHING)
    assert (cancelled.execution.status, cancelled.finished) == ("cancelled", True)
    assert running in [row.id for row in vendor.runs.list(limit=100, status="cancelled").runs]
    simulator.reset()
    clock.set(0)
    assert vendor.runs.get(running).execution.status == "running"


def test_errors(simulator: EigenpalSimulator, vendor: EigenpalClient, http: httpx.Client) -> None:
    with pytest.raises(EigenpalNotFoundError) as missing:
        vendor.runs.get("exec_none")
    assert missing.value.request_id is not None
    with pytest.raises(EigenpalValidationError) as unknown:
        vendor.runs.get(simulator.special["agent"], expand="usage,everything")
    assert [issue["field"] for issue in unknown.value.issues] == ["expand"]
    with (
        EigenpalClient(api_key="wrong", base_url=str(http.base_url), httpx_args={"trust_env": False}) as stranger,
        pytest.raises(EigenpalAuthError),
    ):
        stranger.runs.get(simulator.special["agent"])


def test_auth_check(vendor: EigenpalClient) -> None:
    unchanged(AuthCheckResponse.from_dict, vendor.auth.check())

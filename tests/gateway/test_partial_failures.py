"""One run of many that can't be had, or one part of a run: it nulls itself and nothing else."""

from dataclasses import replace

import pytest

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld

from .asking import Gateway
from .calls import PROVIDERS, calls, ended_run, on_nodes, on_run
from .conftest import Open
from .told import UNKNOWN_UUID, Told, ask, told


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestOneOfMany:
    def test_nulls_itself_only(self, open_gateway: Open, world: DemoWorld, closed_port: int) -> None:
        nowhere = {"adapter": "refactor", "base_url": f"http://127.0.0.1:{closed_port}", "token": "t0ken"}
        gateway = open_gateway(nowhere=nowhere)
        world.eigenpal.faults.add(Fault(match="exec_broken", status=500))
        good = {provider: f"{provider}:{ended_run(world, provider)}" for provider in PROVIDERS}
        bad = {
            "": "INVALID_INPUT",
            "no-colon": "INVALID_INPUT",
            ":1": "INVALID_INPUT",
            "refactor:": "INVALID_INPUT",
            "eigenpal:%FF": "INVALID_INPUT",
            "eigenpal:%00": "INVALID_INPUT",
            "eigenpal:" + "x" * 3000: "INVALID_INPUT",
            "eigenpal:" + "x" * 600: "INVALID_INPUT",
            "middesk:..": "INVALID_INPUT",
            "rightbrain:not-two-ids": "INVALID_INPUT",
            "bridgetown:zzz": "INVALID_INPUT",
            "nosuch:1": "INVALID_INPUT",
            "REFACTOR:1": "INVALID_INPUT",
            "nowhere:1": "UNAVAILABLE",
            "eigenpal:exec_none": None,
            f"middesk:{UNKNOWN_UUID}": None,
        }
        ids = [run_id for pair in zip(bad, [*good.values()] * 4, strict=False) for run_id in pair]
        answer = ask(gateway, on_nodes("usage { inputTokens } status"), ids=ids)
        nodes = answer["data"]["nodes"]
        assert [node and node["id"] for node in nodes] == [None if run_id in bad else run_id for run_id in ids]
        found = {error["path"][1]: error["extensions"]["code"] for error in answer["errors"]}
        assert found == {ids.index(run_id): code for run_id, code in bad.items() if code}

    def test_one_of_a_batch(self, uncached: Gateway, world: DemoWorld) -> None:
        good = [f"eigenpal:{native_id}" for native_id in world.eigenpal.native_ids()[:3]]
        answer = ask(uncached, on_nodes("status"), ids=[good[0], "eigenpal:exec_none", "eigenpal:%00", *good[1:]])
        assert [node and node["id"] for node in answer["data"]["nodes"]] == [good[0], None, None, *good[1:]]
        assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
            (["nodes", 2], "INVALID_INPUT")
        ]
        assert len(calls(world, "eigenpal")) == 1

    def test_a_batch_that_fails(self, uncached: Gateway, world: DemoWorld) -> None:
        world.eigenpal.faults.add(Fault(match="ids=", status=503))
        ids = [f"eigenpal:{native_id}" for native_id in world.eigenpal.native_ids()[:3]]
        other = f"middesk:{ended_run(world, 'middesk')}"
        answer = ask(uncached, on_nodes("status"), ids=[*ids, other])
        assert [node and node["id"] for node in answer["data"]["nodes"]] == [None, None, None, other]
        assert [told(error) for error in answer["errors"]] == [
            Told("UNAVAILABLE", 503, True).extensions("eigenpal")
        ] * 3


PARTS_THAT_FAIL = (
    ("eigenpal", None, "/events", "debug { events { type } }", ["debug", "events"]),
    ("eigenpal", None, "/trace", "... on EigenpalRun { trace }", ["trace"]),
    ("eigenpal", None, "/scores", "... on EigenpalRun { scores }", ["scores"]),
    ("eigenpal", "no-steps-in-execution", "/steps", "steps { id }", ["steps"]),
    ("eigenpal", "cancel-requested", "/artifacts", "files { name }", ["files"]),
    ("refactor", None, "/evaluations", "... on RefactorRun { evaluations { value } }", ["evaluations"]),
)
"""Provider, which special run (None: an ended one), the endpoint of the part, a selection, and its path."""


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestOnePart:
    @pytest.mark.parametrize(
        ("provider", "special", "endpoint", "selection", "path"),
        PARTS_THAT_FAIL,
        ids=[row[2] for row in PARTS_THAT_FAIL],
    )
    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            (Fault(status=500), Told("INTERNAL", 500, retryable=True)),
            (Fault(status=429, retry_after="3"), Told("RATE_LIMITED", 429, True, 3000)),
            (Fault(status=404), Told("NOT_FOUND", 404)),
            (Fault(body="html"), Told("BAD_RESPONSE", 200)),
            (Fault(body="null"), Told("BAD_RESPONSE", 200)),
        ],
        ids=["500", "429", "404", "html", "null"],
    )
    def test_nulls_itself_only(
        self,
        uncached: Gateway,
        world: DemoWorld,
        provider: str,
        special: str | None,
        endpoint: str,
        selection: str,
        path: list[str],
        fault: Fault,
        expected: Told,
    ) -> None:
        world.simulators[provider].faults.add(replace(fault, match=endpoint))
        native_id = world.simulators[provider].special[special] if special else ended_run(world, provider)
        query = on_run(f"status output usage {{ totalTokens }} {selection}")
        answer = ask(uncached, query, id=f"{provider}:{native_id}")
        (error,) = answer["errors"]
        assert error["path"] == ["run", *path]
        assert told(error) == expected.extensions(provider)
        run = answer["data"]["run"]
        assert run["status"]
        assert run["usage"]
        part = run[path[0]]
        assert part is None or part == {"events": None}

    def test_steps_that_should_have_come(self, uncached: Gateway, world: DemoWorld) -> None:
        world.middesk.set_modes(["steps-missing"])
        native_id = ended_run(world, "middesk")
        answer = ask(uncached, on_run("status output steps { id }"), id=f"middesk:{native_id}")
        assert answer["data"]["run"]["steps"] is None
        assert (answer["data"]["run"]["status"], bool(answer["data"]["run"]["output"])) == ("SUCCEEDED", True)
        (error,) = answer["errors"]
        assert (error["path"], told(error)) == (["run", "steps"], Told("BAD_RESPONSE", 200).extensions("middesk"))

    def test_a_part_that_failed_is_fetched_again(self, gateway: Gateway, world: DemoWorld) -> None:
        native_id = ended_run(world, "eigenpal")
        query = on_run("status usage { inputTokens } debug { events { type } }")
        world.eigenpal.faults.add(Fault(match="/events", status=500, times=1))
        assert "errors" in ask(gateway, query, id=f"eigenpal:{native_id}")
        world.eigenpal.calls.clear()
        assert "errors" not in ask(gateway, query, id=f"eigenpal:{native_id}")
        assert calls(world, "eigenpal") == [f"/runs/{native_id}", f"/runs/{native_id}/events"]

    def test_a_part_that_failed_does_not_matter_to_others(self, gateway: Gateway, world: DemoWorld) -> None:
        native_id = ended_run(world, "eigenpal")
        world.eigenpal.faults.add(Fault(match="/events", status=500))
        for _ in range(2):
            answer = ask(gateway, on_run("status debug { events { type } }"), id=f"eigenpal:{native_id}")
            assert answer["data"]["run"]["debug"] == {"events": None}
        assert ask(gateway, on_run("status"), id=f"eigenpal:{native_id}")["data"]["run"]["status"] == "SUCCEEDED"

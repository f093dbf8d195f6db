"""What the cache saves upstream, and what it must not."""

import pytest

from gateway.demo.world import DemoWorld
from tests.demo.conftest import SettableClock

from .asking import Gateway
from .calls import (
    CORE,
    ONE_CALL,
    PROVIDERS,
    all_calls,
    calls,
    ended_run,
    expected,
    forget_calls,
    on_nodes,
    on_run,
    run_ids,
)
from .conftest import Open

RICH = "usage { inputTokens } steps { id } files { name } debug { traceId } output input"


class TestCache:
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_an_ended_run_is_asked_for_once(self, gateway: Gateway, world: DemoWorld, provider: str) -> None:
        run_id = f"{provider}:{ended_run(world, provider)}"
        first = gateway.data(on_run(f"{CORE} {RICH}"), id=run_id)
        assert all_calls(world)
        forget_calls(world)
        assert gateway.data(on_run(f"{CORE} {RICH}"), id=run_id) == first
        assert all_calls(world) == {}

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_a_rich_record_answers_slim_queries(self, gateway: Gateway, world: DemoWorld, provider: str) -> None:
        run_id = f"{provider}:{ended_run(world, provider)}"
        gateway.data(on_run(f"{CORE} {RICH}"), id=run_id)
        forget_calls(world)
        for selection in ("status", "usage { totalTokens }", "steps { name }", "debug { stdout }", "files { name }"):
            gateway.data(on_run(selection), id=run_id)
        gateway.data(on_nodes("kind"), ids=[run_id])
        assert all_calls(world) == {}

    def test_only_the_missing_part_is_asked_for(self, gateway: Gateway, world: DemoWorld) -> None:
        native_id = ended_run(world, "eigenpal")
        steps: list[tuple[str, list[str]]] = [
            ("status", [f"/runs/{native_id}"]),
            ("usage { inputTokens }", [f"/runs/{native_id}?expand=usage"]),
            ("usage { inputTokens } steps { id }", [f"/runs/{native_id}?expand=execution"]),
            ("usage { inputTokens } steps { id } debug { traceId events { type } }", [
                f"/runs/{native_id}/events",
                f"/runs/{native_id}?expand=debug",
            ]),
            ("usage { inputTokens } steps { id } debug { traceId events { type } }", []),
        ]  # fmt: skip
        for selection, made in steps:
            forget_calls(world)
            run = gateway.data(on_run(selection), id=f"eigenpal:{native_id}")["run"]
            assert None not in run.values()
            assert calls(world, "eigenpal") == made

    def test_a_part_that_is_not_supported_is_not_looked_for_again(self, gateway: Gateway, world: DemoWorld) -> None:
        run_id = f"bridgetown:{ended_run(world, 'bridgetown')}"
        gateway.data(on_run("status"), id=run_id)
        forget_calls(world)
        run = gateway.data(on_run("usage { inputTokens } steps { id } files { name } input"), id=run_id)["run"]
        assert run == {"id": run_id, "usage": None, "steps": None, "files": None, "input": None}
        assert all_calls(world) == {}

    def test_only_the_runs_that_are_not_known_are_in_the_batch(self, gateway: Gateway, world: DemoWorld) -> None:
        ids = list(world.eigenpal.by_status["completed"][:6])
        gateway.data(on_nodes("status"), ids=run_ids("eigenpal", ids[:3]))
        forget_calls(world)
        gateway.data(on_nodes("status"), ids=run_ids("eigenpal", ids))
        assert calls(world, "eigenpal") == [f"/runs?ids={','.join(ids[3:])}&limit=3"]

    def test_a_run_in_progress_is_asked_for_again(
        self, open_gateway: Open, world: DemoWorld, clock: SettableClock
    ) -> None:
        gateway = open_gateway(cache={"live_ttl": 0})
        for provider in PROVIDERS:
            native_id = getattr(world, provider).native_ids()[0]
            assert gateway.data(on_run("isTerminal"), id=f"{provider}:{native_id}")["run"]["isTerminal"] is not True
            forget_calls(world)
            gateway.data(on_run("status"), id=f"{provider}:{native_id}")
            assert all_calls(world) == {provider: expected(ONE_CALL[provider], native_id)}

            # It ends, is asked for a last time, and never again.
            clock.set(3600)
            assert gateway.data(on_run("isTerminal"), id=f"{provider}:{native_id}")["run"]["isTerminal"] is True
            forget_calls(world)
            gateway.data(on_run("status"), id=f"{provider}:{native_id}")
            assert all_calls(world) == {}
            clock.set(0)

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_a_run_in_progress_is_known_for_a_moment(self, open_gateway: Open, world: DemoWorld, provider: str) -> None:
        gateway = open_gateway(cache={"live_ttl": 60})
        native_id = getattr(world, provider).native_ids()[0]
        gateway.data(on_run("status"), id=f"{provider}:{native_id}")
        forget_calls(world)
        gateway.data(on_run("status createdAt"), id=f"{provider}:{native_id}")
        assert all_calls(world) == {}

    def test_a_run_that_is_not_there_is_asked_for_once(self, gateway: Gateway, world: DemoWorld) -> None:
        missing = ["refactor:no-such-run", "eigenpal:no-such-run", "bridgetown:0000", "eigenpal:nor-this-one"]
        for _ in range(2):
            assert gateway.data(on_nodes("status"), ids=missing)["nodes"] == [None] * 4
        assert all_calls(world) == {
            "refactor": ["/run/no-such-run"],
            "eigenpal": ["/runs?ids=no-such-run,nor-this-one&limit=2"],
            "bridgetown": ['get_run {"run_id": "0000"}'],
        }

    def test_the_same_run_asked_for_at_the_same_time(self, gateway: Gateway, world: DemoWorld) -> None:
        native_id = ended_run(world, "eigenpal")
        variables = {"id": f"eigenpal:{native_id}"}
        rich, slim = on_run("usage { inputTokens }"), on_run("status")
        answers = gateway.ask_together((rich, variables), (slim, variables), (rich, variables))
        assert [answer.json()["data"]["run"]["id"] for answer in answers] == [variables["id"]] * 3
        assert calls(world, "eigenpal") == [f"/runs/{native_id}?expand=usage"]

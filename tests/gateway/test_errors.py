"""What clients are told when a provider does not answer as it should: codes, and which field they are about."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from tests.support import LONG_MS, patiently

from .asking import Gateway
from .calls import PROVIDERS, calls, ended_run, on_nodes, on_run
from .conftest import Open
from .told import UNKNOWN_UUID, Told, ask, told

DAY_MS = 24 * 60 * 60 * 1000

LOOK_UP: Mapping[str, str] = {"rightbrain": "/task/", "bridgetown": "tools/call"}
"""A part of the request that looks a run up, where there are others before it."""


FAULTS: tuple[tuple[Fault, Told], ...] = (
    (Fault(status=400), Told("INVALID_INPUT", 400)),
    (Fault(status=401), Told("UNAUTHENTICATED", 401)),
    (Fault(status=402), Told("QUOTA_EXCEEDED", 402)),
    (Fault(status=403), Told("PERMISSION_DENIED", 403)),
    (Fault(status=405), Told("UNSUPPORTED", 405)),
    (Fault(status=408), Told("TIMEOUT", 408, retryable=True)),
    (Fault(status=409), Told("CONFLICT", 409)),
    (Fault(status=418), Told("INVALID_INPUT", 418)),
    (Fault(status=422), Told("INVALID_INPUT", 422)),
    (Fault(status=429), Told("RATE_LIMITED", 429, retryable=True)),
    (Fault(status=429, retry_after="7"), Told("RATE_LIMITED", 429, True, 7000)),
    (Fault(status=429, retry_after="Wed, 21 Oct 2099 07:28:00 GMT"), Told("RATE_LIMITED", 429, True, DAY_MS)),
    (Fault(status=429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), Told("RATE_LIMITED", 429, True, 0)),
    (Fault(status=429, retry_after="soon"), Told("RATE_LIMITED", 429, retryable=True)),
    (Fault(status=451), Told("POLICY_BLOCKED", 451)),
    (Fault(status=499), Told("CANCELLED", 499)),
    (Fault(status=500), Told("INTERNAL", 500, retryable=True)),
    (Fault(status=404, body="html"), Told("BAD_RESPONSE", 404)),
    (Fault(status=500, body="html"), Told("INTERNAL", 500, retryable=True)),
    (Fault(status=500, body="empty"), Told("INTERNAL", 500, retryable=True)),
    (Fault(status=500, body="invalid"), Told("INTERNAL", 500, retryable=True)),
    (Fault(status=500, body="array"), Told("INTERNAL", 500, retryable=True)),
    (Fault(status=500, body="null"), Told("INTERNAL", 500, retryable=True)),
    (Fault(status=501), Told("UNSUPPORTED", 501)),
    (Fault(status=502, body="html"), Told("UNAVAILABLE", 502, retryable=True)),
    (Fault(status=503), Told("UNAVAILABLE", 503, retryable=True)),
    (Fault(status=503, retry_after="2"), Told("UNAVAILABLE", 503, True, 2000)),
    (Fault(status=504), Told("TIMEOUT", 504, retryable=True)),
    (Fault(status=529), Told("UNAVAILABLE", 529, retryable=True)),
    (Fault(status=302, body="html"), Told("BAD_RESPONSE", 302)),
    (Fault(body="html"), Told("BAD_RESPONSE", 200)),
    (Fault(body="empty"), Told("BAD_RESPONSE", 200)),
    (Fault(body="truncated"), Told("BAD_RESPONSE", 200)),
    (Fault(body="invalid"), Told("BAD_RESPONSE", 200)),
    (Fault(body="null"), Told("BAD_RESPONSE", 200)),
    (Fault(body="array"), Told("BAD_RESPONSE", 200)),
    (Fault(body="huge"), Told("BAD_RESPONSE", 200)),
)
OTHERWISE: Mapping[tuple[str, int | None], Told] = {
    # The body is a JSON-RPC error, which says more than the status.
    ("bridgetown", 400): Told("BAD_RESPONSE", 400),
}


def named(fault: Fault) -> str:
    return " ".join(str(value) for value in (fault.status, fault.body, fault.retry_after) if value)


def break_look_up(world: DemoWorld, provider: str, fault: Fault) -> None:
    """Make the calls that look up a run of a provider go wrong, and no others."""
    world.simulators[provider].faults.add(replace(fault, match=LOOK_UP.get(provider, "")))


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestFaults:
    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=[named(fault) for fault, _ in FAULTS])
    def test_could_not_look(
        self, uncached: Gateway, world: DemoWorld, provider: str, fault: Fault, expected: Told
    ) -> None:
        break_look_up(world, provider, fault)
        answer = ask(uncached, on_run("status"), id=f"{provider}:{ended_run(world, provider)}")
        assert answer["data"] == {"run": None}
        (error,) = answer["errors"]
        assert told(error) == OTHERWISE.get((provider, fault.status), expected).extensions(provider)
        assert error["path"] == ["run"]
        assert error["message"].startswith(f"{provider}: ")
        assert "\n" not in error["message"]

    @pytest.mark.parametrize("status", [404, 410])
    @pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "bridgetown"])
    def test_no_such_run(self, uncached: Gateway, world: DemoWorld, provider: str, status: int) -> None:
        break_look_up(world, provider, Fault(status=status))
        answer = ask(uncached, on_run("status"), id=f"{provider}:{ended_run(world, provider)}")
        assert answer == {"data": {"run": None}}

    def test_no_mcp_server_is_not_no_such_run(self, uncached: Gateway, world: DemoWorld) -> None:
        break_look_up(world, "bridgetown", Fault(status=404))
        answer = ask(uncached, on_run("status"), id="bridgetown:" + ended_run(world, "bridgetown"))
        assert told(answer["errors"][0]) == Told("BAD_RESPONSE", 404).extensions("bridgetown")

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_after_a_fault_all_is_well(self, uncached: Gateway, world: DemoWorld, provider: str) -> None:
        break_look_up(world, provider, Fault(status=500, times=1))
        run_id = f"{provider}:{ended_run(world, provider)}"
        assert "errors" in ask(uncached, on_run("status"), id=run_id)
        assert ask(uncached, on_run("status"), id=run_id) == {"data": {"run": {"id": run_id, "status": "SUCCEEDED"}}}

    def test_no_answer_in_time(self, open_gateway: Open, world: DemoWorld) -> None:
        ids = [f"{provider}:{ended_run(world, provider)}" for provider in PROVIDERS]

        def check(timeout_ms: int) -> None:
            world.reset()
            gateway = open_gateway(**{provider: {"timeout_ms": timeout_ms} for provider in PROVIDERS})
            ask(gateway, on_nodes("status"), ids=["bridgetown:0000", "rightbrain:" + "/".join([UNKNOWN_UUID] * 2)])
            for provider in PROVIDERS:
                break_look_up(world, provider, Fault(latency_ms=LONG_MS))
            answer = ask(gateway, on_nodes("status"), ids=ids)
            assert answer["data"] == {"nodes": [None] * 5}
            timeout = Told("TIMEOUT", retryable=True)
            assert {error["extensions"]["provider"]: told(error) for error in answer["errors"]} == {
                provider: timeout.extensions(provider) for provider in PROVIDERS
            }

        patiently(check, 300)
        # The gateways say good-bye.
        world.reset()

    def test_nobody_there(self, open_gateway: Open, world: DemoWorld, closed_port: int) -> None:
        nowhere = {"base_url": f"http://127.0.0.1:{closed_port}/v1"}
        also_nowhere = {**nowhere, "token_url": f"http://127.0.0.1:{closed_port}/oauth2/token"}
        sections = {provider: also_nowhere if provider == "rightbrain" else nowhere for provider in PROVIDERS}
        gateway = open_gateway(**sections)
        answer = ask(gateway, on_nodes("id"), ids=[f"{name}:{ended_run(world, name)}" for name in PROVIDERS])
        assert answer["data"] == {"nodes": [None] * 5}
        assert {error["extensions"]["provider"]: told(error) for error in answer["errors"]} == {
            provider: Told("UNAVAILABLE", retryable=True).extensions(provider) for provider in PROVIDERS
        }


BEFORE_THE_LOOK_UP = (
    (Fault(status=400), "UNAUTHENTICATED", "BAD_RESPONSE"),
    (Fault(status=401), "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (Fault(status=404), "UNAUTHENTICATED", "BAD_RESPONSE"),
    (Fault(status=500), "UNAVAILABLE", "INTERNAL"),
    (Fault(status=503), "UNAVAILABLE", "UNAVAILABLE"),
    (Fault(body="html"), "BAD_RESPONSE", "BAD_RESPONSE"),
    (Fault(body="empty"), "BAD_RESPONSE", "BAD_RESPONSE"),
    (Fault(body="array"), "BAD_RESPONSE", "BAD_RESPONSE"),
)
"""A fault, the code where it hits getting an access token, and the code where it hits the MCP handshake."""


@pytest.mark.usefixtures("nothing_secret_is_said")
class TestBeforeTheLookUp:
    @pytest.mark.parametrize(
        ("fault", "token", "handshake"), BEFORE_THE_LOOK_UP, ids=[named(fault) for fault, *_ in BEFORE_THE_LOOK_UP]
    )
    def test_never_reads_as_no_such_run(
        self, open_gateway: Open, world: DemoWorld, fault: Fault, token: str, handshake: str
    ) -> None:
        gateway = open_gateway()
        world.rightbrain.faults.add(replace(fault, match="/oauth2/token"))
        world.bridgetown.faults.add(replace(fault, match='"initialize"'))
        ids = [f"{name}:{ended_run(world, name)}" for name in ("rightbrain", "bridgetown")]
        answer = ask(gateway, on_nodes("status"), ids=ids)
        assert answer["data"] == {"nodes": [None, None]}
        codes = {error["extensions"]["provider"]: error["extensions"]["code"] for error in answer["errors"]}
        assert codes == {"rightbrain": token, "bridgetown": handshake}

        # The next request tries again.
        world.reset()
        assert "errors" not in ask(gateway, on_nodes("status"), ids=ids)

    def test_a_revoked_token_is_replaced(self, uncached: Gateway, world: DemoWorld) -> None:
        run_id = f"rightbrain:{ended_run(world, 'rightbrain')}"
        ask(uncached, on_run("status"), id=run_id)
        world.rightbrain.revoke_tokens()
        assert ask(uncached, on_run("status"), id=run_id)["data"]["run"]["status"] == "SUCCEEDED"


class TestNotFound:
    @pytest.mark.parametrize(
        "run_id",
        [
            f"refactor:{UNKNOWN_UUID}",
            "eigenpal:exec_none",
            f"middesk:{UNKNOWN_UUID}",
            f"rightbrain:{UNKNOWN_UUID}/{UNKNOWN_UUID}",
            f"bridgetown:{UNKNOWN_UUID}",
        ],
    )
    @pytest.mark.parametrize("field", ["run", "node"])
    def test_is_null_and_no_error(self, uncached: Gateway, world: DemoWorld, field: str, run_id: str) -> None:
        query = f"query ($id: ID!) {{ {field}(id: $id) {{ id ... on Run {{ usage {{ inputTokens }} }} }} }}"
        assert ask(uncached, query, id=run_id) == {"data": {field: None}}
        assert len(calls(world, run_id.partition(":")[0])) == 1

    @pytest.mark.parametrize("mode", [[], ["text-only"], ["wrapped"], ["sse"], ["error-envelope"]])
    def test_however_a_tool_says_so(self, open_gateway: Open, world: DemoWorld, mode: list[str]) -> None:
        world.bridgetown.set_modes(mode)
        assert ask(open_gateway(), on_run("status"), id=f"bridgetown:{UNKNOWN_UUID}") == {"data": {"run": None}}

    def test_an_ambiguous_id_is_a_mistake(self, uncached: Gateway, world: DemoWorld) -> None:
        prefix = world.bridgetown.special["shared-prefix-a"][:6]
        answer = ask(uncached, on_run("status"), id=f"bridgetown:{prefix}")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_INPUT"]

"""`Provider`: a configured source of runs. The source of its fields is a `gateway.providers.Provider`."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from adapters.breaker import Circuit
from adapters.contract import Capability, How
from adapters.errors import ErrorCode
from adapters.model import Part
from gateway.providers import Health as HealthRecord
from gateway.providers import Provider as ProviderRecord

from .enums import describe
from .fields import described
from .scalars import BigInt


class ProviderState(Enum):
    """How the latest calls to a provider went."""

    OK = "OK"
    FAILING = "FAILING"
    UNKNOWN = "UNKNOWN"


describe(
    ProviderState,
    "How the latest calls to a provider went.",
    {
        ProviderState.OK: "The latest call worked.",
        ProviderState.FAILING: "The latest call failed.",
        ProviderState.UNKNOWN: "No call was made yet.",
    },
)


describe(
    Circuit,
    "Whether a provider is called.",
    {
        Circuit.CLOSED: "It is.",
        Circuit.OPEN: "It is not: it failed again and again just now.",
        Circuit.HALF_OPEN: "One call tries whether it works again.",
    },
)


def _state(root: strawberry.Parent[HealthRecord]) -> Any:
    success, error = root.last_success_at, root.last_error_at
    if success is None and error is None:
        return ProviderState.UNKNOWN
    return ProviderState.FAILING if success is None or (error and error > success) else ProviderState.OK


def _last_error_code(root: strawberry.Parent[HealthRecord]) -> Any:
    return root.last_error.code if root.last_error else None


def _circuit(root: strawberry.Parent[HealthRecord]) -> Any:
    return root.gate.circuit


def _retry_after_ms(root: strawberry.Parent[HealthRecord]) -> Any:
    return root.gate.wait * 1000 or None


def _of_traffic(description: str, attribute: str) -> Any:
    def resolve(root: strawberry.Parent[HealthRecord]) -> Any:
        return getattr(root.gate.traffic, attribute)

    return strawberry.field(resolver=resolve, description=description)


@strawberry.type(description="How the latest calls to a provider went, as seen by this gateway. Asking costs no call.")
class ProviderHealth:
    state: ProviderState = strawberry.field(resolver=_state, description="The short of it.")
    last_success_at: datetime | None = described("When a call last worked.")
    last_error_at: datetime | None = described("When a call last failed.")
    last_error_code: ErrorCode | None = strawberry.field(
        resolver=_last_error_code, description="What the last failed call failed with."
    )
    circuit: Circuit = strawberry.field(resolver=_circuit, description="Whether the provider is called just now.")
    retry_after_ms: float | None = strawberry.field(
        resolver=_retry_after_ms,
        description="For how long it is not called, in milliseconds: its circuit is open, or it asked for a pause.",
    )
    calls_in_flight: int = _of_traffic("Calls under way.", "in_flight")
    calls: BigInt = _of_traffic("Calls made since the gateway started.", "calls")
    calls_retried: BigInt = _of_traffic("Calls among them that repeated one that failed.", "retries")
    calls_refused: BigInt = _of_traffic(
        "Calls not made: open circuit, rate limit, no free connection, or no allowance left.", "refused"
    )


@strawberry.type(description="How a part of a run is had from a provider.")
class PartSupport:
    part: Part = strawberry.field(description="The part.")
    how: How = strawberry.field(description="What it costs.")


def _of_info(description: str, attribute: str) -> Any:
    def resolve(root: strawberry.Parent[ProviderRecord]) -> Any:
        return getattr(root.info, attribute)

    return strawberry.field(resolver=resolve, description=description)


def _capabilities(root: strawberry.Parent[ProviderRecord]) -> Any:
    return sorted(root.capabilities, key=lambda capability: capability.value)


def _parts(root: strawberry.Parent[ProviderRecord]) -> Any:
    return [PartSupport(part=part, how=how) for part, how in root.parts.items()]


@strawberry.type(description="A configured source of runs.")
class Provider:
    name: str = described("Its name in the configuration: what run ids start with.")
    title: str = _of_info("Its name for people.", "title")
    adapter: str = _of_info("The kind of provider, as configurations name it.", "adapter")
    docs_url: str = _of_info("Its API's documentation.", "docs_url")
    capabilities: list[Capability] = strawberry.field(
        resolver=_capabilities, description="What can be done with its runs."
    )
    parts: list[PartSupport] = strawberry.field(
        resolver=_parts, description="The parts it has; a part that is not listed is always null."
    )
    health: ProviderHealth = described("How its latest calls went.")

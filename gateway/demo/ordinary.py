"""Runs of the simulated providers that show nothing odd, by their ids at the gateway."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .simulator import Simulator
from .world import DemoWorld


@dataclass(frozen=True, slots=True)
class OrdinaryIds:
    """One id of each provider in each list, in the order of the configuration."""

    succeeded: Sequence[str]
    failed: Sequence[str]
    waiting: Sequence[str]
    """Only of the providers whose runs wait in a way that is documented."""


def ordinary_ids(world: DemoWorld) -> OrdinaryIds:
    """The newest ordinary runs."""
    return OrdinaryIds(
        succeeded=(
            ordinary_id(world.refactor, "completed"),
            ordinary_id(world.eigenpal, "completed"),
            ordinary_id(world.middesk, "completed"),
            ordinary_id(world.rightbrain, "success"),
            ordinary_id(world.bridgetown, "success"),
        ),
        failed=(
            ordinary_id(world.refactor, "failed"),
            ordinary_id(world.eigenpal, "failed"),
            ordinary_id(world.middesk, "error"),
            ordinary_id(world.rightbrain, "error"),
            ordinary_id(world.bridgetown, "timed_out"),
        ),
        waiting=(ordinary_id(world.eigenpal, "waiting"), ordinary_id(world.middesk, "interrupted")),
    )


def ordinary_id(simulator: Simulator, status: str) -> str:
    """The newest run of a status that is not there to show an edge case."""
    odd = set(simulator.special.values())
    return id_of(simulator, next(native_id for native_id in simulator.by_status[status] if native_id not in odd))


def id_of(simulator: Simulator, native_id: str) -> str:
    """The id at the gateway."""
    return f"{simulator.name}:{quote(native_id, safe='/-._~')}"

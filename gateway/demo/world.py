"""All simulated providers together, and how a gateway is configured to use them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from .bridgetown import BridgeTownSimulator
from .eigenpal import EigenpalSimulator
from .middesk import MiddeskSimulator
from .refactor import RefactorSimulator
from .rightbrain import RightbrainSimulator
from .server import LoopbackServers
from .simulator import Clock, Simulator, system_clock

STORAGE = "eigenpal-storage"


class DemoWorld:
    """A context manager that runs every simulated provider on loopback."""

    def __init__(self, *, clock: Clock = system_clock) -> None:
        anchor = clock()
        self.refactor = RefactorSimulator(anchor=anchor, clock=clock)
        self.eigenpal = EigenpalSimulator(anchor=anchor, clock=clock)
        self.middesk = MiddeskSimulator(anchor=anchor, clock=clock)
        self.rightbrain = RightbrainSimulator(anchor=anchor, clock=clock)
        self.bridgetown = BridgeTownSimulator(anchor=anchor, clock=clock)
        self.simulators: Mapping[str, Simulator] = {
            simulator.name: simulator
            for simulator in (self.refactor, self.eigenpal, self.middesk, self.rightbrain, self.bridgetown)
        }
        apps = {name: simulator.app() for name, simulator in self.simulators.items()}
        self._servers = LoopbackServers({**apps, STORAGE: self.eigenpal.storage.app()})
        # An origin of its own, as storages are: what must not be sent there shows.
        self.eigenpal.storage_root = f"{self._servers.urls[STORAGE]}/"

    def __enter__(self) -> Self:
        self._servers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.__exit__(kind, error, trace)

    @property
    def urls(self) -> Mapping[str, str]:
        """Root URL of each simulated provider."""
        return {name: self._servers.urls[name] for name in self.simulators}

    def reset(self) -> None:
        """Forget the faults, modes and recorded calls of every simulated provider."""
        for simulator in self.simulators.values():
            simulator.reset()

    def configuration(self) -> dict[str, Any]:
        """What a configuration file would say in order to use these providers."""
        sections: dict[str, dict[str, Any]] = {
            name: {"base_url": self.urls[name] + simulator.prefix, "token": simulator.token}
            for name, simulator in self.simulators.items()
        }
        rightbrain = self.rightbrain
        del sections["rightbrain"]["token"]
        sections["rightbrain"] |= {
            "org_id": rightbrain.org_id,
            "project_id": rightbrain.project_id,
            "client_id": rightbrain.client_id,
            "client_secret": rightbrain.client_secret,
            "token_url": f"{self.urls['rightbrain']}/oauth2/token",
        }
        # A simulator takes any number of requests.
        sections["middesk"]["max_requests_per_second"] = 0
        sections["bridgetown"]["projects"] = sorted(self.bridgetown.projects)
        return {"providers": sections}

"""What every simulated provider has in common: its ASGI application, its records of calls, its knobs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .faults import Call, Fault, FaultMiddleware, Faults

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, as an aware UTC time."""
    return datetime.now(UTC)


class Simulator(ABC):
    """A provider's API over made-up runs.

    `anchor` is the moment the runs are placed around (the newest ended just before it); the same anchor makes the
    same runs. `clock` drives the runs that progress while somebody watches. `faults`, `calls` and `modes` may be
    used directly by a test in the same process or over HTTP under `/_sim/`.
    """

    name: ClassVar[str]
    """The provider's name in the demo's configuration."""
    prefix: ClassVar[str]
    """Path of the provider's API below the server's root: what its base URL ends with."""
    special: Mapping[str, str]
    """Runs that show an edge case: what it is -> native id."""
    by_status: Mapping[str, Sequence[str]]
    """The provider's status word -> native ids, newest first, as they stand at the anchor."""
    known_modes: ClassVar[frozenset[str]] = frozenset()
    """Switches of wire shape that this simulator has, such as "old-shape"."""

    def __init__(self, *, anchor: datetime | None = None, clock: Clock = system_clock) -> None:
        self.clock = clock
        self.anchor = (anchor or clock()).replace(microsecond=0)
        self.token = f"demo-{self.name}-token"
        self.faults = Faults()
        self.calls: list[Call] = []
        self.modes: set[str] = set()

    @abstractmethod
    def api(self) -> ASGIApp:
        """The provider's API, without faults and control."""

    @abstractmethod
    def error_body(self, status: int) -> tuple[bytes, str]:
        """Body and content type of this provider's own error reply for an HTTP status."""

    @abstractmethod
    def native_ids(self) -> Sequence[str]:
        """Ids of all runs, newest first, in the form the gateway uses below the provider's name."""

    def reset(self) -> None:
        """Forget faults, recorded calls and modes."""
        self.faults.clear()
        self.calls.clear()
        self.modes.clear()

    def set_modes(self, modes: Sequence[str]) -> None:
        """Replace the modes in force; an unknown one is a ValueError."""
        unknown = set(modes) - self.known_modes
        if unknown:
            raise ValueError(f"{self.name} has no mode {', '.join(sorted(unknown))}")
        self.modes = set(modes)

    def app(self) -> ASGIApp:
        """The server: the API with faults and recording in front, and the control routes."""
        faulty = FaultMiddleware(self.api(), self.faults, self.calls, self.error_body)
        control = Starlette(
            routes=[
                Route("/_sim/faults", self._faults, methods=["GET", "PUT"]),
                Route("/_sim/modes", self._modes, methods=["GET", "PUT"]),
                Route("/_sim/calls", self._calls, methods=["GET", "DELETE"]),
            ]
        )

        async def route(scope: Any, receive: Any, send: Any) -> None:
            under_control = scope["type"] == "http" and scope["path"].startswith("/_sim/")
            await (control if under_control else faulty)(scope, receive, send)

        return route

    async def _faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                faults = [Fault(**item) for item in await request.json()]
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
            self.faults.clear()
            for fault in faults:
                self.faults.add(fault)
        return JSONResponse([asdict(fault) for fault in self.faults.active])

    async def _modes(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.set_modes(await request.json())
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(sorted(self.modes))

    async def _calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse([{"method": call.method, "target": call.target} for call in self.calls])

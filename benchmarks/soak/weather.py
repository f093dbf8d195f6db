"""What providers are made to do wrong, when, and which error codes that explains."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from random import Random
from time import monotonic
from urllib.parse import urlsplit

from gateway.demo.faults import Fault
from gateway.demo.simulator import Simulator
from gateway.demo.world import DemoWorld

GRACE = 8.0
"""Seconds after a spell in which its errors may still come: a call's time limit, a pause, a remembered "not found"."""

PASSING = frozenset({"UNAVAILABLE", "TIMEOUT"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to fail. `codes`: what it may look like to a client. `is_total`: no call works while it lasts.

    `alters`: the bytes of a file may be others, and nobody can tell.
    """

    name: str
    codes: frozenset[str]
    faults: Sequence[Fault] = ()
    resets: bool = False
    is_total: bool = True
    alters: bool = False


def _kinds() -> list[Kind]:
    def status(code: int, *codes: str, retry_after: str | None = None) -> Kind:
        return Kind(str(code), frozenset(codes) | PASSING, [Fault(status=code, retry_after=retry_after)])

    bodies = ("html", "empty", "truncated", "invalid", "null", "array")
    return [
        Kind("slow", PASSING, [Fault(latency_ms=150)], is_total=False),
        Kind("stuck", PASSING, [Fault(latency_ms=8000)]),
        status(401, "UNAUTHENTICATED"),
        # A client of a provider with OAuth gets no token then.
        status(403, "PERMISSION_DENIED", "UNAUTHENTICATED"),
        # To MCP that is an unknown session.
        status(404, "NOT_FOUND", "UNAUTHENTICATED", "BAD_RESPONSE"),
        status(429, "RATE_LIMITED", retry_after="1"),
        status(429, "RATE_LIMITED"),
        status(500, "INTERNAL"),
        status(502, "INTERNAL"),
        status(503, "INTERNAL"),
        *(Kind(body, frozenset({"BAD_RESPONSE"}), [Fault(body=body)], alters=True) for body in bodies),
        Kind("a few 503", PASSING, [Fault(status=503, times=3)], is_total=False),
        Kind("huge", frozenset({"BAD_RESPONSE"}), [Fault(body="huge", times=1)], is_total=False, alters=True),
        Kind("resets", PASSING, resets=True),
    ]


KINDS = _kinds()
FORGETS = Kind("sessions forgotten", frozenset(), is_total=False)


@dataclass(slots=True)
class Spell:
    """A time for which one provider fails in one way."""

    kind: Kind
    since: float
    until: float = inf


class Relay:
    """A TCP way to a provider. While `resets` is set connections are reset, at once or with the next bytes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.resets = False
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.resets:
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if self.resets:
                    _reset(sink)
                    return
                sink.write(data)
                await sink.drain()
        sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection so that the other side hears of an error."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Weather:
    """The spells of every simulated provider. Use it as a context, for its relays."""

    def __init__(self, world: DemoWorld) -> None:
        self.world = world
        self.spells: dict[str, list[Spell]] = {name: [] for name in world.simulators}
        self.switched = 0
        self.relays = {name: Relay(urlsplit(url).port or 0) for name, url in world.urls.items()}

    @asynccontextmanager
    async def relayed(self) -> AsyncGenerator[Mapping[str, str]]:
        """Root URLs of the providers, through the relays."""
        for relay in self.relays.values():
            await relay.start()
        try:
            yield {name: f"http://127.0.0.1:{relay.port}" for name, relay in self.relays.items()}
        finally:
            await asyncio.gather(*(relay.close() for relay in self.relays.values()))

    async def change(self, name: str, random: Random, pace: float) -> None:
        """Let one provider fail now and then, until cancelled. Short waits with a small `pace`."""
        simulator = self.world.simulators[name]
        while True:
            await asyncio.sleep(random.uniform(2, 22) * pace)
            if name in ("bridgetown", "rightbrain") and random.random() < 0.25:
                # A good client opens another session, or gets another token, and nobody notices: once in a call.
                if FORGETS not in self.during(name, monotonic(), monotonic()):
                    self._forget_sessions(name)
                    self.spells[name].append(Spell(FORGETS, monotonic(), monotonic()))
                continue
            spell = Spell(random.choice(KINDS), monotonic())
            self.spells[name].append(spell)
            self.switched += 1
            try:
                self._switch(simulator, spell.kind)
                # Some last until what is kept of runs has to be said to be stale.
                await asyncio.sleep(random.uniform(12, 20) if random.random() < 0.1 else random.uniform(0.5, 9) * pace)
            finally:
                simulator.faults.clear()
                self.relays[name].resets = False
                spell.until = monotonic()

    def _switch(self, simulator: Simulator, kind: Kind) -> None:
        for fault in kind.faults:
            simulator.faults.add(fault)
        self.relays[simulator.name].resets = kind.resets

    def _forget_sessions(self, name: str) -> None:
        if name == "bridgetown":
            self.world.bridgetown.expire_sessions()
        else:
            self.world.rightbrain.revoke_tokens()

    def during(self, provider: str, start: float, end: float) -> list[Kind]:
        """What was wrong with a provider, as far as answers between these moments may show it."""
        spells = self.spells.get(simulated(provider), [])
        return [spell.kind for spell in spells if spell.since <= end and spell.until + GRACE >= start]

    def codes(self, provider: str, start: float, end: float) -> frozenset[str]:
        """The error codes that are explained."""
        return frozenset[str]().union(*(kind.codes for kind in self.during(provider, start, end)))

    def is_dead(self, provider: str, start: float, end: float) -> bool:
        """Whether no call worked all that time."""
        spells = self.spells.get(simulated(provider), [])
        return any(spell.kind.is_total and spell.since <= start and spell.until >= end for spell in spells)


def simulated(provider: str) -> str:
    """The simulator behind a configured provider: `eigenpal-own` is asked with callers' own credentials."""
    return provider.removesuffix("-own")

"""The soak itself: everything is started, disturbed, asked and watched for a while."""

import asyncio
import tempfile
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapters.model import run_id
from gateway.demo.world import DemoWorld

from . import asking_lists, asking_runs
from .desk import STATUSES, Desk, Verdict
from .gateways import Gateway, Redis, Sample, configuration
from .truth import Clock, Truth
from .weather import Weather

Ask = Callable[[Desk], Awaitable[Verdict]]

MIX: Mapping[Ask, int] = {
    asking_runs.one_run: 30,
    asking_runs.many_runs: 18,
    asking_runs.by_get: 14,
    asking_runs.impatient: 8,
    asking_runs.quoted: 6,
    asking_lists.pages: 6,
    asking_lists.usage: 1,
    asking_lists.export: 3,
    asking_lists.file: 10,
    asking_lists.probe: 6,
}
"""What is asked, and how often."""

MOST_IN_FLIGHT = 64
MOST_WRONG = 100
STEP = 12.0
"""Seconds from one step of the simulators' clock to the next."""


@dataclass(slots=True)
class Wrong:
    """An answer that is wrong: what was asked, what is wrong, what was answered."""

    kind: str
    what: list[str]
    request: str
    answer: str
    at: float


@dataclass(slots=True)
class Tally:
    """What happened."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    wrong: list[Wrong] = field(default_factory=list[Wrong])
    wrong_count: int = 0
    troubles: list[str] = field(default_factory=list[str])
    samples: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])
    seconds: float = 0
    faults: int = 0
    kills: int | None = None
    reloads: int = 0
    events: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """Reloads and kills, with their moments (monotonic)."""
    skipped: int = 0
    """Requests that were not sent, since too many were under way."""

    def note(self, kind: str, verdict: Verdict) -> None:
        self.outcomes[kind, verdict.outcome] += 1
        if verdict.wrong:
            self.wrong_count += 1
            if len(self.wrong) < MOST_WRONG:
                replies = verdict.replies[-3:]
                answers = "\n".join(f"{reply.status} {reply.body[:300]!r} … {reply.body[-900:]!r}" for reply in replies)
                self.wrong.append(
                    Wrong(
                        kind,
                        list(verdict.wrong),
                        "\n".join(reply.request[:700] for reply in replies),
                        answers,
                        monotonic(),
                    )
                )


async def soak(seconds: float, *, seed: int, rate: float, runs: int, settle: float) -> Tally:
    """Ask about so many requests per second. `runs`: of each provider, how many are asked for by id, twice over.

    For the last `settle` seconds all providers are well.
    """
    random = Random(seed)
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, DemoWorld(clock=clock) as world:
        clock.set(clock.now)
        weather = Weather(world)
        redis = Redis(Path(folder)) if Redis.is_installed() else None
        async with (
            weather.relayed() as urls,
            Truth(clock) as truth,
            _gateways(Path(folder), world, urls, redis) as all_,
        ):
            limits = httpx.Limits(max_connections=200, keepalive_expiry=2)
            async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as http:
                desk = await _desk(all_, http, world, weather, clock, truth, random, runs)
                start = monotonic()
                disturbing = [
                    asyncio.ensure_future(one)
                    for one in (
                        *(weather.change(name, Random(f"{seed}{name}"), min(1, seconds / 60)) for name in urls),
                        _kill(redis, Random(f"{seed}redis"), seconds, tally),
                        _reload(all_, Random(f"{seed}reload"), seconds, tally),
                    )
                ]
                watching = [asyncio.ensure_future(one) for one in (_go_on(clock), _watch(all_, world))]
                try:
                    await _ask(desk, tally, seconds - settle, rate, [*disturbing, *watching])
                    await _end(disturbing)
                    await _ask(desk, tally, settle, rate, watching)
                finally:
                    await _end([*disturbing, *watching])
                tally.seconds = monotonic() - start
        tally.faults = weather.switched
        tally.kills = redis.kills if redis else None
        for gateway in all_:
            tally.troubles += [f"{gateway.name}: {line}" for line in gateway.troubles()]
            tally.samples |= {f"{gateway.name}, process {pid}": found for pid, found in gateway.samples.items()}
    return tally


@asynccontextmanager
async def _gateways(
    folder: Path, world: DemoWorld, urls: Mapping[str, str], redis: Redis | None
) -> AsyncGenerator[list[Gateway]]:
    """Two gateways, one with two workers. They must end well, too."""
    providers: dict[str, Any] = world.configuration()["providers"]
    for name, section in providers.items():
        for key in ("base_url", "token_url"):
            if key in section:
                section[key] = urls[name] + urlsplit(str(section[key])).path
    file = folder / "rungraph.toml"
    file.write_text(configuration(providers, redis.url if redis else None))
    if redis:
        redis.start()
    started = [Gateway(folder, file, workers) for workers in (1, 2)]
    codes: list[int] = []
    try:
        await asyncio.gather(*(gateway.ready() for gateway in started))
        yield started
    finally:
        codes = [await asyncio.to_thread(gateway.stop) for gateway in started]
        if redis:
            redis.kill()
            redis.kills -= 1
    if any(codes):
        raise RuntimeError(f"the gateways ended with {codes}")


async def _desk(
    gateways: list[Gateway],
    http: httpx.AsyncClient,
    world: DemoWorld,
    weather: Weather,
    clock: Clock,
    truth: Truth,
    random: Random,
    runs: int,
) -> Desk:
    settled: list[str] = []
    for name, simulator in world.simulators.items():
        # The newest ones run, and are asked for as such.
        history = simulator.native_ids()[8:]
        chosen = random.sample(list(history), min(runs, len(history)))
        settled += [
            run_id(name, native_id) for native_id in dict.fromkeys((*chosen, *list(simulator.special.values())[:runs]))
        ]
    for start in range(0, len(settled), 100):
        known = await truth.runs(settled[start : start + 100], truth.anchor)
        settled[start : start + 100] = [
            one if known[one].is_settled else settled[0] for one in settled[start : start + 100]
        ]
    owners = [one for one in settled if one.startswith(("eigenpal:", "rightbrain:"))]
    files: list[str] = []
    for start in range(0, len(owners), 100):
        files += await truth.files(owners[start : start + 100])
    # Some are listed and can't be had.
    files = [path for path in random.sample(files, min(60, len(files))) if await truth.has(path)]
    return Desk([one.url for one in gateways], http, world, weather, clock, truth, random, settled, files)


async def _ask(desk: Desk, tally: Tally, seconds: float, rate: float, others: Sequence[asyncio.Future[None]]) -> None:
    """Send requests at about a rate, and wait for the last; fails if one of the `others` does."""
    kinds, weights = list(MIX), list(MIX.values())
    under_way: set[asyncio.Task[None]] = set()
    end = monotonic() + seconds
    while monotonic() < end:
        await asyncio.sleep(desk.random.expovariate(rate))
        if len(under_way) >= MOST_IN_FLIGHT:
            tally.skipped += 1
            continue
        task = asyncio.create_task(_one(desk, desk.random.choices(kinds, weights)[0], tally))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        for other in others:
            if other.done():
                other.result()
    await asyncio.gather(*under_way)


async def _one(desk: Desk, ask: Ask, tally: Tally) -> None:
    name = ask.__name__.replace("_", " ")
    try:
        verdict = await ask(desk)
    except httpx.HTTPError as error:
        verdict = Verdict("no answer", [f"no answer: {error!r}"])
    except Exception as error:
        # An answer of another shape than all others.
        verdict = Verdict("strange", [f"it can't be judged: {error!r} {traceback.format_exc()[-600:]}"])
    strange = [reply.status for reply in verdict.replies if reply.status not in STATUSES]
    if strange:
        verdict = Verdict("strange", [*verdict.wrong, f"status {strange}"], verdict.replies)
    tally.note(name, verdict)


async def _kill(redis: Redis | None, random: Random, seconds: float, tally: Tally) -> None:
    while redis is not None:
        await asyncio.sleep(random.uniform(10, 60) * min(1, seconds / 60))
        redis.kill()
        tally.events.append((monotonic(), "Redis killed"))
        try:
            await asyncio.sleep(random.uniform(0, 6) * min(1, seconds / 60))
        finally:
            redis.start()


async def _reload(gateways: list[Gateway], random: Random, seconds: float, tally: Tally) -> None:
    while True:
        await asyncio.sleep(random.uniform(5, 30) * min(1, seconds / 60))
        random.choice(gateways).reload()
        tally.reloads += 1
        tally.events.append((monotonic(), "reload"))


async def _go_on(clock: Clock) -> None:
    """The simulators' clock goes as fast as time does, in steps."""
    while True:
        await asyncio.sleep(STEP)
        clock.set(clock.now + timedelta(seconds=STEP))


async def _watch(gateways: list[Gateway], world: DemoWorld) -> None:
    """Take samples, and let the simulators forget what they were asked."""
    while True:
        for gateway in gateways:
            gateway.sample()
        for simulator in world.simulators.values():
            simulator.calls.clear()
        world.eigenpal.storage.calls.clear()
        await asyncio.sleep(1)


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task

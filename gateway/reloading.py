"""Another configuration without a restart: on SIGHUP the file is read again, and no request is dropped for it."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from . import crashes
from .app import GatewayApp, create_app
from .health import RELOAD_FAILED
from .schema import build
from .serving import ForegroundServer, Server, settle_memory, url_of
from .settings import ConfigError, Settings, load

log = logging.getLogger(__name__)

FIXED = ("host", "port")
"""The keys of [server] that only a start can change."""

SECONDS_TO_LET_GO = 10
"""Until nothing has hold of an application that is closed, which is as long as connections may be idle, and some more:
the last request of each had hold of it."""

Requests = Collection[asyncio.Task[Any]]
"""The tasks of requests that are being answered."""


class LiveApp:
    """The gateway as an ASGI application that can be given other settings while it serves."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings)
        self._open = AsyncExitStack()
        self._closing: set[asyncio.Task[None]] = set()
        self._router = Router(lifespan=self._lifespan)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = self._router if scope["type"] == "lifespan" else self._app
        return app(scope, receive, send)

    async def adopt(self, settings: Settings, in_flight: Callable[[], Requests]) -> None:
        """Answer new requests by other settings; those in flight finish by the earlier ones, which then are closed.

        Where this raises nothing has changed.
        """
        # In a thread, since it takes longer than a request should wait.
        app = await asyncio.to_thread(create_app, settings, previous=self._app)
        opened = await _opened(app)
        earlier = self._open
        self._app, self._open = app, opened
        closing = asyncio.ensure_future(_close(earlier, list(in_flight())))
        self._closing.add(closing)
        closing.add_done_callback(self._closed)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        # Caches can be most of a process, and would stay until circles are looked for in all of it, which is seldom.
        asyncio.get_running_loop().call_later(SECONDS_TO_LET_GO, gc.collect)

    @asynccontextmanager
    async def _lifespan(self, _router: Any) -> AsyncGenerator[None]:
        self._open = await _opened(self._app)
        yield
        await asyncio.gather(*self._closing, self._open.aclose())


async def _opened(app: GatewayApp) -> AsyncExitStack:
    """An application that has started, as what ends it."""
    stack = AsyncExitStack()
    await stack.enter_async_context(app.router.lifespan_context(app))
    return stack


async def _close(earlier: AsyncExitStack, requests: Requests) -> None:
    if requests:
        await asyncio.wait(requests)
    await earlier.aclose()


def reread(path: Path, current: Settings) -> Settings | None:
    """The configuration as the file has it by now; None, with one sentence in the log, where it can't be used."""
    try:
        settings = load(path)
    except ConfigError as error:
        log.error("the configuration stays as it was: %s", error)
        return None
    if current.auth.is_required and not settings.auth.is_required:
        # Only a start knows who can reach the server, and whether somebody answers for letting everybody in.
        log.error("the configuration stays as it was: nobody would have to say who they are, which takes a restart")
        return None
    changed = [f"server.{key}" for key in FIXED if getattr(settings.server, key) != getattr(current.server, key)]
    if changed:
        log.warning("%s changed, which takes a restart to have an effect", " and ".join(changed))
    return settings


async def adopt(server: Server, app: LiveApp, settings: Settings | None) -> bool:
    """Give a server's application other settings; None: there are none that can be used. Whether it has them now."""
    adopted = False
    if settings is not None:
        try:
            await app.adopt(settings, lambda: server.server_state.tasks)
        except Exception as error:
            kind = type(error).__qualname__
            log.error("the configuration stays as it was: unexpected %s\n%s", kind, crashes.report(error))
        else:
            server.apply(settings.server)
            adopted = True
    server.lifespan.state[RELOAD_FAILED] = not adopted
    return adopted


def say_reloaded(settings: Settings) -> None:
    # As a warning, since that is what is shown where nobody has configured logging.
    log.warning("the configuration was read again; providers: %s", ", ".join(settings.providers))


class Reloads:
    """Reloads, one at a time: signals that come during one are answered by a single other one."""

    def __init__(self, reload: Callable[[], Awaitable[None]]) -> None:
        self._reload = reload
        self._is_wanted = False
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Reload on SIGHUP, where the system has it."""
        if hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.want)

    def want(self) -> None:
        """Reload, now or after the reload in progress."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self._reload()


def make_app(settings: Settings) -> LiveApp:
    """The application of a process that does nothing else."""
    # All that applications have in common is made first, and settled without any of them.
    build(introspection=settings.server.introspection)
    settle_memory()
    return LiveApp(settings)


def serve(path: Path, settings: Settings, sock: socket.socket, started: Callable[[str], None]) -> None:
    """Serve in this process, by a file that is read again on SIGHUP; else as `serving.serve`."""
    app = make_app(settings)

    async def reload() -> None:
        nonlocal settings
        read = await asyncio.to_thread(reread, path, settings)
        if await adopt(server, app, read) and read is not None:
            settings = read
            say_reloaded(settings)

    def listening() -> None:
        Reloads(reload).listen()
        started(url_of(sock))

    server = ForegroundServer(app, settings.server, listening)
    server.run(sockets=[sock])

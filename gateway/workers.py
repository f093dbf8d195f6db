"""Several worker processes on one socket: throughput that grows with the cores."""

import os
import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from . import settings
from .app import create_app
from .serving import settle_memory, uvicorn_options

CONFIG_VARIABLE = "RUNGRAPH_CONFIG"


def serve(config: Path, sock: socket.socket, workers: int) -> None:
    """Serve until SIGINT or SIGTERM. A worker that dies is replaced. Each has a memory cache of its own."""
    os.environ[CONFIG_VARIABLE] = str(config.resolve())
    options = uvicorn.Config("gateway.workers:worker_app", factory=True, workers=workers, **uvicorn_options())
    Multiprocess(options, sockets=[sock]).run()


def worker_app() -> ASGIApp:
    """The application of one worker: the configuration was checked by the parent."""
    app = create_app(settings.load(Path(os.environ[CONFIG_VARIABLE])))
    settle_memory()
    return app

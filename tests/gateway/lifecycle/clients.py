"""Clients of a gateway that runs in another process."""

import socket
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from tests.gateway.processes import PATIENCE, Process

from .upstream import Upstream

ALL_RUNS = "/export/runs.csv?columns=id,status"


class Client:
    """Asks a gateway for one run. `said` is what one that knows the run answers."""

    def __init__(self, url: str, native_id: str) -> None:
        self.url = url.removesuffix("/graphql")
        self.native_id = native_id
        self.run = f"eigenpal:{native_id}"
        self.said = {"data": {"run": {"id": self.run}}}
        self.query = {"query": f'{{ run(id: "{self.run}") {{ id }} }}'}

    def ask(self) -> httpx.Response:
        """The answer to a request on a connection of its own."""
        return httpx.post(f"{self.url}/graphql", json=self.query, trust_env=False, timeout=PATIENCE)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=PATIENCE)

    def asked(self) -> "Future[httpx.Response]":
        """The answer to come of a request that is sent now."""
        return _THREADS.submit(self.ask)

    def exported(self) -> "Future[httpx.Response]":
        return _THREADS.submit(self.get, ALL_RUNS)

    def wait_until_nobody_listens(self) -> None:
        parts = urlsplit(self.url)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE).close()
            except ConnectionError:
                return
            time.sleep(0.01)
        raise AssertionError("the gateway still listens")

    @contextmanager
    def asking_all_the_time(self) -> Generator["Asked"]:
        """Asks again and again while the block runs, on connections that are kept and on new ones."""
        asked = Asked()
        stop = threading.Event()

        def ask(kept: httpx.Client | None) -> None:
            while not stop.is_set():
                try:
                    response = self.ask() if kept is None else kept.post(f"{self.url}/graphql", json=self.query)
                except httpx.HTTPError as error:
                    asked.wrong.append(repr(error))
                else:
                    asked.right += response.json() == self.said
                    if response.json() != self.said:
                        asked.wrong.append(response.text)
                    asked.again.set()

        with httpx.Client(trust_env=False, timeout=PATIENCE) as kept, ThreadPoolExecutor(2) as threads:
            futures = [threads.submit(ask, client) for client in (kept, None)]
            try:
                yield asked
            finally:
                stop.set()
            for future in futures:
                future.result(PATIENCE)


def served(process: Process, upstream: Upstream) -> Client:
    """A client of a gateway that is starting, once it serves."""
    url = process.read_until("RunGraph serves ").rpartition(" ")[2]
    return Client(url, upstream.simulator.by_status["completed"][0])


class Asked:
    """How requests went: how many had the right answer, and what the others had."""

    def __init__(self) -> None:
        self.right = 0
        self.wrong: list[str] = []
        self.again = threading.Event()

    def wait_for_more(self) -> None:
        """Returns after another answer."""
        self.again.clear()
        assert self.again.wait(PATIENCE)


_THREADS = ThreadPoolExecutor(4)

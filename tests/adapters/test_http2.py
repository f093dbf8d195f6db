"""Over TLS the newest HTTP that both sides know is spoken, with a certificate that the system trusts."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import hypercorn.asyncio
import pytest
import trustme
from hypercorn.config import Config
from pydantic import SecretStr

from adapters.auth import Bearer
from adapters.errors import TimedOut, Unavailable
from adapters.settings import TokenSettings
from adapters.upstream import UpstreamClient
from tests.support import LONG_MS, patiently, run

from .stalling import PATIENCE
from .upstreams import TOKEN, client, read_error


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that this process trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def configuration(authority: trustme.CA, folder: Path, protocols: list[str]) -> Config:
    """A server on a free port that offers these protocols."""
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    made = Config()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        made.bind = [f"127.0.0.1:{free.getsockname()[1]}"]
    made.certfile = made.keyfile = str(folder / "server.pem")
    made.alpn_protocols = protocols
    made.loglevel = "CRITICAL"
    return made


@asynccontextmanager
async def served(app: Any, config: Config) -> AsyncGenerator[UpstreamClient]:
    """A client of an application that runs while the block does, and answers `/version`."""
    stop = asyncio.Event()
    serve = cast(Any, hypercorn.asyncio).serve
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    port = config.bind[0].rpartition(":")[2]
    upstream = client(f"https://localhost:{port}", timeout_ms=LONG_MS)
    try:
        for _ in range(100):
            try:
                await upstream.get("version")
                break
            except Unavailable:
                # It is not listening yet.
                await asyncio.sleep(0.05)
        yield upstream
    finally:
        await upstream.aclose()
        stop.set()
        await serving


async def lifespan(receive: Any, send: Any) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def tell(scope: Any, send: Any) -> None:
    """Answers with the version of HTTP that was asked with."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": f'"{scope["http_version"]}"'.encode()})


async def version(config: Config) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (tell(scope, send) if scope["type"] == "http" else lifespan(receive, send))

    async with served(app, config) as upstream:
        return await upstream.get("version")


@pytest.mark.parametrize(("protocols", "newest"), [(["h2", "http/1.1"], "2"), (["http/1.1"], "1.1")])
def test_the_newest_version_that_is_offered(
    authority: trustme.CA, tmp_path: Path, protocols: list[str], newest: str
) -> None:
    assert run(version(configuration(authority, tmp_path, protocols))) == newest


@pytest.mark.parametrize("is_late", [False, True], ids=["cancelled", "out of time"])
def test_a_call_that_is_given_up_ends_alone(authority: trustme.CA, tmp_path: Path, is_late: bool) -> None:
    """Its stream is reset; the connection, and what else is asked over it, stays."""

    async def ask(limit_ms: int) -> tuple[set[Any], Any]:
        asked = {"/first": asyncio.Event(), "/second": asyncio.Event()}
        left, free = asyncio.Event(), asyncio.Event()
        clients: set[Any] = set()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await lifespan(receive, send)
                return
            clients.add(scope["client"])
            if scope["path"] in asked:
                asked[scope["path"]].set()
            if scope["path"] == "/first":
                while (await receive())["type"] != "http.disconnect":
                    pass
                left.set()
                return
            if scope["path"] == "/second":
                await free.wait()
            await tell(scope, send)

        config = configuration(authority, tmp_path, ["h2"])
        async with served(app, config) as upstream:
            url = f"https://localhost:{config.bind[0].rpartition(':')[2]}"
            hasty = UpstreamClient(
                "acme",
                TokenSettings(adapter="acme", base_url=url, token=SecretStr(TOKEN), timeout_ms=limit_ms),
                auth=Bearer(SecretStr(TOKEN)),
                read_error=read_error,
                carrier=upstream._carrier,  # pyright: ignore[reportPrivateUsage]
            )
            second = asyncio.ensure_future(upstream.get("second"))
            first = asyncio.ensure_future((hasty if is_late else upstream).get("first"))
            await asked["/second"].wait()
            if is_late:
                with pytest.raises(TimedOut):
                    await first
                assert asked["/first"].is_set()
            else:
                await asked["/first"].wait()
                first.cancel()
            async with asyncio.timeout(PATIENCE):
                await left.wait()
            free.set()
            return clients, await second

    def check(limit_ms: int) -> None:
        clients, answer = run(ask(limit_ms))
        assert answer == "2"
        assert len(clients) == 1

    patiently(check)

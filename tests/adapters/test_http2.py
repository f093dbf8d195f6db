"""Over TLS the newest HTTP that both sides know is spoken, with a certificate that the system trusts."""

import asyncio
import socket
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import hypercorn.asyncio
import pytest
import trustme
from hypercorn.config import Config

from adapters.errors import Unavailable
from tests.support import run

from .upstreams import client


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


async def answer(config: Config) -> Any:
    """What a client gets of a server that tells the version of HTTP it was asked with."""
    stop = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": f'"{scope["http_version"]}"'.encode()})
        else:
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})

    serve = cast(Any, hypercorn.asyncio).serve
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    port = config.bind[0].rpartition(":")[2]
    upstream = client(f"https://localhost:{port}")
    try:
        for _ in range(100):
            try:
                return await upstream.get("version")
            except Unavailable:
                # It is not listening yet.
                await asyncio.sleep(0.05)
        raise AssertionError("the server did not start")
    finally:
        await upstream.aclose()
        stop.set()
        await serving


@pytest.mark.parametrize(("protocols", "version"), [(["h2", "http/1.1"], "2"), (["http/1.1"], "1.1")])
def test_the_newest_version_that_is_offered(
    authority: trustme.CA, tmp_path: Path, protocols: list[str], version: str
) -> None:
    assert run(answer(configuration(authority, tmp_path, protocols))) == version

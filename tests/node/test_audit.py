"""The GraphQL over HTTP audit of graphql-http, against the demo's gateway on a real server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.app import create_app
from gateway.demo.server import LoopbackServers
from gateway.demo.world import DemoWorld
from gateway.settings import parse

HERE = Path(__file__).parent
CHECKS = 61


def test_the_endpoint_passes_every_check() -> None:
    node = shutil.which("node")
    missing = "no node on the path" if node is None else None if (HERE / "node_modules").is_dir() else "no node_modules"
    if node is None or missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the audit: {missing}; npm ci --prefix tests/node")
        pytest.skip(f"{missing}: npm ci --prefix tests/node")
    with DemoWorld() as world, LoopbackServers({"gateway": create_app(parse(world.configuration()))}) as servers:
        done = subprocess.run(
            [node, HERE / "audit.mjs", f"{servers.urls['gateway']}/graphql"], capture_output=True, text=True, timeout=60
        )

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == CHECKS

"""An adapter of another distribution: found through its entry point, served as `OtherRun`."""

import sys
from pathlib import Path

import httpx
import pytest

from adapters import registry
from gateway.app import create_app
from gateway.settings import ConfigError, parse

from .sending import GRAPHQL, send

SECTION = {"base_url": "http://provider.test", "token": "t0ken"}


@pytest.fixture(autouse=True)
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs the metadata of a distribution that brings two adapters, one of which can't be loaded."""
    metadata = tmp_path / "acme_runs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-runs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[rungraph.adapters]\nacme = tests.conformance.memory:MemoryAdapter\nbroken = acme_runs.missing:Adapter\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def test_it_is_known() -> None:
    assert registry.names()[-2:] == ("acme", "broken")


def test_its_runs_are_other_runs() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/runs/r1"
        assert request.url.params["expand"] == "usage"
        document = {"id": "r1", "status": "done", "output": {"n": 1}, "usage": {"input": 3, "output": 4}}
        return httpx.Response(200, json=document)

    app = create_app(parse({"providers": {"acme": SECTION}}), transport=httpx.MockTransport(answer))
    query = '{ run(id: "acme:r1") { __typename id status output usage { totalTokens } steps { id } } }'
    (reply,) = send(app, httpx.Request("POST", GRAPHQL, json={"query": query}))
    assert reply.json() == {
        "data": {
            "run": {
                "__typename": "OtherRun",
                "id": "acme:r1",
                "status": "SUCCEEDED",
                "output": {"n": 1},
                "usage": {"totalTokens": 7},
                "steps": None,
            }
        }
    }


def test_one_that_can_not_be_loaded_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r'^providers\.broken\.adapter: adapter "broken" of acme_runs'):
        parse({"providers": {"broken": SECTION}})

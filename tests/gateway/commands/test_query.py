"""`rungraph query`, and how any command deals with answers that are none."""

import json
from pathlib import Path

import pytest

from gateway.demo.faults import Fault
from gateway.demo.ordinary import ordinary_id
from gateway.demo.world import DemoWorld

from .asking import rungraph, scripted

DOCUMENT = "query One($id: ID!) { run(id: $id) { id status } } query Two { providers { name } }"


@pytest.mark.usefixtures("url")
def test_a_file_with_variables(world: DemoWorld, tmp_path: Path) -> None:
    run_id = ordinary_id(world.middesk, "completed")
    (tmp_path / "q.graphql").write_text(DOCUMENT)
    (tmp_path / "v.json").write_text(json.dumps({"id": run_id}))
    for variables in (json.dumps({"id": run_id}), f"@{tmp_path / 'v.json'}"):
        ended = rungraph("query", tmp_path / "q.graphql", "--operation", "One", "--variables", variables)
        assert (ended.code, ended.err) == (0, "")
        assert ended.document == {"data": {"run": {"id": run_id, "status": "SUCCEEDED"}}}
    assert ended.out == json.dumps(ended.document, indent=2) + "\n"


@pytest.mark.usefixtures("config")
def test_standard_input() -> None:
    ended = rungraph("query", "-", "--json", stdin="{ providers { name } }")
    assert (ended.code, len(ended.document["data"]["providers"])) == (0, 5)


@pytest.mark.usefixtures("url")
def test_a_query_that_is_refused() -> None:
    ended = rungraph("query", "-", stdin="{ nothing }")
    assert ended.code == 1
    assert "data" not in ended.document
    assert ended.err.startswith("rungraph: Cannot query field 'nothing'")


@pytest.mark.usefixtures("url")
def test_data_with_errors_is_incomplete(world: DemoWorld) -> None:
    world.middesk.faults.add(Fault(status=503))
    ids = [ordinary_id(world.middesk, "completed"), ordinary_id(world.eigenpal, "completed")]
    variables = json.dumps({"ids": ids})
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ended = rungraph("query", "-", "--variables", variables, stdin=document)
    assert ended.code == 3
    assert ended.document["data"]["nodes"] == [None, {"id": ids[1]}]
    assert ended.err.startswith("rungraph: nodes.0: middesk: ")


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.graphql"], "can't read nowhere.graphql: No such file or directory"),
        (["-", "--variables", "[1]"], "--variables: expected a JSON object"),
        (["-", "--variables", "{"], "--variables: this is not JSON"),
        (["-", "--variables", "@nowhere.json"], "--variables: can't read nowhere.json"),
    ],
)
def test_what_can_not_be_read(arguments: list[str], sentence: str) -> None:
    ended = rungraph("query", *arguments, stdin="{ providers { name } }")
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_numbers_keep_their_digits() -> None:
    body = b'{"data": {"output": [0.1000000000000000055511151231257827, 123456789012345678901234567890, 1E+2]}}'
    with scripted(body) as gateway:
        ended = rungraph("query", "-", "--url", gateway.url, stdin="{ output }")
    assert "".join(ended.out.split()) == body.decode().replace(" ", "")


def test_headers_are_sent() -> None:
    with scripted({"data": {"a": 1}}) as gateway:
        rungraph("query", "-", "--url", f"{gateway.url}/below/", "-H", "Authorization: Bearer x", stdin="{ a }")
    ((request, body),) = gateway.asked
    assert (request.url.path, request.headers["authorization"]) == ("/below/graphql", "Bearer x")
    assert json.loads(body) == {"query": "{ a }", "variables": None, "operationName": None}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"<html>", 1),
        (404, b"nothing here", 1),
        (502, b"<html>", 3),
        (200, [1], 1),
        (200, {}, 1),
        (200, b"\xff", 1),
    ],
)
def test_what_is_no_gateway(status: int, body: object, code: int) -> None:
    with scripted(body, status) as gateway:
        ended = rungraph("runs", "--url", gateway.url)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err == f"rungraph: the answer, HTTP status {status}, is not one of a gateway; is the address right?\n"


def test_a_gateway_that_asks_for_credentials() -> None:
    error = {"message": "who are you?", "extensions": {"code": "UNAUTHENTICATED"}}
    with scripted({"errors": [error]}, 401) as gateway:
        ended = rungraph("usage", "--url", gateway.url)
    assert (ended.code, ended.err) == (1, "rungraph: who are you? (UNAUTHENTICATED)\n")


def test_a_gateway_that_can_not_be_reached() -> None:
    ended = rungraph("runs", "--url", "http://127.0.0.1:9")
    assert ended.code == 3
    assert ended.err.startswith("rungraph: can't reach http://127.0.0.1:9: ")


def test_an_answer_that_breaks_off() -> None:
    with scripted(b'{"data": {', is_cut=True) as gateway:
        ended = rungraph("runs", "--url", gateway.url)
    assert ended.code == 3
    assert "broke off" in ended.err


def test_no_gateway_is_named(tmp_path: Path) -> None:
    ended = rungraph("runs")
    assert ended.code == 2
    assert ended.err.startswith("rungraph: which gateway? --config FILE")
    ended = rungraph("runs", "--config", tmp_path / "nowhere.toml")
    assert (ended.code, ended.out) == (2, "")
    assert "nowhere.toml" in ended.err

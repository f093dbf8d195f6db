"""Files through a gateway over the simulated providers."""

from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from adapters.eigenpal import EigenpalAdapter
from gateway.app import create_app
from gateway.demo.faults import Fault
from gateway.demo.world import DemoWorld
from gateway.settings import parse
from tests.gateway.asking import Gateway
from tests.gateway.auth.asking import ONE, OTHER, bearer, keys
from tests.gateway.fake import FakeAdapter

pytestmark = pytest.mark.usefixtures("nothing_secret_is_said")

FILES = "query ($id: ID!) { run(id: $id) { files { name path downloadUrl } } }"


def ended(world: DemoWorld) -> str:
    """A run of Eigenpal with a file that comes directly, and one from storage."""
    eigenpal = world.eigenpal
    return next(run_id for run_id in eigenpal.by_status["completed"] if len(eigenpal.artifacts(run_id)) >= 2)


def url(run_id: str, path: str) -> str:
    return f"/files/{quote(run_id, safe=':')}/{quote(path)}"


def refusal(gateway: Gateway, path: str, status: int, method: str = "GET", **headers: str) -> dict[str, Any]:
    """The extensions of the one error that a request for a file gets."""
    reply = gateway.get(path, headers, method)
    Gateway.said.append(f"{reply.headers}\n{reply.text}")
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "private, no-store"
    (error,) = reply.json()["errors"]
    extensions = error["extensions"]
    assert extensions["requestId"] == reply.headers["x-request-id"]
    if "retryAfterMs" in extensions:
        assert reply.headers["retry-after"] == str(extensions["retryAfterMs"] // 1000)
    return {"message": error["message"], **extensions}


def test_every_file_that_a_run_lists_can_be_downloaded(gateway: Gateway, world: DemoWorld) -> None:
    run_id = ended(world)
    truth = world.eigenpal.artifacts(run_id)
    files = gateway.data(FILES, id=f"eigenpal:{run_id}")["run"]["files"]
    assert {file["path"] for file in files} == set(truth)
    for file in files:
        reply = gateway.get(file["downloadUrl"])
        Gateway.said.append(f"{reply.headers}")
        assert reply.status_code == 200
        assert reply.content == truth[file["path"]]
        assert f'filename="{file["name"]}"' in reply.headers["content-disposition"]
    assert len(world.eigenpal.storage.calls) == sum(number % 2 for number in range(len(truth)))
    assert all("authorization" not in call.headers for call in world.eigenpal.storage.calls)


def test_what_the_answer_says(gateway: Gateway, world: DemoWorld) -> None:
    run_id = ended(world)
    path, content = next(iter(world.eigenpal.artifacts(run_id).items()))
    reply = gateway.get(url(f"eigenpal:{run_id}", path), {"x-request-id": "my-request-1"})
    etag, content_type = reply.headers.pop("etag"), reply.headers.pop("content-type")
    assert etag.startswith('"')
    assert content_type in ("application/json", "application/pdf")
    name = path.rpartition("/")[2]
    assert dict(reply.headers) == {
        "content-length": str(len(content)),
        "content-disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
        "accept-ranges": "bytes",
        "last-modified": "Fri, 01 May 2026 08:00:00 GMT",
        "cache-control": "private, no-store",
        "content-security-policy": "sandbox; default-src 'none'",
        "vary": "Authorization",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "x-request-id": "my-request-1",
    }


@pytest.mark.parametrize("position", [0, 1], ids=["directly", "from storage"])
def test_ranges(gateway: Gateway, world: DemoWorld, position: int) -> None:
    run_id = ended(world)
    path, content = list(world.eigenpal.artifacts(run_id).items())[position]
    file = url(f"eigenpal:{run_id}", path)
    part = gateway.get(file, {"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, content[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(content)}"
    assert gateway.get(file, {"range": "bytes=-3"}).content == content[-3:]
    same = {"range": "bytes=2-", "if-range": part.headers["etag"]}
    assert gateway.get(file, same).content == content[2:]
    assert gateway.get(file, {**same, "if-range": '"other"'}).content == content
    assert gateway.get(file, {"range": "bytes=0-1,4-5"}).content == content
    beyond = gateway.get(file, {"range": "bytes=99999-"})
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    assert refusal(gateway, file, 416, range="bytes=99999-")["code"] == "INVALID_INPUT"


def test_head(gateway: Gateway, world: DemoWorld) -> None:
    run_id = ended(world)
    for path, content in world.eigenpal.artifacts(run_id).items():
        reply = gateway.get(url(f"eigenpal:{run_id}", path), {"range": "bytes=0-1"}, "HEAD")
        assert (reply.status_code, reply.content) == (200, b"")
        assert reply.headers["content-length"] == str(len(content))


def test_odd_names(gateway: Gateway, world: DemoWorld) -> None:
    run_id = world.eigenpal.special["odd-paths"]
    files = gateway.data(FILES, id=f"eigenpal:{run_id}")["run"]["files"]
    links = {file["path"]: file["downloadUrl"] for file in files}
    assert links.pop("output/../secret.txt") is None
    for path, link in links.items():
        reply = gateway.get(link)
        assert reply.content == world.eigenpal.artifacts(run_id)[path]
        assert reply.headers["content-type"] == "application/octet-stream"
    calls = len(world.eigenpal.calls)
    assert refusal(gateway, f"/files/eigenpal:{run_id}/output/%2E%2E/secret.txt", 400)["code"] == "INVALID_INPUT"
    assert len(world.eigenpal.calls) == calls


def test_files_of_a_run_whose_id_has_a_slash(gateway: Gateway, world: DemoWorld) -> None:
    native_id = world.rightbrain.special["files-names"]
    run_id = f"rightbrain:{native_id}"
    for file in gateway.data(FILES, id=run_id)["run"]["files"]:
        assert file["downloadUrl"] == f"/files/{run_id.replace('/', '%2F')}/{file['name']}"
        assert len(gateway.get(file["downloadUrl"]).content) > 10


def test_a_signed_link_is_left_as_it_is(gateway: Gateway, world: DemoWorld) -> None:
    files = gateway.data(FILES, id=f"rightbrain:{world.rightbrain.special['files-objects']}")["run"]["files"]
    assert all(file["downloadUrl"].startswith("https://files.example/") for file in files)


def test_an_expired_credential_is_renewed() -> None:
    with DemoWorld() as world, Gateway(create_app(parse(world.configuration()))) as gateway:
        native_id = world.rightbrain.special["files-names"]
        link = url(f"rightbrain:{native_id}", world.rightbrain.file_names(native_id)[0])
        assert gateway.get(link).status_code == 200
        world.rightbrain.revoke_tokens()
        assert gateway.get(link).status_code == 200


def test_a_caller_gets_files_of_their_own_providers_only(world: DemoWorld) -> None:
    run_id = ended(world)
    path = next(iter(world.eigenpal.artifacts(run_id)))
    with Gateway(create_app(parse({**world.configuration(), "auth": keys()}))) as gateway:
        file = url(f"eigenpal:{run_id}", path)
        assert gateway.get(file).status_code == 401
        assert gateway.get(file, bearer(OTHER)).status_code == 200
        calls = len(world.eigenpal.calls)
        refused = refusal(gateway, file, 400, **bearer(ONE))
        missing = refusal(gateway, file.replace("eigenpal", "nothing"), 400, **bearer(ONE))
        assert refused["message"].replace("eigenpal", "nothing") == missing["message"]
    assert len(world.eigenpal.calls) == calls


def test_links_start_where_the_gateway_is_mounted(world: DemoWorld) -> None:
    app = create_app(parse(world.configuration()))
    mounted = Starlette(routes=[Mount("/run graph", app)], lifespan=app.router.lifespan_context)
    run_id = ended(world)
    with Gateway(mounted) as gateway:
        query = f'{{ run(id: "eigenpal:{run_id}") {{ files {{ path downloadUrl }} }} }}'
        reply = gateway.get(f"/run%20graph/graphql?query={quote(query)}", {"accept": "application/json"})
        file = reply.json()["data"]["run"]["files"][0]
        assert file["downloadUrl"] == f"/run%20graph{url(f'eigenpal:{run_id}', file['path'])}"
        assert gateway.get(file["downloadUrl"]).content == world.eigenpal.artifacts(run_id)[file["path"]]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(status=401), 502, "UNAUTHENTICATED"),
        (Fault(status=403), 403, "PERMISSION_DENIED"),
        (Fault(status=404), 404, "NOT_FOUND"),
        (Fault(status=429, retry_after="30"), 429, "RATE_LIMITED"),
        (Fault(status=500), 502, "INTERNAL"),
        (Fault(status=503), 503, "UNAVAILABLE"),
        (Fault(status=503, body="html"), 503, "UNAVAILABLE"),
        (Fault(status=404, body="html"), 502, "BAD_RESPONSE"),
        (Fault(status=302, body="empty"), 502, "BAD_RESPONSE"),
    ],
    ids=lambda value: repr(value),
)
def test_faults_of_the_provider(gateway: Gateway, world: DemoWorld, fault: Fault, status: int, code: str) -> None:
    run_id = ended(world)
    path = next(iter(world.eigenpal.artifacts(run_id)))
    world.eigenpal.faults.add(fault)
    error = refusal(gateway, url(f"eigenpal:{run_id}", path), status)
    assert (error["code"], error["provider"], error["upstreamStatus"]) == (code, "eigenpal", fault.status)
    assert error.get("retryAfterMs") == (30_000 if fault.retry_after else None)
    health = gateway.data("{ providers { name health { state lastErrorCode } } }")["providers"][1]["health"]
    assert health["state"] == ("OK" if code == "NOT_FOUND" else "FAILING")


def test_faults_of_the_storage(gateway: Gateway, world: DemoWorld) -> None:
    run_id = ended(world)
    path = list(world.eigenpal.artifacts(run_id))[1]
    world.eigenpal.storage.faults.add(Fault(status=403))
    error = refusal(gateway, url(f"eigenpal:{run_id}", path), 502)
    assert (error["code"], error["upstreamStatus"]) == ("UPSTREAM_ERROR", 403)
    assert "signature" not in error["message"]


def test_what_is_not_there(gateway: Gateway, world: DemoWorld) -> None:
    run_id = ended(world)
    assert refusal(gateway, f"/files/eigenpal:{run_id}/nothing.txt", 404)["code"] == "NOT_FOUND"
    assert refusal(gateway, "/files/eigenpal:exec_none/nothing.txt", 404)["code"] == "NOT_FOUND"
    assert refusal(gateway, "/files/nobody:1/x", 400)["code"] == "INVALID_INPUT"
    assert refusal(gateway, "/files/rightbrain:no-uuid/x", 400)["provider"] == "rightbrain"
    assert refusal(gateway, "/files/eigenpal:a%00b/x", 400)["code"] == "INVALID_INPUT"
    assert refusal(gateway, f"/files/eigenpal:{run_id}/a%0Ab", 400)["code"] == "INVALID_INPUT"


def test_a_provider_without_files_is_not_asked(gateway: Gateway, world: DemoWorld) -> None:
    assert refusal(gateway, "/files/middesk:1/x", 501)["code"] == "UNSUPPORTED"
    assert world.middesk.calls == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods(gateway: Gateway, world: DemoWorld, method: str) -> None:
    calls = len(world.eigenpal.calls)
    reply = gateway.get("/files/eigenpal:x/y", method=method)
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
    assert len(world.eigenpal.calls) == calls


def test_a_mistake_of_an_adapter_is_masked(gateway: Gateway, world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inner secret")

    monkeypatch.setattr(EigenpalAdapter, "open_file", broken)
    error = refusal(gateway, "/files/eigenpal:x/y", 500)
    assert (error["code"], "provider" in error, "inner" in error["message"]) == ("INTERNAL", False, False)


def test_capabilities(gateway: Gateway) -> None:
    found = gateway.data("{ providers { name capabilities } }")["providers"]
    assert {row["name"] for row in found if "FILES" in row["capabilities"]} == {"eigenpal", "rightbrain"}
    assert not hasattr(FakeAdapter, "open_file")

"""Files of a provider over real sockets: redirects, credentials, ranges."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from adapters import errors
from adapters.auth import Auth
from adapters.upstream import ByteRange
from tests.support import run

from .downloads import CONTENT, Known, Parties, downloaded, opened, parties, taken
from .upstreams import TOKEN


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,storage.test")


@pytest.fixture(scope="module")
def running() -> Iterator[Parties]:
    with parties() as state:
        yield state


@pytest.fixture
def world(running: Parties) -> Parties:
    running.provider.seen.clear()
    running.storage.seen.clear()
    running.locations.clear()
    return running


def base(world: Parties) -> str:
    return f"{world.provider.url}/base"


def test_a_file_of_the_provider(world: Parties) -> None:
    status, headers, content = downloaded(base(world), "runs", "a b/c", "x")
    assert (status, content) == (200, CONTENT)
    assert headers.keys() == {"content-type", "content-length", "accept-ranges", "etag", "last-modified"}
    assert headers["content-length"] == str(len(CONTENT))
    assert world.provider.credentials == [f"Bearer {TOKEN}"]
    assert world.provider.seen[0][1]["accept-encoding"] == "identity"


def test_a_range(world: Parties) -> None:
    status, headers, content = downloaded(base(world), "x", part=ByteRange("bytes=5-9"))
    assert (status, content) == (206, CONTENT[5:10])
    assert headers["content-range"] == f"bytes 5-9/{len(CONTENT)}"


def test_a_range_on_a_condition(world: Parties) -> None:
    part = ByteRange("bytes=5-9", '"another version"')
    assert downloaded(base(world), "x", part=part)[0] == 200
    assert world.provider.seen[0][1]["if-range"] == '"another version"'


def test_a_range_that_is_not_there(world: Parties) -> None:
    status, headers, _ = downloaded(base(world), "x", part=ByteRange("bytes=99999-"))
    assert (status, headers) == (416, {"content-range": f"bytes */{len(CONTENT)}"})


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        ("bytes=0-", "bytes=0-"),
        (" bytes=-5 ", "bytes=-5"),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        ("bytes=0-1\r\nx: y", None),
        (None, None),
    ],
)
def test_which_ranges_are_passed_on(sent: str | None, passed: str | None) -> None:
    part = ByteRange.of(sent, None)
    assert (part and part.range) == passed


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_storage_goes_without_the_credential(world: Parties, status: int) -> None:
    world.locations.append("{storage}/bucket/key?signature=1")

    async def ask() -> tuple[int, dict[str, str], bytes]:
        async with opened(base(world)) as upstream:
            return await taken(upstream, "to", "0", part=ByteRange("bytes=0-3"), status=status)

    assert run(ask())[2] == CONTENT[:4]
    assert world.provider.credentials == [f"Bearer {TOKEN}"]
    assert world.storage.credentials == [None]
    assert not any(TOKEN in f"{headers}" for _, headers in world.storage.seen)
    assert world.storage.seen[0][1]["range"] == "bytes=0-3"


def test_a_redirect_within_the_provider_keeps_the_credential(world: Parties) -> None:
    world.locations += ["1", "/base/file"]
    assert downloaded(base(world), "to", "0")[2] == CONTENT
    assert world.provider.paths == ["/base/to/0", "/base/to/1", "/base/file"]
    assert world.provider.credentials == [f"Bearer {TOKEN}"] * 3


def test_a_storage_that_redirects_back_gets_no_use_of_the_credential(world: Parties) -> None:
    world.locations.append("{storage}/back")
    assert downloaded(base(world), "to", "0")[2] == CONTENT
    assert world.provider.credentials == [f"Bearer {TOKEN}", None]


def test_redirects_end(world: Parties) -> None:
    world.locations += ["1", "2", "3", "0"]
    with pytest.raises(errors.BadResponse, match="redirects don't end"):
        downloaded(base(world), "to", "0")
    assert len(world.provider.seen) == 4


@pytest.mark.parametrize(
    "location", ["http://%31/", "https://[::1/", "ftp://x/", "http://u:p@x.example/", "http://x.example\\@y/"]
)
def test_a_redirect_to_nowhere(world: Parties, location: str) -> None:
    world.locations.append(location)
    with pytest.raises(errors.BadResponse, match="can't be followed"):
        downloaded(base(world), "to", "0")


def test_a_redirect_without_a_location(world: Parties) -> None:
    world.locations.append("")
    with pytest.raises(errors.BadResponse, match="no place"):
        downloaded(base(world), "to", "0")


@pytest.mark.parametrize(
    ("status", "kind", "place"),
    [
        (404, errors.NotFound, "provider"),
        (403, errors.PermissionDenied, "provider"),
        (401, errors.Unauthenticated, "provider"),
        (429, errors.RateLimited, "provider"),
        (500, errors.UpstreamInternal, "provider"),
        (204, errors.BadResponse, "provider"),
        (404, errors.NotFound, "storage"),
        (403, errors.UpstreamFault, "storage"),
        (400, errors.UpstreamFault, "storage"),
        (429, errors.RateLimited, "storage"),
        (503, errors.Unavailable, "storage"),
    ],
)
def test_an_answer_that_is_no_file(world: Parties, status: int, kind: type[errors.AdapterError], place: str) -> None:
    world.locations.append(f"{{storage}}/status/{status}")
    with pytest.raises(kind) as caught:
        downloaded(base(world), *(("status", str(status)) if place == "provider" else ("to", "0")))
    assert type(caught.value) is kind
    assert (caught.value.upstream_status, caught.value.retry_after_ms) == (status, 7000)
    # A storage is not who the user asked: its words say nothing to them.
    assert ("the words" in str(caught.value)) == (place == "provider" and status != 204)


class Renewing(Auth):
    """Credentials that count up; the provider takes the second."""

    number = 0

    async def header(self) -> str:
        return f"Bearer {self.number}"

    async def renew(self, rejected: str) -> bool:
        self.number += 1
        return self.number == 1

    def secrets(self) -> tuple[str, ...]:
        return ()


@pytest.mark.parametrize("accepted", ["Bearer 1", "Bearer 9"])
def test_a_refused_credential_is_renewed_once(accepted: str) -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return httpx.Response(200 if sent[-1] == accepted else 401, content=b"it")

    async def ask() -> bytes:
        async with opened("https://p.test", auth=Renewing(), transport=httpx.MockTransport(answer)) as upstream:
            return (await taken(upstream, "x"))[2]

    if accepted == "Bearer 1":
        assert run(ask()) == b"it"
    else:
        with pytest.raises(errors.Unauthenticated):
            run(ask())
    assert sent == ["Bearer 0", "Bearer 1"]


def redirected(location: str, hosts: Mapping[str, list[str]], home: str = "https://provider.test", **keys: Any) -> str:
    """What comes of a redirect, where hosts have these addresses; and that nobody but the provider was asked if bad."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        is_first = len(asked) == 1
        return httpx.Response(302, headers={"location": location}) if is_first else httpx.Response(200, content=b"it")

    async def ask() -> str:
        known = Known({"provider.test": ["93.184.216.34"], **hosts})
        transport = httpx.MockTransport(answer)
        async with opened(home, resolve=known, transport=transport, **keys) as upstream:
            return (await taken(upstream, "x"))[2].decode()

    try:
        return run(ask())
    except errors.AdapterError as error:
        assert len(asked) == 1
        return str(error)


PUBLIC, PRIVATE, LOOPBACK, METADATA = ["8.8.8.8"], ["10.1.2.3"], ["127.0.0.1"], ["169.254.169.254"]


def test_a_public_storage() -> None:
    assert redirected("https://s.test/x", {"s.test": PUBLIC}) == "it"
    assert redirected("https://8.8.8.8/x", {"8.8.8.8": PUBLIC}) == "it"


@pytest.mark.parametrize(
    "addresses", [PRIVATE, LOOPBACK, METADATA, ["::1"], ["::ffff:127.0.0.1"], ["fd00:ec2::254"], PUBLIC + PRIVATE]
)
def test_a_redirect_into_a_network_that_is_not_the_providers(addresses: list[str]) -> None:
    assert "network that is not the provider's" in redirected("https://s.test/x", {"s.test": addresses})


@pytest.mark.parametrize(
    ("home", "there", "followed"),
    [
        (PRIVATE, PRIVATE, True),
        (PRIVATE, PUBLIC, True),
        (PRIVATE, LOOPBACK, False),
        (PRIVATE, METADATA, False),
        (LOOPBACK, LOOPBACK, True),
        (LOOPBACK, PRIVATE, False),
        (LOOPBACK, METADATA, False),
        (["169.254.1.1"], METADATA, False),
    ],
)
def test_a_provider_in_a_network_has_its_storage_there(home: list[str], there: list[str], followed: bool) -> None:
    outcome = redirected("https://s.test/x", {"s.test": there, "provider.test": home})
    assert (outcome == "it") == followed


def test_a_redirect_away_from_tls() -> None:
    assert "away from TLS" in redirected("http://s.test/x", {"s.test": PUBLIC})
    assert redirected("http://s.test/x", {"s.test": PUBLIC}, "http://provider.test") == "it"


def test_a_storage_without_an_address() -> None:
    assert "no address" in redirected("https://s.test/x", {}, max_retries=0)


def test_listed_storages_are_the_only_ones_wherever_they_are() -> None:
    hosts = ["*.internal", "s.test"]
    assert redirected("https://s.test/x", {}, download_hosts=hosts) == "it"
    assert redirected("https://minio.internal/x", {"minio.internal": PRIVATE}, download_hosts=hosts) == "it"
    assert "download_hosts" in redirected("https://t.test/x", {"t.test": PUBLIC}, download_hosts=hosts)


def test_the_connection_goes_to_the_address_that_was_checked(world: Parties) -> None:
    """Nobody knows storage.test but the resolver that was asked first: there is no second look."""
    known = Known({"storage.test": ["127.0.0.1"], "127.0.0.1": ["127.0.0.1"]})
    port = world.storage.url.rpartition(":")[2]
    world.locations.append(f"http://storage.test:{port}/x")

    async def ask() -> bytes:
        async with opened(base(world), resolve=known) as upstream:
            return (await taken(upstream, "to", "0"))[2]

    assert run(ask()) == CONTENT
    assert known.asked.count("storage.test") == 1
    assert world.storage.seen[0][1]["host"] == f"storage.test:{port}"


def test_a_relative_path_is_refused() -> None:
    for segment in ("", ".", "..", "\ud800"):
        with pytest.raises(errors.InvalidInput):
            downloaded("http://127.0.0.1:9", "runs", segment)

"""The cache's configuration: the server that replicas share, and its secrets."""

from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.settings import CacheSettings, ConfigError, load, parse
from tests.gateway.toml import write_toml

PROVIDERS = {"refactor": {"base_url": "http://refactor.test", "token": "env:TOKEN"}}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t0ken")


def cache(**keys: Any) -> CacheSettings:
    return parse({"providers": PROVIDERS, "cache": keys}).cache


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6380/2",
        "rediss://user:p%40ss@cache.internal:6379/0",
        "valkey://:secret@[::1]:7000",
        "valkeys://cache",
    ],
)
def test_a_url_of_a_server(url: str) -> None:
    read = cache(url=url).url
    assert read is not None
    assert read.get_secret_value() == url
    assert url not in repr(cache(url=url))


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://host:port",
        "redis://host:70000",
        "redis://host/name",
        "redis://host/1/2",
        "redis://host?socket_timeout=1",
        "redis://host#x",
        "redis://[::1",
        "unix:///tmp/hunter2.sock",
        "",
        7,
    ],
)
def test_what_is_no_such_url_is_refused_without_being_shown(url: Any) -> None:
    with pytest.raises(ConfigError) as error:
        cache(url=url)
    assert str(error.value).startswith("cache.url: ")
    assert "hunter2" not in str(error.value)


def test_a_url_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CACHE", "redis://:hunter2@host")
    (tmp_path / "secret").write_text("sealing wax\n")
    read = cache(url="env:CACHE", secret=f"file:{tmp_path / 'secret'}")
    assert read.url is not None
    assert read.secret is not None
    assert (read.url.get_secret_value(), read.secret.get_secret_value()) == ("redis://:hunter2@host", "sealing wax")


def test_an_environment_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNGRAPH_CACHE__URL", "redis://elsewhere")
    read = cache(url="redis://here").url
    assert read is not None
    assert read.get_secret_value() == "redis://elsewhere"


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(settings, "find_spec", nothing)
    with pytest.raises(ConfigError, match=r'cache\.url: needs the extra "redis": pip install "rungraph\[redis\]"'):
        cache(url="redis://host")
    assert cache().url is None


@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ({"url": "redis://:hunter2@host"}, ["cache.url"]),
        ({"url": "redis://host", "secret": "hunter2"}, ["cache.secret"]),
        ({"url": "redis://host"}, []),
        ({"url": "env:CACHE", "secret": "env:CACHE"}, []),
    ],
    ids=str,
)
def test_a_secret_in_the_file_is_warned_about(
    keys: dict[str, str],
    warned: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CACHE", "redis://:hunter2@host")
    load(write_toml(tmp_path / "c.toml", {"cache": keys, "providers.refactor": PROVIDERS["refactor"]}))
    assert [message.split(": ")[1].split(" ")[0] for message in caplog.messages] == warned
    assert "hunter2" not in caplog.text

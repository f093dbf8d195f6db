"""Options that several commands share."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.commands.exits import UsageError
from gateway.commands.options import FilterOptions, choose_target

UTC = ZoneInfo("UTC")


def options(**said: Any) -> FilterOptions:
    names = ("provider", "status", "kind", "since", "after", "before", "target", "scope")
    return FilterOptions(**{name: said.get(name) for name in names})


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNGRAPH_CONFIG", "environment.toml")
    assert choose_target(None, None, None).config == Path("environment.toml")
    monkeypatch.setenv("RUNGRAPH_URL", "http://environment.test")
    assert choose_target(None, None, None).url == "http://environment.test"
    assert choose_target(Path("given.toml"), None, None).config == Path("given.toml")
    assert choose_target(None, "http://given.test", None).url == "http://given.test"


def test_a_gateway_has_to_be_named_and_only_once() -> None:
    with pytest.raises(UsageError, match="which gateway"):
        choose_target(None, None, None)
    with pytest.raises(UsageError, match="two gateways"):
        choose_target(Path("given.toml"), "http://given.test", None)


@pytest.mark.parametrize("path", ["", "/", "/graphql", "/graphql/"])
def test_the_address_may_be_the_endpoints(path: str) -> None:
    assert choose_target(None, f"http://given.test/below{path}", None).url == "http://given.test/below"


@pytest.mark.parametrize(
    "url", ["given.test", "ftp://given.test", "http://", "http://a:x", "http://a:b@c", "http://a?b"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="--url"):
        choose_target(None, url, None)


def test_headers_may_point_to_their_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "from-environment")
    (tmp_path / "a token").write_text("from-file\n")
    given = ["X-Plain: a b", "Authorization: Bearer env:GATEWAY_TOKEN", f"X-File:file:{tmp_path / 'a token'}"]
    headers = choose_target(None, "http://given.test", given).headers
    assert headers == {"X-Plain": "a b", "Authorization": "Bearer from-environment", "X-File": "from-file"}


@pytest.mark.parametrize("header", ["nothing", ": value", "A B: c", "X: env:NOT_SET_ANYWHERE", "X: a\r\nY: b", "X:"])
def test_what_is_no_header(header: str) -> None:
    with pytest.raises(UsageError, match="--header"):
        choose_target(None, "http://given.test", [header])


def test_filters_as_graphql_and_as_parameters() -> None:
    said = options(
        provider=["a,b", "c"],
        status=["failed,timed-out"],
        kind=["Agent"],
        after="2026-03-02",
        before="2026-03-03T10:00+01:00",
        target="t",
        scope="s",
    )
    assert said.variables(UTC) == {
        "providers": ["a", "b", "c"],
        "status": ["FAILED", "TIMED_OUT"],
        "kind": ["AGENT"],
        "createdAfter": "2026-03-02T00:00:00Z",
        "createdBefore": "2026-03-03T09:00:00Z",
        "target": "t",
        "scope": "s",
    }
    assert ("status", "TIMED_OUT") in said.parameters(UTC)
    assert ("target", "t") in said.parameters(UTC)
    assert options().variables(UTC) == {}


def test_what_is_no_filter() -> None:
    with pytest.raises(UsageError, match='--status: there is no "broken"; there are queued, '):
        options(status=["broken"]).variables(UTC)
    with pytest.raises(UsageError, match="--since and --after"):
        options(since="7d", after="2026-03-02").variables(UTC)

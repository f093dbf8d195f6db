"""Configuration of a provider: where secrets come from, that they never show, and which URLs are taken."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.settings import ProviderSettings, TokenSettings

SECRET = "s3cr3t-value"


def settings(**keys: object) -> TokenSettings:
    return TokenSettings.model_validate(
        {"adapter": "acme", "base_url": "https://acme.example", "token": SECRET, **keys}
    )


def token(**keys: object) -> str:
    read = settings(**keys).token
    assert read is not None
    return read.get_secret_value()


def refusal(**keys: object) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    return str(caught.value)


def test_literal_secret() -> None:
    assert token() == SECRET


def test_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", SECRET)
    assert token(token="env:ACME_TOKEN") == SECRET


def test_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    assert token(token=f"file:{file}") == SECRET


def test_secret_with_a_colon() -> None:
    assert token(token="btk:env:x") == "btk:env:x"


def test_place_without_a_secret_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    assert "environment variable ACME_TOKEN is not set" in refusal(token="env:ACME_TOKEN")
    monkeypatch.setenv("ACME_TOKEN", "")
    assert "environment variable ACME_TOKEN is not set" in refusal(token="env:ACME_TOKEN")
    assert str(tmp_path / "none") in refusal(token=f"file:{tmp_path / 'none'}")
    assert str(tmp_path) in refusal(token=f"file:{tmp_path}")
    (tmp_path / "empty").write_text("\n")
    assert "is empty" in refusal(token=f"file:{tmp_path / 'empty'}")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refusal(token=f"file:{tmp_path / 'binary'}")


@pytest.mark.parametrize("token", ["env:", "file:", "", None, 7, ["x"], {"x": SECRET}])
def test_no_secret(token: object) -> None:
    refusal(token=token)


@pytest.mark.parametrize("odd", ["\n", "\r\nx-header: y", "\x00", "é", "\u202e"])
def test_secret_that_no_header_can_carry(odd: str, tmp_path: Path) -> None:
    assert SECRET not in refusal(token=SECRET + odd + "x")
    file = tmp_path / "token"
    file.write_text(SECRET + odd + "x", encoding="utf-8")
    assert SECRET not in refusal(token=f"file:{file}")


def test_secret_never_shows(tmp_path: Path) -> None:
    configured = settings()
    for text in (repr(configured), str(configured), repr(configured.token), str(configured.model_dump())):
        assert SECRET not in text
    assert SECRET not in configured.model_dump_json()
    assert SECRET not in refusal(base_url="nonsense")
    assert SECRET not in refusal(timeout_ms=0)
    assert SECRET not in refusal(unknown_key=1)
    assert SECRET not in refusal(tokne=SECRET)
    with pytest.raises(ValidationError) as caught:
        settings(base_url=f"https://user:{SECRET}@acme.example")
    assert SECRET not in str(caught.value)
    assert SECRET not in json.dumps(caught.value.errors(include_url=False, include_context=False, include_input=False))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://acme.example", "https://acme.example"),
        ("https://acme.example/", "https://acme.example"),
        ("https://acme.example/api/v1/", "https://acme.example/api/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_base_url(given: str, kept: str) -> None:
    assert settings(base_url=given).base_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.example",
        "//acme.example",
        "/v1",
        "ftp://acme.example",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://acme.example?x=1",
        "https://acme.example/#x",
        "https://user@acme.example",
        "https://user:pass@acme.example",
        "https://acme.example:99999",
        "https://acme.example:x",
        "https://acme.example/a b",
        "https://acme.example/\n",
        "https://acme.example/é",
        "https://[::1",
        7,
        None,
    ],
)
def test_base_url_refused(url: object) -> None:
    assert "base_url" in refusal(base_url=url)


def test_unknown_keys_are_refused() -> None:
    assert "tokn" in refusal(tokn="x")


def test_a_token_may_be_optional() -> None:
    assert ProviderSettings.model_validate({"adapter": "acme", "base_url": "https://acme.example"}).token is None


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        settings().timeout_ms = 5

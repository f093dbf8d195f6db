"""rungraph.example.toml: it works, it names every key, and the defaults it shows are the defaults."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from adapters import registry
from adapters.settings import ProviderSettings
from gateway.auth.settings import JwtSettings, KeySettings
from gateway.settings import Settings, load, parse

FILE = Path(__file__).parents[2] / "rungraph.example.toml"
SECTIONS = {name: field for name, field in Settings.model_fields.items() if name != "providers"}
KEY = re.compile(r"^(?:# )?([a-z_]+) = ", re.MULTILINE)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable that the file proposes is there: none of them is taken for anything else."""
    for name in re.findall(r'"env:(\w+)"', FILE.read_text(encoding="utf-8")):
        monkeypatch.setenv(name, "s3cret")


def section(name: str) -> str:
    """The text of a section, which may be commented out, up to the next header."""
    _, text = re.split(rf"^(?:# )?\[{re.escape(name)}\]$", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return re.split(r"^(?:# )?\[", text, flags=re.MULTILINE)[0]


def with_defaults(name: str) -> str:
    """A section with its commented keys as if they were set."""
    return f"[{name}]\n" + re.sub(r"^# (?=[a-z_]+ = )", "", section(name), flags=re.MULTILINE)


def test_it_can_be_used_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    settings = load(FILE)

    assert set(settings.providers) == set(registry.BUILT_IN)
    assert all(provider.adapter == name for name, provider in settings.providers.items())
    assert settings.model_dump(exclude={"providers"}) == {
        name: SECTIONS[name].default.model_dump() for name in SECTIONS
    }
    assert caplog.messages == []


@pytest.mark.parametrize("name", SECTIONS)
def test_it_shows_every_key_of_a_section_with_its_default(name: str) -> None:
    shown = tomllib.loads(with_defaults(name))[name]
    defaults = SECTIONS[name].default.model_dump(exclude={"keys", "jwt"})

    assert set(shown) == set(defaults)
    assert {key: shown[key] for key in shown if defaults[key] is not None} == {
        key: default for key, default in defaults.items() if default is not None
    }


@pytest.mark.parametrize(("name", "model"), [("auth.keys.reports", KeySettings), ("auth.jwt", JwtSettings)])
def test_it_shows_every_key_of_a_section_that_is_commented_out(name: str, model: type[BaseModel]) -> None:
    shown = tomllib.loads(with_defaults(name).replace(name, "section"))["section"]
    read = model.model_validate(shown)

    assert set(shown) == set(model.model_fields)
    for key, field in model.model_fields.items():
        assert field.is_required() or field.default in (None, getattr(read, key)), key


@pytest.mark.parametrize("adapter", registry.BUILT_IN)
def test_every_key_of_an_adapter_is_there_with_its_default(adapter: str) -> None:
    fields = registry.load(adapter).settings_type.model_fields
    own = set(fields) if adapter == "eigenpal" else set(fields) - (set(ProviderSettings.model_fields) - {"base_url"})

    assert own <= set(KEY.findall(section(f"providers.{adapter}")))
    shown = tomllib.loads(with_defaults(f"providers.{adapter}"))["providers"][adapter]
    if adapter == "rightbrain":
        del shown["token"]
    read = parse({"providers": {adapter: shown}}).providers[adapter]
    for key in own - {"projects"}:
        assert fields[key].is_required() or fields[key].default in (None, getattr(read, key)), key

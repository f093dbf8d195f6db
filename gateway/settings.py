"""Configuration: a TOML file, with environment variables over it.

`RUNGRAPH_SERVER__PORT=9000` sets `server.port`; two underscores separate levels. Every mistake becomes one
`ConfigError` whose sentence names the key.
"""

import logging
import re
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from adapters import registry
from adapters.budget import Budget
from adapters.settings import ProviderSettings, Secret, resolve_secret

from .auth.settings import AuthSettings
from .limits.settings import DocumentSettings, LimitSettings
from .section import Section

log = logging.getLogger(__name__)

FIRST_REPORT_RETRIES = 3
"""Retries that a report has before it made any call."""

PROVIDER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class ConfigError(Exception):
    """A configuration that can't be used; `str()` is one sentence that names the key."""


def _cache_url(value: SecretStr) -> SecretStr:
    # Messages leave the URL out, which may hold a password.
    trouble = "expected redis://HOST:PORT/DB, or rediss:// for TLS, without a query"
    try:
        parts = urlsplit(value.get_secret_value())
        is_url = parts.scheme in CACHE_SCHEMES and bool(parts.hostname) and not (parts.query or parts.fragment)
        # Reading the port checks it.
        is_url = is_url and (parts.port is None or parts.port > 0) and re.fullmatch(r"/?[0-9]{0,3}", parts.path)
    except ValueError:
        raise ValueError(trouble) from None
    if not is_url:
        raise ValueError(trouble)
    if find_spec("redis") is None:
        raise ValueError('needs the extra "redis": pip install "rungraph[redis]"')
    return value


CACHE_SCHEMES = ("redis", "rediss", "valkey", "valkeys")
CacheUrl = Annotated[SecretStr, BeforeValidator(resolve_secret), AfterValidator(_cache_url)]
"""The URL of a server to share runs on; it may hold a password."""


class ServerSettings(Section):
    """Where to listen, what a client may send, what one GraphQL request may cost, and how to stop.

    After `deadline_ms` what is not there is missing from the answer. `max_upstream_calls` includes `max_retries`
    repeated ones. Calls that serve everybody (access tokens, sessions) are not counted.

    Each process has `max_connections` clients at most, and makes `max_exports` exports at a time. `client_timeout_ms`
    is how long a client may take to send a request's head, or its body, or stand still while it takes an answer.
    Told to stop, the server goes on for `drain_delay_ms` while it says that it is not ready; then it listens no more,
    and requests in flight have `drain_ms` to finish. `allow_unauthenticated`: listen to other machines although nobody
    has to say who they are.
    """

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    allow_unauthenticated: bool = False
    graphiql: bool = True
    introspection: bool = True
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    max_ids: int = Field(default=500, ge=1)
    max_connections: int = Field(default=2_000, ge=1, le=1_000_000)
    client_timeout_ms: int = Field(default=30_000, ge=1_000, le=3_600_000)
    max_exports: int = Field(default=8, ge=1, le=10_000)
    drain_ms: int = Field(default=10_000, ge=0, le=3_600_000)
    drain_delay_ms: int = Field(default=0, ge=0, le=300_000)
    deadline_ms: int = Field(default=30_000, ge=1, le=3_600_000)
    max_upstream_calls: int = Field(default=2_000, ge=1, le=1_000_000)
    max_retries: int = Field(default=3, ge=0, le=1_000)

    def request_budget(self) -> Budget:
        """What one GraphQL request may cost from now on, without its reports."""
        return Budget(seconds=self.deadline_ms / 1000, calls=self.max_upstream_calls, retries=self.max_retries)


class CacheSettings(Section):
    """How long a run is kept, in seconds, by its status (0: for no time), how many, and where.

    `max_runs` and `max_bytes` bound the runs in this process's memory, `max_answers` and `max_answer_bytes` the whole
    answers. A run that has ended and can't be looked up again is given as it was for `stale_if_error_ttl` longer.
    `url` is of a Redis server that replicas share; `url_timeout_ms` bounds each call there, and `lock_ttl` how long
    replicas wait for the one that looks a run up. `secret` is what replicas derive keys from.
    """

    max_runs: int = Field(default=10_000, ge=0)
    max_bytes: int = Field(default=32 * 1024 * 1024, ge=0)
    terminal_ttl: float = Field(default=600, ge=0, le=10 * 365 * 86_400)
    live_ttl: float = Field(default=1, ge=0, le=86_400)
    waiting_ttl: float = Field(default=5, ge=0, le=86_400)
    not_found_ttl: float = Field(default=3, ge=0, le=86_400)
    stale_if_error_ttl: float = Field(default=86_400, ge=0, le=10 * 365 * 86_400)
    reuse_answers: bool = True
    max_answers: int = Field(default=1_000, ge=0)
    max_answer_bytes: int = Field(default=8 * 1024 * 1024, ge=0)
    url: CacheUrl | None = None
    url_timeout_ms: int = Field(default=50, ge=1, le=60_000)
    lock_ttl: float = Field(default=2, ge=0, le=60)
    secret: Secret | None = None


class FeedSettings(Section):
    """Bounds of lists over several providers.

    For one page, a source (a provider, or one scope of it) is waited for `deadline_ms` at most, and not much more than
    `max_scanned_rows` of its rows are read. Parts that rows lack are fetched for `concurrency` runs of a provider at a
    time. `report_deadline_ms` is how long a source is read for one usage report.

    A report or an export makes `report_max_upstream_calls` calls at most; `report_retry_percent` of them, and a few
    more, may be repeated ones.
    """

    deadline_ms: int = Field(default=5_000, ge=1, le=300_000)
    report_deadline_ms: int = Field(default=60_000, ge=1, le=3_600_000)
    max_scanned_rows: int = Field(default=1_000, ge=1)
    concurrency: int = Field(default=16, ge=1, le=1_000)
    report_max_upstream_calls: int = Field(default=100_000, ge=1, le=100_000_000)
    report_retry_percent: int = Field(default=20, ge=0, le=100)

    def report_budget(self) -> Budget:
        """What one report or export may cost; its time is bounded source by source."""
        return Budget(
            calls=self.report_max_upstream_calls,
            retries=FIRST_REPORT_RETRIES if self.report_retry_percent else 0,
            retries_per_call=self.report_retry_percent / 100,
        )


class Settings(BaseSettings):
    """The whole configuration. `providers` maps each provider's own name to the settings its adapter asks for."""

    model_config = SettingsConfigDict(
        env_prefix="RUNGRAPH_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    cache: CacheSettings = CacheSettings()
    feed: FeedSettings = FeedSettings()
    limits: LimitSettings = LimitSettings()
    documents: DocumentSettings = DocumentSettings()
    providers: dict[str, ProviderSettings] = Field(default_factory=dict[str, ProviderSettings])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what the file says."""
        return EnvSettingsSource(settings_cls), init_settings

    @field_validator("providers", mode="before")
    @classmethod
    def _by_adapter(cls, value: object) -> object:
        """Each section read by the settings class of its adapter."""
        if not isinstance(value, Mapping):
            raise ValueError("expected sections such as [providers.NAME]")
        sections = cast("Mapping[str, object]", value)
        return {name: _provider(name, section) for name, section in sections.items()}

    @model_validator(mode="after")
    def _has_providers(self) -> "Settings":
        if not self.providers:
            raise ValueError("providers: at least one section [providers.NAME] is needed")
        return self

    @model_validator(mode="after")
    def _keys_see_what_there_is(self) -> "Settings":
        for name, key in self.auth.keys.items():
            for provider in key.providers or ():
                if provider not in self.providers:
                    raise ValueError(f'auth.keys.{name}.providers: there is no provider "{provider[:64]}"')
        return self


def _provider(name: str, section: object) -> ProviderSettings:
    if isinstance(section, ProviderSettings):
        return section
    if not PROVIDER_NAME.fullmatch(name):
        raise ValueError(f"providers.{name}: a name may hold a-z, 0-9 and - only")
    if not isinstance(section, Mapping):
        raise ValueError(f"providers.{name}: expected a section")
    values: dict[str, Any] = {"adapter": name, **cast("Mapping[str, Any]", section)}
    if not isinstance(values["adapter"], str):
        raise ValueError(f"providers.{name}.adapter: expected a text")
    try:
        adapter = registry.load(values["adapter"])
    except LookupError as error:
        raise ValueError(f"providers.{name}.adapter: {error}") from None
    try:
        return adapter.settings_type.model_validate(values)
    except ValidationError as error:
        raise ValueError(_sentence(error, f"providers.{name}")) from None


def load(path: Path) -> Settings:
    """The configuration in a TOML file, with the environment over it; ConfigError where it can't be used.

    Secrets that the file itself holds are warned about in the log.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    settings = parse(document)
    for key in _literal_secrets(document, settings):
        log.warning('%s: %s holds the secret itself; better "env:NAME" or "file:PATH"', path, key)
    return settings


def parse(document: Mapping[str, Any]) -> Settings:
    """The configuration in a parsed document, with the environment over it; ConfigError where it can't be used."""
    for key in document:
        if key not in Settings.model_fields:
            raise ConfigError(f"{key}: there is no such key")
    try:
        return Settings(**document)
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from None
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        variable = f"RUNGRAPH_{named[1].upper() if named else 'SERVER'}"
        raise ConfigError(
            f"the environment variable {variable} is for a whole section and must hold JSON; "
            f"{variable}__KEY sets one key"
        ) from None


def _literal_secrets(document: Mapping[str, Any], settings: Settings) -> list[str]:
    """The keys of secrets that are in the document itself, rather than where it points to."""
    found = [
        f"providers.{name}.{key}"
        for name, section in document.get("providers", {}).items()
        for key, value in settings.providers[name]
        if isinstance(value, SecretStr) and _is_literal(section, key)
    ]
    cache = document.get("cache", {})
    if settings.cache.secret is not None and _is_literal(cache, "secret"):
        found.append("cache.secret")
    url = settings.cache.url
    if url is not None and _is_literal(cache, "url") and urlsplit(url.get_secret_value()).password:
        found.append("cache.url")
    return found


def _is_literal(section: Mapping[str, Any], key: str) -> bool:
    return not str(section.get(key, "env:")).startswith(("env:", "file:"))


EXPECTED: Mapping[str, str] = {
    "bool": "expected true or false",
    "dict": "expected a section",
    "float": "expected a number",
    "int": "expected a whole number",
    "model": "expected a section",
    "string": "expected a text",
    "tuple": "expected a list",
}
"""What pydantic's errors about types start with -> our words."""


def _sentence(error: ValidationError, prefix: str = "") -> str:
    """One mistake as "key: what is wrong". The rejected value stays out: it may be a secret.

    A key that does not exist comes first: it may be the one that is missing, with a slip in its name.
    """
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    first = next((mistake for mistake in mistakes if mistake["type"] == "extra_forbidden"), mistakes[0])
    key = ".".join(filter(None, (prefix, *(str(part) for part in first["loc"]))))
    message = first["msg"].removeprefix("Value error, ")
    kind, _, trouble = first["type"].partition("_")
    match first["type"]:
        case "extra_forbidden":
            message = "there is no such key"
        case "missing":
            message = "this key is needed"
        case "too_short":
            message = "expected a list that is not empty"
        case "string_too_short":
            message = "expected a text that is not empty"
        case _ if trouble in ("type", "parsing", "from_float") and kind in EXPECTED:
            message = EXPECTED[kind]
        case _:
            message = message.removeprefix("Input ")
            message = message[:1].lower() + message[1:]
    # A message from a nested section already starts with the key in full.
    return (
        message
        if message.startswith(f"{key}.") or (key in ("", "providers") and ":" in message)
        else f"{key}: {message}"
    )

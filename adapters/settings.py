"""Configuration of one provider, as every adapter needs it; an adapter with more keys subclasses `ProviderSettings`."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from .addresses import origin


def resolve_secret(value: object) -> object:
    """A secret given as "env:NAME", "file:PATH" or the literal. Messages name the place, never the secret."""
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError('expected "env:NAME", "file:PATH" or the secret itself')
    kind, _, place = value.partition(":")
    if kind in ("env", "file") and not place:
        raise ValueError(f"expected a {'name' if kind == 'env' else 'path'} after {kind}:")
    if kind == "env":
        secret = os.environ.get(place, "")
        if not secret:
            raise ValueError(f"environment variable {place} is not set")
    elif kind == "file":
        try:
            secret = Path(place).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"can't read the file {place}: {_reason(error)}") from None
        if not secret:
            raise ValueError(f"the file {place} is empty")
    else:
        secret = value
    if not secret.isprintable() or not secret.isascii():
        raise ValueError("a secret may hold printable ASCII characters only")
    return SecretStr(secret)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is not UTF-8 text"


def _caller_header(value: str) -> str:
    name = value.lower()
    # Only for this: whatever else is in a request must not become a credential, and no log shows these.
    if len(name) > 128 or not re.fullmatch(r"x-[a-z0-9-]+-(authorization|token|key)", name):
        raise ValueError("expected a name such as x-NAME-authorization: it ends in -authorization, -token or -key")
    return name


def _http_url(value: str) -> str:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("the URL may hold printable ASCII characters only, and no blanks")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http:// or https:// URL")
    # Also where they are empty: what is added to the URL would land behind them.
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("the URL may not hold credentials, a query or a fragment")
    _ = parts.port
    try:
        origin(value)
    except ValueError as error:
        raise ValueError(f"the URL can't be used: {error}") from None
    return value.rstrip("/")


def _host(value: str) -> str:
    value = value.lower()
    if not _HOST.fullmatch(value):
        raise ValueError('expected a host such as "files.example.com", or "*.example.com" for all below a domain')
    return value


_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]*:[0-9a-f:.]*")


Secret = Annotated[SecretStr, BeforeValidator(resolve_secret)]
"""A credential: "env:NAME", "file:PATH" or the literal value; hidden in every representation."""

CallerHeader = Annotated[str, AfterValidator(_caller_header)]
"""The name of a header that callers send a credential in, in lower case."""

HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""An http(s) URL without credentials, query or fragment; a trailing slash is dropped."""

Host = Annotated[str, AfterValidator(_host)]
"""A host name or address without a port; "*.example.com" stands for all hosts below the domain."""


class ProviderSettings(BaseModel):
    """The keys every provider has.

    `credentials` says whose credential the provider is asked with: the `token` here, or each caller's own, which comes
    in the header `caller_header`.

    `timeout_ms` bounds one call as a whole, with its waits and retries, `connect_timeout_ms` its connection, and
    `read_timeout_ms` each silence. `max_response_bytes` is the largest answer that is read. `max_connections` bounds
    the calls at a time, and the idle connections that are kept; one more call waits for `max_queue_ms` at most.
    `max_requests_per_second` 0: any number.

    A read that fails for a moment is repeated `max_retries` times, after a random wait of at most `retry_wait_ms`,
    which doubles. A Retry-After beyond `max_retry_wait_ms` is not waited for, not by later calls either. After
    `breaker_failures` failures in a row (0: never) the provider is left alone for `breaker_pause_ms`, which doubles. No
    pause, this one or one that the provider asks for, is longer than `max_pause_ms`.

    Asking for a file is a call like any other until the file begins. It is bounded by `max_download_bytes`, where it is
    set, and by `download_idle_timeout_ms` between two pieces. `download_hosts` are the only hosts that the provider may
    redirect a download to, wherever they are; with none it may redirect to any public host, and to one in a network
    that it is in itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    adapter: str
    base_url: HttpUrl
    credentials: Literal["service", "caller"] = "service"
    caller_header: CallerHeader | None = None
    token: Secret | None = None
    timeout_ms: int = Field(default=10_000, ge=1, le=300_000)
    connect_timeout_ms: int = Field(default=3_000, ge=1, le=60_000)
    max_response_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    read_timeout_ms: int = Field(default=10_000, ge=1, le=300_000)
    max_connections: int = Field(default=100, ge=1, le=10_000)
    max_queue_ms: int = Field(default=2_000, ge=0, le=300_000)
    max_requests_per_second: float = Field(default=0, ge=0, le=100_000, allow_inf_nan=False)
    max_retries: int = Field(default=2, ge=0, le=10)
    retry_wait_ms: int = Field(default=100, ge=0, le=60_000)
    max_retry_wait_ms: int = Field(default=5_000, ge=0, le=300_000)
    breaker_failures: int = Field(default=10, ge=0, le=10_000)
    breaker_pause_ms: int = Field(default=5_000, ge=1, le=3_600_000)
    max_pause_ms: int = Field(default=60_000, ge=0, le=3_600_000)
    max_download_bytes: int | None = Field(default=None, ge=1024)
    download_idle_timeout_ms: int = Field(default=30_000, ge=1, le=3_600_000)
    download_hosts: tuple[Host, ...] = Field(default=(), max_length=100)

    @property
    def asks_callers(self) -> bool:
        """Whether each caller brings a credential of its own."""
        return self.credentials == "caller"

    @field_validator("token")
    @classmethod
    def _is_used(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is not None and info.data.get("credentials") == "caller":
            raise ValueError('there is no token of ours where credentials = "caller"')
        return token


class TokenSettings(ProviderSettings):
    """A provider that needs a static bearer token: one of ours, unless callers bring theirs."""

    token: Secret | None = Field(default=None, validate_default=True)

    @field_validator("token")
    @classmethod
    def _is_there(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is None and info.data.get("credentials") != "caller":
            raise PydanticKnownError("missing")
        return token

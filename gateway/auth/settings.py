"""The section `auth` of the configuration."""

import re
from importlib.util import find_spec
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from gateway.section import Section

KEY_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
KEY_HASH = re.compile(r"sha256:[0-9a-f]{64}")
MAX_RATE = 1_000_000
Scope = Literal["read", "write"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""How a token may be signed. All with a private key: with a shared secret, whoever checks tokens could make them."""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("the URL may hold printable ASCII characters only, and no blanks")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http:// or https:// URL")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("the URL may not hold credentials or a fragment")
    _ = parts.port
    return value


ExactUrl = Annotated[str, AfterValidator(_http_url)]
"""An http(s) URL as it is written: an issuer's slash at the end counts, and some addresses of keys have a query."""


class KeySettings(Section):
    """One API key, of which only the hash is known; `rungraph key` makes both.

    `providers` are those it may see, all where it names none; `scope` "write" includes reading. `rate` is in requests
    per second with bursts of `burst`; without a rate there is no limit.
    """

    hash: str
    providers: tuple[str, ...] | None = None
    scope: Scope = "read"
    rate: float | None = Field(default=None, gt=0, le=MAX_RATE)
    burst: int = Field(default=20, ge=1, le=MAX_RATE)

    @field_validator("hash")
    @classmethod
    def _is_hash(cls, value: str) -> str:
        if not KEY_HASH.fullmatch(value):
            raise ValueError('expected "sha256:" and 64 hexadecimal digits; the command "rungraph key" prints both')
        return value


class JwtSettings(Section):
    """Tokens of an OpenID Connect issuer. `rate` and `burst` are of each caller, by the token's `sub`.

    A token needs `read_scope` to be accepted at all (none: each token for the audience is), and `write_scope` to change
    anything. `providers_claim` names the claim that lists the providers to see; "*" in it stands for all.
    """

    issuer: ExactUrl
    audience: tuple[str, ...] = Field(min_length=1)
    jwks_url: ExactUrl | None = None
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1)
    leeway_s: float = Field(default=30, ge=0, le=600)
    jwks_ttl_s: float = Field(default=600, ge=10, le=86_400)
    read_scope: str | None = Field(default=None, min_length=1)
    write_scope: str = Field(default="rungraph:write", min_length=1)
    providers_claim: str | None = Field(default=None, min_length=1)
    rate: float | None = Field(default=None, gt=0, le=MAX_RATE)
    burst: int = Field(default=20, ge=1, le=MAX_RATE)

    @field_validator("audience", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class AuthSettings(Section):
    """Who may call. With neither `keys` nor `jwt` everybody who can connect may.

    `max_credentials` is how many callers' own credentials are kept ready to be used again, for all providers together.
    """

    keys: dict[str, KeySettings] = Field(default_factory=dict[str, KeySettings])
    jwt: JwtSettings | None = None
    max_credentials: int = Field(default=1_000, ge=1, le=1_000_000)

    @property
    def is_required(self) -> bool:
        """Whether a caller has to say who they are."""
        return bool(self.keys) or self.jwt is not None

    @field_validator("jwt")
    @classmethod
    def _can_be_checked(cls, value: JwtSettings | None) -> JwtSettings | None:
        if value is not None and (find_spec("jwt") is None or find_spec("cryptography") is None):
            raise ValueError('needs the extra "jwt": pip install "rungraph[jwt]"')
        return value

    @field_validator("keys")
    @classmethod
    def _are_distinct(cls, keys: dict[str, KeySettings]) -> dict[str, KeySettings]:
        by_hash: dict[str, str] = {}
        for name, key in keys.items():
            if not KEY_NAME.fullmatch(name):
                raise ValueError("a key's name may hold letters, digits, dot, - and _ only")
            if (other := by_hash.setdefault(key.hash, name)) != name:
                raise ValueError(f"{other} and {name} are the same key")
        return keys

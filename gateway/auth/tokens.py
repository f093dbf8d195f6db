"""JSON Web Tokens of an OpenID Connect issuer."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import jwt
from cachetools import LRUCache
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from adapters.errors import ErrorCode
from adapters.upstream import Transport

from .callers import Caller, RateLimit
from .jwks import IssuerClient, Jwks, Key, KeysUnavailable
from .refusals import Refused, lacks_scope, unknown
from .settings import JwtSettings

MAX_CALLERS = 10_000
"""How many callers' rates are remembered."""
MAX_NAME = 256
ALL = "*"

_REASONS: Mapping[type[PyJWTError], str] = {
    ExpiredSignatureError: "the token has expired",
    ImmatureSignatureError: "the token is not valid yet",
    InvalidAudienceError: "the token is for another audience",
    InvalidIssuerError: "the token is of another issuer",
    MissingRequiredClaimError: "the token lacks a claim: it needs exp, iss, aud and sub",
}


class Tokens:
    """Recognises callers by their tokens. `clock` is monotonic, in seconds."""

    def __init__(self, settings: JwtSettings, transport: Transport | None, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._issuer = IssuerClient(settings, transport)
        self._keys = Jwks(self._issuer.fetch, settings.jwks_ttl_s, clock)
        self._clock = clock
        self._limits: LRUCache[str, RateLimit] = LRUCache(MAX_CALLERS)

    async def caller(self, token: str) -> Caller:
        """Whose token this is; Refused where it can't be accepted, or can't be checked now."""
        claims = self._checked(token, await self._key(token))
        name = claims["sub"]
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise unknown("the token's sub is not a name")
        settings = self._settings
        scopes = _words(claims.get("scope")) | _words(claims.get("scp"))
        can_write = settings.write_scope in scopes
        if settings.read_scope is not None and settings.read_scope not in scopes and not can_write:
            raise lacks_scope(f"the token needs the scope {settings.read_scope}")
        return Caller(name, self._providers(claims), can_write, self._limit(name))

    async def aclose(self) -> None:
        """Release connections."""
        await self._keys.aclose()
        await self._issuer.aclose()

    async def _key(self, token: str) -> Key:
        try:
            header = jwt.get_unverified_header(token)
        except PyJWTError:
            raise unknown("this is neither an API key nor a token") from None
        # Before the keys are looked at: a token that can't be accepted causes no call to the issuer.
        if header.get("alg") not in self._settings.algorithms:
            raise unknown("the token is not signed in a way that is accepted here")
        key_id = header.get("kid")
        try:
            key = await self._keys.find(key_id if isinstance(key_id, str) else None)
        except KeysUnavailable:
            raise Refused(
                503, ErrorCode.UNAVAILABLE, "tokens can't be checked now: the keys of their issuer can't be had"
            ) from None
        if key is None:
            raise unknown("the token is signed with a key that its issuer does not name")
        return key

    def _checked(self, token: str, key: Key) -> dict[str, Any]:
        settings = self._settings
        allowed = [algorithm for algorithm in settings.algorithms if key.algorithm in (None, algorithm)]
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=allowed,
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            reason = next(
                (said for kind, said in _REASONS.items() if isinstance(error, kind)), "the token is not valid"
            )
            raise unknown(reason) from None
        except (ValueError, TypeError):
            # Keys of another kind than the algorithm's, and claims that are no JSON a token may hold.
            raise unknown("the token is not valid") from None

    def _providers(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        claim = self._settings.providers_claim
        if claim is None:
            return None
        names = _words(claims.get(claim))
        return None if ALL in names else names

    def _limit(self, name: str) -> RateLimit | None:
        settings = self._settings
        if settings.rate is None:
            return None
        limit = self._limits.get(name)
        if limit is None:
            limit = self._limits[name] = RateLimit(settings.rate, settings.burst, self._clock)
        return limit


def _words(claim: object) -> frozenset[str]:
    """A claim that is a list of texts, or one text with blanks between words."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    items = cast("list[object]", claim) if isinstance(claim, list) else []
    return frozenset(item for item in items if isinstance(item, str))

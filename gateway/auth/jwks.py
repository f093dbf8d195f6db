"""The public keys of an issuer, fetched when needed and kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from adapters.auth import Bearer
from adapters.errors import AdapterError, BadResponse, ErrorReading
from adapters.settings import ProviderSettings
from adapters.upstream import Transport, UpstreamClient

from .settings import JwtSettings

log = logging.getLogger(__name__)

MIN_INTERVAL = 10.0
"""Seconds between two attempts to fetch: tokens with made-up key ids must not become calls to the issuer."""
MAX_STALE = 86_400.0
"""Seconds for which keys are used while the issuer does not answer; after that, nobody knows which still hold."""
DISCOVERY_PATH = "/.well-known/openid-configuration"
MAX_DOCUMENT_BYTES = 1024 * 1024


class KeysUnavailable(Exception):
    """There are no keys to check a token with, and they can't be had now."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key. `algorithm` where the issuer says which one it is for."""

    key: Any
    algorithm: str | None


Fetch = Callable[[], Awaitable[Any]]
"""Gets the issuer's JWK set; AdapterError where that fails."""


class Jwks:
    """Keys by id. Times are in seconds of `clock`, which is monotonic.

    Keys older than `ttl` are renewed behind the back of the request that finds them so. An id that is not among them
    makes a request wait for the keys to be fetched anew, unless that was just tried: keys rotate.
    """

    def __init__(self, fetch: Fetch, ttl: float, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._ttl = ttl
        self._clock = clock
        self._keys: Mapping[str | None, Key] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> Key | None:
        """The key with this id; without one, the only key there is. None: there is no such key.

        Raises KeysUnavailable where there are no keys at all that can be trusted.
        """
        age = self._clock() - self._fetched_at
        key = self._get(key_id) if age < MAX_STALE else None
        if key is not None:
            if age >= self._ttl:
                self._start()
            return key
        fetching = self._start()
        if fetching is not None:
            # Waited for, not awaited: a request that is given up must not take the keys from the others.
            await asyncio.wait((fetching,))
        if self._clock() - self._fetched_at >= MAX_STALE:
            raise KeysUnavailable
        return self._get(key_id)

    async def aclose(self) -> None:
        """Stop what is being fetched."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _get(self, key_id: str | None) -> Key | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _start(self) -> asyncio.Task[None] | None:
        """What fetches the keys: the attempt under way, or a new one unless the last one is too recent."""
        if self._fetching is None and self._clock() - self._tried_at >= MIN_INTERVAL:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(self._ended)
        return self._fetching

    def _ended(self, fetching: asyncio.Task[None]) -> None:
        self._fetching = None
        if not fetching.cancelled() and (error := fetching.exception()) is not None:
            log.error("unexpected %s while the keys of the tokens' issuer were fetched", type(error).__qualname__)

    async def _renew(self) -> None:
        try:
            keys = read_keys(await self._fetch())
        except AdapterError as error:
            log.warning("the keys of the tokens' issuer can't be had: %s", error)
            return
        if not keys:
            log.warning("the tokens' issuer gave no key that can check a signature")
            return
        self._keys, self._fetched_at = keys, self._clock()


def read_keys(document: Any) -> dict[str | None, Key]:
    """The public signature keys of a JWK set, by id. What can't be used is left out."""
    entries = cast("dict[str, Any]", document).get("keys") if isinstance(document, dict) else None
    keys: dict[str | None, Key] = {}
    for entry in cast("list[Any]", entries) if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        fields = cast("dict[str, Any]", entry)
        if fields.get("kty") == "oct" or fields.get("use", "sig") != "sig":
            continue
        try:
            key = PyJWK(fields).key
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
        key_id, algorithm = fields.get("kid"), fields.get("alg")
        keys[key_id if isinstance(key_id, str) else None] = Key(key, algorithm if isinstance(algorithm, str) else None)
    return keys


class IssuerClient:
    """Fetches the JWK set of an issuer, from the configured address or from where its discovery document says."""

    def __init__(self, settings: JwtSettings, transport: Transport | None) -> None:
        self._issuer = settings.issuer
        self._transport = transport
        self._jwks = None if settings.jwks_url is None else self._client(settings.jwks_url)
        self._discovery = self._client(settings.issuer.rstrip("/") + DISCOVERY_PATH)

    async def fetch(self) -> Any:
        """The JWK set; AdapterError where it can't be had."""
        if self._jwks is None:
            self._jwks = self._client(self._address(await self._discovery.get()))
        return await self._jwks.get()

    async def aclose(self) -> None:
        """Release connections."""
        await self._discovery.aclose()
        if self._jwks is not None:
            await self._jwks.aclose()

    def _address(self, document: Any) -> str:
        """Where the keys are (OpenID Connect Discovery 1.0, 4.3: the document must name the issuer it was asked of)."""
        fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
        address = fields.get("jwks_uri")
        if fields.get("issuer") != self._issuer or not isinstance(address, str):
            raise BadResponse("the discovery document is of another issuer, or names no keys", provider="issuer")
        scheme = urlsplit(address).scheme
        if scheme != "https" and scheme != urlsplit(self._issuer).scheme:
            raise BadResponse("the discovery document leads to an address that is not https://", provider="issuer")
        return address

    def _client(self, url: str) -> UpstreamClient:
        settings = ProviderSettings(
            adapter="jwks", base_url="https://issuer.invalid", max_response_bytes=MAX_DOCUMENT_BYTES
        )
        # As it is written: it may have a query, which a provider's base URL may not.
        at = settings.model_copy(update={"base_url": url})
        return UpstreamClient(
            "issuer", at, auth=Bearer(None), read_error=lambda _: ErrorReading(), transport=self._transport
        )

"""API keys: made here, and recognised by their hash."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256

from .callers import Caller, RateLimit
from .refusals import unknown
from .settings import KeySettings

PREFIX = "rgk_"
"""What a key starts with, so that people and scanners of repositories know one when they see it."""
_RANDOM_BYTES = 32
_INDEX_BYTES = 8


def make_key() -> str:
    """A new key, of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(key: str) -> str:
    """What is configured in the place of a key.

    One round of SHA-256 is enough: a slow hash protects passwords, which can be guessed one after another. Nobody can
    guess 256 random bits, at whatever speed, and a slow hash would be paid for with every request.
    """
    return f"sha256:{sha256(key.encode()).hexdigest()}"


class ApiKeys:
    """The configured keys.

    One is found by the first bytes of its hash, which tell nothing about the key, and then compared in constant time:
    the number of keys costs nothing.
    """

    def __init__(self, settings: Mapping[str, KeySettings], clock: Callable[[], float]) -> None:
        self._callers: dict[bytes, list[tuple[bytes, Caller]]] = {}
        for name, key in settings.items():
            digest = bytes.fromhex(key.hash.partition(":")[2])
            caller = Caller(
                name,
                None if key.providers is None else frozenset(key.providers),
                key.scope == "write",
                None if key.rate is None else RateLimit(key.rate, key.burst, clock),
            )
            self._callers.setdefault(digest[:_INDEX_BYTES], []).append((digest, caller))

    def caller(self, key: str) -> Caller:
        """Whose key this is; Refused where it is nobody's."""
        digest = sha256(key.encode()).digest()
        for known, caller in self._callers.get(digest[:_INDEX_BYTES], ()):
            if hmac.compare_digest(known, digest):
                return caller
        raise unknown("this API key is not known here, or not any more")

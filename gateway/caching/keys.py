"""Under which name a provider's runs are kept: one that nobody shares who asks with another credential."""

import hmac
import json
import secrets
from hashlib import sha256
from typing import Any, cast

from pydantic import SecretBytes, SecretStr

from adapters.settings import ProviderSettings
from gateway.settings import CacheSettings


class Keys:
    """Derives names from what must not be told. Two processes give the same names only where they have the same key."""

    def __init__(self, key: bytes | None = None) -> None:
        """Without a key, one of this process."""
        self._key = key or secrets.token_bytes(32)

    @classmethod
    def of(cls, settings: CacheSettings) -> "Keys":
        """Those of all replicas on one server; of this process alone where there is no server to share.

        Without `cache.secret` the key is made of the server's URL: replicas need nothing more in common, and who knows
        the URL with its password can read the server anyhow.
        """
        secret = settings.secret or settings.url
        return cls(sha256(b"rungraph cache\0" + secret.get_secret_value().encode()).digest() if secret else None)

    def derive(self, purpose: str) -> bytes:
        """A key for something else; 32 bytes."""
        return self._digest(f"key\0{purpose}").digest()

    def fingerprint(self, credential: str) -> str:
        """What stands for a credential, from which nobody learns it."""
        return self._digest(f"credential\0{credential}").hexdigest()[:32]

    def configured(self, settings: ProviderSettings) -> str:
        """The fingerprint of the credential that a provider is configured with."""
        return self.fingerprint(_dump(settings, _revealed))

    def source(self, name: str, settings: ProviderSettings, fingerprint: str) -> str:
        """The name under which runs are kept that were looked up with one credential.

        It tells apart credentials, and providers of the same name with other settings, such as another address.
        """
        about = json.dumps(["source", name, fingerprint, _dump(settings, _hidden)])
        return f"{name}:{self._digest(about).hexdigest()[:32]}"

    def _digest(self, text: str) -> "hmac.HMAC":
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), sha256)


def unshared(name: str) -> str:
    """A name that nothing else has."""
    return f"{name}:{secrets.token_hex(16)}"


def _dump(settings: ProviderSettings, secret: Any) -> str:
    return json.dumps(settings.model_dump(), sort_keys=True, default=secret)


def _hidden(value: object) -> str:
    return "" if isinstance(value, SecretStr | SecretBytes) else _shown(value)


def _revealed(value: object) -> str:
    return str(value.get_secret_value()) if isinstance(value, SecretStr | SecretBytes) else _shown(value)


def _shown(value: object) -> str:
    # The order of a set is another one in every process.
    return str(sorted(map(str, cast("set[object]", value)))) if isinstance(value, set | frozenset) else str(value)

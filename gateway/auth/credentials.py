"""Callers' own credentials, for the providers that are asked with them."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from pydantic import SecretStr

from adapters.auth import Auth
from adapters.errors import Unauthenticated
from adapters.settings import ProviderSettings
from gateway.caching.keys import Keys
from gateway.providers import Provider, Providers

from .refusals import malformed

log = logging.getLogger(__name__)


class _Missing(Auth):
    """Stands for a credential that the caller did not send: the provider is not called at all."""

    def __init__(self, provider: str, header: str) -> None:
        self._provider = provider
        self._header = header

    async def header(self) -> NoReturn:
        raise Unauthenticated(f"send your own credential for it in the header {self._header}", provider=self._provider)

    def secrets(self) -> tuple[str, ...]:
        return ()


@dataclass(slots=True, eq=False)
class _Kept:
    """A provider with one credential, and how many requests use it now."""

    provider: Provider
    users: int = 0


class CallerCredentials:
    """One `Provider` for each credential that callers send, over the connections that the provider has anyhow.

    Cache, flights, health, sessions and whatever a client counts belong to a `Provider` or its source, so that nothing
    is shared between two credentials. Credentials themselves are found by their fingerprint.

    `max_kept` of them stay for the next request. One that goes is closed, and none goes while a request uses it.
    """

    def __init__(
        self, sections: Mapping[str, ProviderSettings], providers: Providers, keys: Keys, *, max_kept: int
    ) -> None:
        self._sections = {name: section for name, section in sections.items() if section.asks_callers}
        self._providers = providers
        self._keys = keys
        self._max_kept = max_kept
        self.headers = {
            name: section.caller_header or f"x-{name}-authorization" for name, section in self._sections.items()
        }
        """The header, in lower case, that has the credential for each such provider."""
        self._missing = {name: self._opened(name, _Missing(name, header)) for name, header in self.headers.items()}
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._keys_of: dict[str, tuple[str, str]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def take(self, name: str, value: str | None) -> Provider:
        """The provider with the credential in a header's value, to be given back; without one, one that says so."""
        if value is None:
            return self._missing[name]
        token = _token(self.headers[name], value)
        fingerprint = self._keys.fingerprint(token)
        key = (name, fingerprint)
        kept = self._kept.get(key)
        if kept is None:
            section = self._sections[name]
            adapter = self._base(name).adapter
            auth = adapter.auth(name, section.model_copy(update={"token": SecretStr(token)}), None)
            kept = self._kept[key] = _Kept(self._opened(name, auth, self._keys.source(name, section, fingerprint)))
            self._keys_of[kept.provider.source] = key
        self._kept.move_to_end(key)
        kept.users += 1
        return kept.provider

    def give_back(self, provider: Provider) -> None:
        """A request is done with what it took."""
        key = self._keys_of.get(provider.source)
        if key is None:
            return
        self._kept[key].users -= 1
        if len(self._kept) > self._max_kept:
            self._drop_one()

    async def aclose(self) -> None:
        """Close all that is kept; the connections are closed with the providers."""
        for task in [*self._closing, *(self._close(kept.provider) for kept in self._kept.values())]:
            await task

    def _base(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            raise KeyError(name)
        return provider

    def _opened(self, name: str, auth: Auth, source: str | None = None) -> Provider:
        return Provider(name, self._base(name).adapter.asked_with(auth), source)

    def _drop_one(self) -> None:
        """Let go of the one used longest ago, unless all are in use: then the next to be given back tries again."""
        for key, kept in self._kept.items():
            if kept.users == 0:
                del self._kept[key], self._keys_of[kept.provider.source]
                self._close(kept.provider)
                return

    def _close(self, provider: Provider) -> "asyncio.Task[None]":
        task = asyncio.create_task(_close_quietly(provider))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task


async def _close_quietly(provider: Provider) -> None:
    try:
        await provider.adapter.aclose()
    except Exception as error:
        # Its text stays out: it may quote what was sent.
        log.warning("unexpected %s while %s was closed for one caller", type(error).__qualname__, provider.name)


def _token(header: str, value: str) -> str:
    """The credential in a header's value, which may say Bearer before it; Refused where there is none."""
    scheme, _, rest = value.strip().partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else value.strip()
    if not token or " " in token:
        raise malformed(f"the header {header} must hold one credential: a token, or Bearer and a token")
    return token

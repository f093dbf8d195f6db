"""The configured providers: each one's adapter, what it can do, and how its last calls went."""

from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from adapters import registry
from adapters.contract import (
    BatchesRuns,
    Capability,
    How,
    ListsRuns,
    ProviderInfo,
    RunAdapter,
    ServesFiles,
    capabilities_of,
)
from adapters.errors import AdapterError, InvalidInput, NotFound
from adapters.model import Part
from adapters.upstream import Gate, Transport

from .caching.keys import Keys, unshared
from .settings import Settings

NOTHING: frozenset[Part] = frozenset()

T = TypeVar("T")


@dataclass(slots=True)
class Health:
    """How the latest calls went. A run that is not there, or a refused input, says nothing against the provider.

    `gate` is what the provider's calls pass, and counts them.
    """

    gate: Gate
    last_success_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error: AdapterError | None = None

    async def watch(self, call: Awaitable[T]) -> T:
        """The call, with its outcome noted."""
        try:
            result = await call
        except (NotFound, InvalidInput):
            self.succeeded()
            raise
        except AdapterError as error:
            if not error.unsent:
                self.failed(error)
            raise
        self.succeeded()
        return result

    def succeeded(self) -> None:
        self.last_success_at = datetime.now(UTC)

    def failed(self, error: AdapterError) -> None:
        self.last_error_at, self.last_error = datetime.now(UTC), error


class Provider:
    """One configured provider. `name` is the user's; all facts come from the adapter's class.

    `source` is the name its runs are kept under, which tells its settings and credential apart from all others.
    Without one it shares runs with nobody.
    """

    def __init__(self, name: str, adapter: RunAdapter[Any], source: str | None = None) -> None:
        self.name = name
        self.adapter = adapter
        self.source = source or unshared(name)
        self.health = Health(adapter.upstream.gate)
        self.info: ProviderInfo = adapter.info
        self.capabilities: frozenset[Capability] = capabilities_of(type(adapter))
        self.parts: Mapping[Part, How] = adapter.parts
        self.batches: BatchesRuns | None = adapter if isinstance(adapter, BatchesRuns) else None
        self.lists: ListsRuns | None = adapter if isinstance(adapter, ListsRuns) else None
        self.files: ServesFiles | None = adapter if isinstance(adapter, ServesFiles) else None

    def supported(self, parts: Collection[Part]) -> frozenset[Part]:
        """Those of the parts that this provider has at all."""
        return frozenset([part for part in parts if part in self.parts]) if parts else NOTHING


class Providers:
    """All configured providers by name, in the order of the configuration."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._by_name = {provider.name: provider for provider in providers}

    @classmethod
    def open(cls, settings: Settings, transport: Transport | None = None, keys: Keys | None = None) -> "Providers":
        """Adapters with connections for every configured provider; `transport` takes the place of the network.

        Providers opened with the same `keys`, settings and credential share runs.
        """
        keys = keys or Keys()
        return cls(
            Provider(
                name,
                registry.load(section.adapter).open(name, section, transport),
                keys.source(name, section, keys.configured(section)),
            )
            for name, section in settings.providers.items()
        )

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Provider | None:
        return self._by_name.get(name)

    def only(self, names: Collection[str]) -> "Providers":
        """Those of the providers that have one of the names, as if there were no others."""
        return Providers(provider for provider in self if provider.name in names)

    async def aclose(self) -> None:
        """Release all connections."""
        for provider in self:
            await provider.adapter.aclose()

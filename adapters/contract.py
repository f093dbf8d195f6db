"""What an adapter is: the base class, the abilities it may add, and what is read off its class line."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar, Generic, Self, TypeVar

from .auth import Auth, Bearer
from .errors import AdapterError, ErrorReading, InvalidInput
from .model import Part, RunKind, RunRecord
from .settings import ProviderSettings
from .status import RunStatus, StatusTable
from .upstream import ByteRange, Download, ErrorReply, Transport, UpstreamClient

MAX_ID_LENGTH = 512


class How(Enum):
    """What a part costs beyond the call that fetches the run."""

    INLINE = "INLINE"
    """Nothing: it comes with every run."""
    EXPAND = "EXPAND"
    """Nothing, but it has to be asked for in that call."""
    CALL = "CALL"
    """One more call."""


class Capability(Enum):
    """What can be done with a provider's runs."""

    GET = "GET"
    LIST = "LIST"
    BATCH = "BATCH"
    FILES = "FILES"


class Filter(Enum):
    """A restriction of a listing that a provider may apply itself."""

    STATUS = "STATUS"
    KIND = "KIND"
    CREATED_AFTER = "CREATED_AFTER"
    CREATED_BEFORE = "CREATED_BEFORE"
    TARGET = "TARGET"


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """Facts about a kind of provider. `adapter` is the name configurations use."""

    adapter: str
    title: str
    docs_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """What to list, newest first. A filter that the adapter does not name in `filters` is the caller's to apply.

    `cursor` is one that this adapter gave in a `Page`. `created_after` and `created_before` are inclusive.
    `scope` is what a provider needs in order to list at all, such as a project.
    """

    limit: int
    cursor: str | None = None
    statuses: frozenset[RunStatus] | None = None
    kinds: frozenset[RunKind] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    target: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs of a listing, newest first. `next_cursor` is None at the end. `skipped` counts unreadable rows.

    `incomplete`: this is the end of what can be reached, and the provider may have more.
    """

    runs: tuple[RunRecord, ...]
    next_cursor: str | None = None
    skipped: int = 0
    incomplete: bool = False


S = TypeVar("S", bound=ProviderSettings)


class RunAdapter(ABC, Generic[S]):
    """One configured provider seen as runs. Keeps nothing about runs between calls; raises only `AdapterError`.

    `name` is the provider's configured name: every record and error carries it.
    """

    info: ClassVar[ProviderInfo]
    settings_type: ClassVar[type[ProviderSettings]]
    statuses: ClassVar[StatusTable[RunStatus]]
    parts: ClassVar[Mapping[Part, How]]
    """How each part is had; one that is absent is unsupported and always None."""
    sometimes_called: ClassVar[frozenset[Part]] = frozenset()
    """Parts without a call of their own in `parts` that cost one more call of some runs nevertheless."""
    record_type: ClassVar[type[RunRecord]] = RunRecord

    def __init__(self, name: str, settings: S, upstream: UpstreamClient) -> None:
        self.name = name
        self.settings = settings
        self.upstream = upstream

    @classmethod
    def open(cls, name: str, settings: S, transport: Transport | None = None) -> Self:
        """The adapter with connections of its own; `transport` takes the place of the network."""
        auth = cls.auth(name, settings, transport)
        return cls(
            name, settings, UpstreamClient(name, settings, auth=auth, read_error=cls.read_error, transport=transport)
        )

    @classmethod
    def auth(cls, name: str, settings: S, transport: Transport | None) -> Auth:
        """How this provider is told who calls: with the configured token, unless an adapter knows better."""
        return Bearer(settings.token)

    def asked_with(self, auth: Auth) -> Self:
        """The same provider, asked with another credential over the same connections, which stay this adapter's."""
        return type(self)(self.name, self.settings, self.upstream.with_auth(auth))

    @abstractmethod
    async def fetch(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        """The run with at least the supported ones of `parts`, in the fewest calls.

        A part that could not be had while the run itself could is in the record's `part_errors`.
        Raises NotFound where there is no such run, another AdapterError where it could not be looked up.
        """

    @classmethod
    @abstractmethod
    def read_error(cls, reply: ErrorReply) -> ErrorReading:
        """What an error reply says. Pure and total: any status, headers and body."""

    @abstractmethod
    async def check(self) -> None:
        """The cheapest call that needs the credential; raises the AdapterError that a look-up would meet."""

    def canonical_id(self, native_id: str) -> str:
        """The id as the provider knows it; InvalidInput where it can't be one, without asking the provider."""
        if not native_id or len(native_id) > MAX_ID_LENGTH or not native_id.isprintable():
            raise InvalidInput("this can't be a run id", provider=self.name)
        return native_id

    async def aclose(self) -> None:
        """Release connections."""
        await self.upstream.aclose()


class ListsRuns(ABC):
    """Ability: the provider lists its runs, newest first."""

    filters: ClassVar[frozenset[Filter]]
    """The filters of a `RunQuery` that the provider applies itself, exactly."""
    max_page_size: ClassVar[int]
    scope_name: ClassVar[str | None] = None
    """What `RunQuery.scope` is called at this provider; None where listing takes no scope."""
    scope_required: ClassVar[bool] = False
    pages_shift: ClassVar[bool] = False
    """Whether pages are numbered, so that runs that arrive push others onto later pages, where they come again."""
    row_parts: ClassVar[frozenset[Part]] = frozenset()
    """The parts that every row of a listing holds; some rows may hold more."""

    @abstractmethod
    async def list_runs(self, query: RunQuery) -> Page:
        """One page. Rows hold the parts their `parts` say, which may be fewer than `fetch` brings."""

    def calls_for(self, query: RunQuery) -> int:
        """How many calls a page takes at most."""
        return 1

    def default_scopes(self) -> Sequence[str]:
        """The scopes to list, one after another, where a query names none."""
        return ()


class BatchesRuns(ABC):
    """Ability: several runs by id in one call."""

    max_batch: ClassVar[int]
    batch_parts: ClassVar[frozenset[Part]]
    """The parts a batch can bring, ERROR like any other; a run with other parts wanted is fetched alone."""

    @abstractmethod
    async def fetch_many(
        self, native_ids: Sequence[str], parts: frozenset[Part]
    ) -> Mapping[str, RunRecord | AdapterError]:
        """The outcome for each id, at most `max_batch` of them. A failure of the whole call raises."""

    def shares_call(self, native_id: str) -> bool:
        """Whether a run is looked up in one call with others, rather than in a call of its own within the batch."""
        return True


class ServesFiles(ABC):
    """Ability: the content of a run's files."""

    @abstractmethod
    def open_file(
        self, native_id: str, path: str, part: ByteRange | None = None
    ) -> AbstractAsyncContextManager[Download]:
        """The file that `RunFile.path` names, or a part of it, as it arrives.

        No segment of the path is empty, "." or "..". Raises, at the latest on entry, NotFound where there is no such
        run or file, another AdapterError where it can't be had.
        """


_ABILITIES: Mapping[type, Capability] = {
    ListsRuns: Capability.LIST,
    BatchesRuns: Capability.BATCH,
    ServesFiles: Capability.FILES,
}


def capabilities_of(adapter: type[RunAdapter[ProviderSettings]]) -> frozenset[Capability]:
    """What an adapter can do: read off its class line, stated nowhere else."""
    return frozenset({Capability.GET} | {what for ability, what in _ABILITIES.items() if issubclass(adapter, ability)})

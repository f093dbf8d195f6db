"""What one request carries: its id, its plan, its loaders."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from secrets import token_hex
from typing import Any

from adapters.budget import CURRENT, UNLIMITED, Budget
from adapters.model import Part, RunRecord

from . import ids
from .errors import RequestError
from .freshness import Freshness
from .loader import RunLoader
from .plan import NO_RUN, NOTHING, Plan
from .providers import Provider, Providers
from .service import RunService
from .settings import FeedSettings

_SENT_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_PROCESS = token_hex(12)
_numbers = count(1)


def new_request_id() -> str:
    """A name for one request, unlike those of all other processes. Nobody gains anything by guessing it."""
    return f"{_PROCESS}{next(_numbers):08x}"


def request_id_for(sent: str) -> str:
    """The id that a client sent where it can be one, else a new one."""
    return sent if _SENT_ID.fullmatch(sent) else new_request_id()


@dataclass(slots=True)
class Context:
    """Made anew for every request; loaders must not outlive it."""

    providers: Providers
    service: RunService
    type_names: Mapping[type[RunRecord], str]
    """The GraphQL type of each adapter's records."""
    max_ids: int
    request_id: str = field(default_factory=new_request_id)
    plan: Plan | None = None
    """What the operation needs; None before there is one."""
    depends_on_runs_alone: bool = False
    """Whether the operation's answer stays the same for as long as its runs do."""
    is_one_look_up: bool = False
    """Whether a single run is all that the operation asks for."""
    freshness: Freshness = field(default_factory=Freshness)
    feed_settings: FeedSettings = field(default_factory=FeedSettings)
    budget: Budget = UNLIMITED
    """What the request may cost, as far as its fields have no budget of their own."""
    calls_apart: int = 0
    """Upstream calls made on such budgets."""
    can_write: bool = True
    """Whether the caller may change anything."""
    root_path: str = ""
    """Where the gateway is mounted, as its clients see it: what paths in answers start with."""
    _loaders: dict[str, RunLoader] = field(default_factory=dict[str, RunLoader])
    _parts: dict[tuple[str, str], frozenset[Part]] = field(default_factory=dict[tuple[str, str], frozenset[Part]])

    def locate(self, run_id: str) -> tuple[Provider, str]:
        """The provider and native id that a run id names; RequestError where it names none."""
        try:
            name, native_id = ids.parse(run_id)
        except ValueError as error:
            raise RequestError(str(error)) from None
        provider = self.providers.get(name)
        if provider is None:
            known = ", ".join(provider.name for provider in self.providers) or "none"
            raise RequestError(f'there is no provider "{name[:64]}"; configured ones: {known}')
        return provider, native_id

    def parts(self, response_key: str, provider: Provider, variables: Mapping[str, Any]) -> frozenset[Part]:
        """The parts that the operation selects of this provider's runs below a root field."""
        if self.plan is None:
            return NOTHING
        key = (response_key, provider.name)
        parts = self._parts.get(key)
        if parts is None:
            type_name = self.type_names[provider.adapter.record_type]
            parts = self._parts[key] = self.plan.parts(response_key, type_name, variables)
        return parts

    def sums(self, response_key: str, variables: Mapping[str, Any]) -> frozenset[Part]:
        """The parts of runs that the sums which the operation selects below a root field are made of."""
        return NOTHING if self.plan is None else self.plan.parts(response_key, NO_RUN, variables)

    def loader(self, provider: Provider) -> RunLoader:
        """This request's loader of one provider."""
        loader = self._loaders.get(provider.name)
        if loader is None:
            loader = self._loaders[provider.name] = RunLoader(self.service, provider, self.freshness)
        return loader

    @property
    def calls_made(self) -> int:
        """Upstream calls made for this request so far. A call that several wait for counts for one of them."""
        return self.budget.calls_made + self.calls_apart

    @contextmanager
    def apart(self, budget: Budget) -> Generator["Context"]:
        """The same request on another budget, with loaders of its own: for what reads many runs."""
        context = replace(self, budget=budget, _loaders={})
        token = CURRENT.set(budget)
        try:
            yield context
        finally:
            CURRENT.reset(token)
            context.close()
            self.calls_apart += budget.calls_made

    def close(self) -> None:
        """Stop whatever is still being fetched for this request."""
        for loader in self._loaders.values():
            loader.cancel()

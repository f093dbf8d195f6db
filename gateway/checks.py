"""`rungraph check`: tries every configured provider."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adapters.budget import CURRENT, Budget
from adapters.errors import (
    AdapterError,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
    UnknownError,
)
from adapters.upstream import reason

from . import crashes
from .providers import Provider, Providers
from .settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one provider answered. `authenticated` is None where the answer does not tell.

    `asks_callers`: it was asked without a credential, since callers bring theirs, and may say that it wants one.
    """

    provider: str
    adapter: str
    latency_ms: float
    error: AdapterError | None
    asks_callers: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def reachable(self) -> bool:
        silent = isinstance(self.error, Unavailable | TimedOut) and self.error.upstream_status is None
        return not silent

    @property
    def authenticated(self) -> bool | None:
        if self.asks_callers:
            return None
        if isinstance(self.error, Unauthenticated):
            return False
        return True if self.error is None or isinstance(self.error, PermissionDenied | RateLimited) else None


def check_all(settings: Settings) -> Sequence[CheckResult]:
    """One authenticated call to every provider, side by side."""
    return asyncio.run(_check_all(settings))


async def _check_all(settings: Settings) -> Sequence[CheckResult]:
    providers = Providers.open(settings)
    try:
        return await asyncio.gather(
            *(_check(provider, asks_callers=settings.providers[provider.name].asks_callers) for provider in providers)
        )
    finally:
        await providers.aclose()


async def _check(provider: Provider, *, asks_callers: bool) -> CheckResult:
    start = perf_counter()
    error: AdapterError | None = None
    # What the first try meets is what there is to know.
    CURRENT.set(Budget(retries=0))
    try:
        await provider.adapter.check()
    except AdapterError as raised:
        is_expected = asks_callers and isinstance(raised, Unauthenticated | PermissionDenied)
        error = None if is_expected else raised
    except Exception as unexpected:
        kind = type(unexpected).__qualname__
        log.error("%s: unexpected %s\n%s", provider.name, kind, crashes.report(unexpected))
        error = UnknownError(f"unexpected {kind} in its adapter", provider=provider.name)
    return CheckResult(provider.name, provider.info.adapter, (perf_counter() - start) * 1000, error, asks_callers)


def report(results: Sequence[CheckResult], console: Console) -> None:
    """The results as a table, and below it what failed, one line each."""
    shown = Table("provider", "adapter", "reachable", "authenticated", "latency", box=SIMPLE_HEAD, pad_edge=False)
    for result in results:
        shown.add_row(
            result.provider,
            result.adapter,
            _word(result.reachable),
            _word(result.authenticated),
            f"{result.latency_ms:.0f} ms",
        )
    console.print(shown)
    for error in (result.error for result in results if result.error is not None):
        status = "" if error.upstream_status is None else f", HTTP {error.upstream_status}"
        console.print(f"{error}{_more(error)} ({error.code.value}{status})", soft_wrap=True)


def _more(error: AdapterError) -> str:
    """What helps who configures the gateway, and is not for its callers."""
    if isinstance(error, NotFound):
        return "; is base_url right, with its prefix?"
    why = reason(error)
    return "" if why is None else f": {why}"


def _word(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[value]

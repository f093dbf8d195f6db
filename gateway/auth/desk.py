"""Makes an `Access` of a request's headers, whichever way these came."""

from collections.abc import Callable, Mapping
from time import monotonic

from adapters.errors import ErrorCode
from adapters.upstream import Transport
from gateway.providers import Providers

from .access import Access
from .callers import ANYBODY, Caller
from .keys import PREFIX, ApiKeys
from .refusals import Refused, malformed, unidentified
from .settings import AuthSettings

AUTHORIZATION = "authorization"
MAX_HEADER = 16 * 1024
"""Characters of a header's value: tokens that list many groups are long."""


class Desk:
    """Settles who calls. `clock` is monotonic, in seconds; `transport` takes the place of the network."""

    def __init__(
        self,
        settings: AuthSettings,
        providers: Providers,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._providers = providers
        self._is_required = settings.is_required
        self.is_needed = settings.is_required
        """Whether requests differ in what they may see."""
        self._keys = ApiKeys(settings.keys, clock)
        self._tokens = None
        if settings.jwt is not None:
            # The library is an extra: without tokens nothing needs it.
            from .tokens import Tokens

            self._tokens = Tokens(settings.jwt, transport, clock)
        self.headers = (AUTHORIZATION,)
        """The headers that are read, in lower case."""

    async def admit(self, headers: Mapping[str, str]) -> Access:
        """What a request with these headers may see and do; of them only `headers` are read, all in lower case.

        Raises Refused where the caller is not known, or asks too often.
        """
        for name in self.headers:
            _check(name, headers.get(name))
        caller = await self._caller(headers.get(AUTHORIZATION)) if self._is_required else ANYBODY
        if caller.limit is not None and (wait := caller.limit.take()) > 0:
            message = "too many requests; see retryAfterMs"
            raise Refused(429, ErrorCode.RATE_LIMITED, message, retry_after=wait)
        providers = self._providers if caller.providers is None else self._providers.only(caller.providers)
        return Access(caller, providers, ",".join(provider.name for provider in providers))

    async def aclose(self) -> None:
        """Release connections."""
        if self._tokens is not None:
            await self._tokens.aclose()

    async def _caller(self, authorization: str | None) -> Caller:
        if authorization is None:
            raise unidentified()
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise unidentified()
        if credential.startswith(PREFIX) or self._tokens is None:
            return self._keys.caller(credential)
        return await self._tokens.caller(credential)


def _check(name: str, value: str | None) -> None:
    """Refused where a header can't be meant: what it holds would go on to others."""
    if value is None:
        return
    if not value.strip():
        raise malformed(f"the header {name} is empty")
    if len(value) > MAX_HEADER:
        raise malformed(f"the header {name} is longer than {MAX_HEADER} characters")
    if not value.isascii() or not value.isprintable():
        raise malformed(f"the header {name} may hold printable ASCII characters only")

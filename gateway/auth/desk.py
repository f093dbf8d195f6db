"""Makes an `Access` of a request's headers, whichever way these came."""

from collections.abc import Callable, Iterable, Mapping
from time import monotonic

from adapters.errors import ErrorCode
from adapters.upstream import Transport
from gateway.caching.keys import Keys
from gateway.providers import Provider, Providers
from gateway.settings import Settings

from .access import Access
from .callers import ANYBODY, Caller
from .credentials import CallerCredentials
from .keys import PREFIX, ApiKeys
from .refusals import Refused, malformed, unidentified

AUTHORIZATION = "authorization"
MAX_HEADER = 16 * 1024
"""Characters of a header's value: tokens that list many groups are long."""


class Desk:
    """Settles who calls, what they see, and whose credentials go upstream.

    `clock` is monotonic, in seconds; `transport` takes the place of the network. `providers` stay open until somebody
    else closes them, after the desk.
    """

    def __init__(
        self,
        settings: Settings,
        providers: Providers,
        keys: Keys,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        auth = settings.auth
        self._providers = providers
        self._is_required = auth.is_required
        self._keys = ApiKeys(auth.keys, clock)
        self._tokens = None
        if auth.jwt is not None:
            # The library is an extra: without tokens nothing needs it.
            from .tokens import Tokens

            self._tokens = Tokens(auth.jwt, transport, clock)
        self._credentials = CallerCredentials(settings.providers, providers, keys, max_kept=auth.max_credentials)
        self.credential_headers = tuple(sorted(set(self._credentials.headers.values())))
        """Headers with callers' own credentials, in lower case."""
        self.headers = (AUTHORIZATION, *self.credential_headers)
        """All headers that are read."""
        self.is_needed = auth.is_required or bool(self.credential_headers)
        """Whether requests differ in what they may see."""

    async def admit(self, headers: Mapping[str, str]) -> Access:
        """What a request with these headers may see and do; of them only `headers` are read, all in lower case.

        It ends with `dismiss`. Raises Refused where the caller is not known or asks too often, or a header that
        concerns it can't be meant.
        """
        caller = await self._caller(headers.get(AUTHORIZATION)) if self._is_required else ANYBODY
        if caller.limit is not None and (wait := caller.limit.take()) > 0:
            message = "too many requests; see retryAfterMs"
            raise Refused(429, ErrorCode.RATE_LIMITED, message, retry_after=wait)
        providers = self._providers if caller.providers is None else self._providers.only(caller.providers)
        if not self.credential_headers:
            return Access(caller, providers, ",".join(provider.name for provider in providers))
        leased: list[Provider] = []
        try:
            return self._with_credentials(caller, providers, headers, leased)
        except Refused:
            self._give_back(leased)
            raise

    def dismiss(self, access: Access) -> None:
        """The request is done, and whatever it started has ended."""
        self._give_back(access.leased)

    async def aclose(self) -> None:
        """Release connections, but not those of the providers."""
        await self._credentials.aclose()
        if self._tokens is not None:
            await self._tokens.aclose()

    def _with_credentials(
        self, caller: Caller, providers: Providers, headers: Mapping[str, str], leased: list[Provider]
    ) -> Access:
        seen: list[Provider] = []
        view: list[str] = []
        for provider in providers:
            header = self._credentials.headers.get(provider.name)
            if header is None:
                seen.append(provider)
                view.append(provider.name)
                continue
            leased.append(self._credentials.take(provider.name, _checked(header, headers.get(header))))
            seen.append(leased[-1])
            # A source has a fingerprint of the credential in it.
            view.append(leased[-1].source)
        return Access(caller, Providers(seen), ",".join(view), tuple(leased))

    def _give_back(self, leased: Iterable[Provider]) -> None:
        for provider in leased:
            self._credentials.give_back(provider)

    async def _caller(self, authorization: str | None) -> Caller:
        said = _checked(AUTHORIZATION, authorization)
        if said is None:
            raise unidentified()
        scheme, _, credential = said.strip().partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise unidentified()
        if " " in credential:
            raise malformed(f"the header {AUTHORIZATION} must hold one credential")
        if credential.startswith(PREFIX) or self._tokens is None:
            return self._keys.caller(credential)
        return await self._tokens.caller(credential)


def _checked(name: str, value: str | None) -> str | None:
    """A header's value; Refused where it can't be meant: what it holds may go on to others."""
    if value is None:
        return None
    if not value.strip():
        raise malformed(f"the header {name} is empty")
    if len(value) > MAX_HEADER:
        raise malformed(f"the header {name} is longer than {MAX_HEADER} characters")
    if not value.isascii() or not value.isprintable():
        raise malformed(f"the header {name} may hold printable ASCII characters only")
    return value

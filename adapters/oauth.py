"""OAuth 2.0 client credentials (RFC 6749, 4.4): access tokens minted when needed and kept until they get old."""

import asyncio
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from pydantic import SecretStr

from .auth import Auth
from .budget import CURRENT, UNLIMITED
from .error_body import error_message, error_word
from .errors import ErrorCode, ErrorReading, Unavailable
from .settings import ProviderSettings
from .upstream import ErrorReply, Reply, Transport, UpstreamClient
from .wire import Fields

DEFAULT_LIFETIME_S = 3600
"""Life of a token whose `expires_in` is missing or unreadable."""
RENEW_EARLY_S = 300
"""How long before its end a token is renewed; one that lives less than twice as long is renewed at half its life."""


class _Basic(Auth):
    """The client's own credential at the token endpoint: HTTP Basic, id and secret form-encoded (RFC 6749, 2.3.1)."""

    def __init__(self, client_id: str, client_secret: SecretStr) -> None:
        self._secret = client_secret.get_secret_value()
        self._quoted = quote_plus(self._secret)
        pair = f"{quote_plus(client_id)}:{self._quoted}"
        self._encoded = b64encode(pair.encode()).decode()

    async def header(self) -> str | None:
        return f"Basic {self._encoded}"

    def is_ready(self) -> bool:
        return True

    def secrets(self) -> tuple[str, ...]:
        return (self._secret, self._quoted, self._encoded)


@dataclass(slots=True)
class _Token:
    """An access token as a header value; times are the clock's."""

    header: str = field(repr=False)
    renew_at: float
    expires_at: float


class ClientCredentials(Auth):
    """Bearer tokens from a token endpoint.

    One is minted at a time, for everybody who waits for it. Within `RENEW_EARLY_S` of its end a token is renewed in the
    background, while it still serves. `settings` gives timeouts and limits of the calls to the endpoint; `transport`
    takes the place of the network; `clock` is monotonic, in seconds.

    Raises Unauthenticated where the endpoint refuses the client, Unavailable or TimedOut where it can't answer,
    BadResponse where it answers with no token.
    """

    def __init__(
        self,
        provider: str,
        settings: ProviderSettings,
        *,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = _Basic(client_id, client_secret)
        self._endpoint = UpstreamClient(
            provider,
            settings.model_copy(update={"base_url": token_url}),
            auth=self._client,
            read_error=read_error,
            transport=transport,
        )
        self._clock = clock
        self._token: _Token | None = None
        self._minting: asyncio.Task[_Token] | None = None
        self._minted: deque[str] = deque(maxlen=3)

    async def header(self) -> str:
        token, now = self._token, self._clock()
        if token is None or now >= token.expires_at:
            token = await self._next()
        elif now >= token.renew_at:
            # Should this attempt fail, the next is due when half of the remaining life is over.
            token.renew_at = now + (token.expires_at - now) / 2
            self._mint()
        return token.header

    def is_ready(self) -> bool:
        return self._token is not None and self._clock() < self._token.expires_at

    async def renew(self, rejected: str) -> bool:
        """Forget the token if it is the one rejected; `header` then mints another. A newer one is simply used."""
        if self._token is not None and self._token.header == rejected:
            self._token = None
        return True

    def secrets(self) -> tuple[str, ...]:
        return (*self._client.secrets(), *self._minted)

    async def aclose(self) -> None:
        if self._minting is not None:
            self._minting.cancel()
        await self._endpoint.aclose()

    async def _next(self) -> _Token:
        task = self._mint()
        # Waited for, not awaited: a waiter that gives up must not take the token from the others.
        await asyncio.wait((task,))
        if task.cancelled():
            raise Unavailable("closed while waiting for a token", provider=self._endpoint.provider)
        return task.result()

    def _mint(self) -> asyncio.Task[_Token]:
        """The task that gets the next token: the one in flight, or a new one."""
        if self._minting is None or self._minting.done():
            self._minting = asyncio.get_running_loop().create_task(self._request())
            self._minting.add_done_callback(_retrieve)
        return self._minting

    async def _request(self) -> _Token:
        # The token serves everybody: it is on nobody's budget.
        CURRENT.set(UNLIMITED)
        asked_at = self._clock()
        reply = await self._endpoint.send("POST", form={"grant_type": "client_credentials"}, idempotent=True)
        text, lifetime = self._read(reply)
        self._minted.append(text)
        self._token = _Token(
            header=f"Bearer {text}",
            renew_at=asked_at + lifetime - min(RENEW_EARLY_S, lifetime / 2),
            expires_at=asked_at + lifetime,
        )
        return self._token

    def _read(self, reply: Reply) -> tuple[str, float]:
        """The access token and its life in seconds."""
        fields = Fields.of(reply.json(), provider=reply.provider, path="the token endpoint's answer")
        token = fields.required_text("access_token")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise fields.bad("expected a token", "access_token")
        lifetime = fields.count("expires_in")
        return token, DEFAULT_LIFETIME_S if lifetime is None else lifetime


def read_error(reply: ErrorReply) -> ErrorReading:
    """What the token endpoint's refusal means for a look-up: a bad credential, or nobody there. Never "no such run"."""
    body = reply.json()
    code = None
    if reply.status in (408, 429) or reply.status >= 500:
        code = ErrorCode.UNAVAILABLE
    elif reply.status >= 400:
        code = ErrorCode.UNAUTHENTICATED
    said = error_message(body) or f"status {reply.status}"
    return ErrorReading(f"the token endpoint gave no token: {said}", raw_code=error_word(body, "error"), code=code)


def _retrieve(task: asyncio.Task[_Token]) -> None:
    """Marks a failure as seen: where nobody waits any more, the next call finds it out by itself."""
    if not task.cancelled():
        task.exception()

"""How a provider is told who calls."""

from abc import ABC, abstractmethod

from pydantic import SecretStr


class Auth(ABC):
    """A source of `Authorization` header values."""

    @abstractmethod
    async def header(self) -> str | None:
        """The value to send; None sends no header. Raises AdapterError where a credential can't be had."""

    def is_ready(self) -> bool:
        """Whether `header` has a value without a wait, so that nobody needs to bound it."""
        return False

    async def renew(self, rejected: str) -> bool:
        """Get another credential after the provider refused `rejected`. False: there is no other."""
        return False

    async def aclose(self) -> None:
        """Release what getting credentials needed."""
        return

    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """Every secret this source knows now, so that they can be kept out of messages."""


class Bearer(Auth):
    """A static bearer token."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = None if token is None else token.get_secret_value()
        self._header = None if token is None else f"Bearer {self._token}"

    async def header(self) -> str | None:
        return self._header

    def is_ready(self) -> bool:
        return True

    def secrets(self) -> tuple[str, ...]:
        return () if self._token is None else (self._token,)

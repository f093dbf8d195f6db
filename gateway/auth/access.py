"""What one request may see and do. The guard leaves it in the ASGI scope for the routes behind it."""

from dataclasses import dataclass

from starlette.types import Scope

from gateway.providers import Provider, Providers

from .callers import Caller

_ACCESS = "rungraph.access"


@dataclass(frozen=True, slots=True)
class Access:
    """The caller, and the providers there are for them: all others do not exist.

    `view` is the same text for those who get the same answers to all questions, and another one for everybody else.
    """

    caller: Caller
    providers: Providers
    view: str = ""
    leased: tuple[Provider, ...] = ()
    """Providers with the caller's own credentials, which the desk gets back when the request is done."""


def leave(scope: Scope, access: Access) -> None:
    """Put it where `access_of` finds it."""
    scope[_ACCESS] = access


def access_of(scope: Scope) -> Access:
    """What the guard found out. KeyError behind a route that it did not guard: nothing is given away there."""
    return scope[_ACCESS]

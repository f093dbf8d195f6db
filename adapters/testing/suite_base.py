"""What the behaviour classes have in common: the case, tests for each fixture, and the rule for overriding."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytest

from .case import Case

F = TypeVar("F", bound=Callable[..., Any])
_OWN_PACKAGE = __name__.rpartition(".")[0]


def overrides(reason: str) -> Callable[[F], F]:
    """Marks a test in a provider's class that takes the place of one in the suite, and says why."""
    if not reason:
        raise ValueError("an override needs a reason")

    def mark(test: F) -> F:
        test.__dict__["override_reason"] = reason
        return test

    return mark


class Suite:
    """Base of the behaviour classes. A provider's class sets `case`.

    TypeError at import where a provider's class replaces a test of the suite without `@overrides`, or uses it on a
    test that the suite does not have; and where two behaviour classes have something of the same name, since one would
    be lost without a word.
    """

    case: ClassVar[Case]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _refuse_collisions(cls)
        if cls.__module__.startswith(_OWN_PACKAGE):
            return
        for name, member in vars(cls).items():
            inherited = name.startswith("test") and any(name in vars(base) for base in cls.__mro__[1:])
            marked = hasattr(member, "override_reason")
            if inherited and not marked:
                raise TypeError(f"{cls.__name__}.{name} replaces a test of the suite: mark it with @overrides(reason)")
            if marked and not inherited:
                raise TypeError(f"{cls.__name__}.{name} overrides nothing: the suite has no such test")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes `fixture` runs for each fixture, one with `run_fixture` for each that asks for a run."""
        for name, fixtures in (("fixture", self.case.all_fixtures), ("run_fixture", self.case.runs)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, fixtures(), ids=lambda fixture: fixture.scenario)


def _refuse_collisions(cls: type) -> None:
    owners: dict[str, type] = {}
    for base in cls.__mro__[1:]:
        if base in (Suite, object):
            continue
        for name in vars(base):
            first = owners.setdefault(name, base)
            if first is not base and not name.startswith("__") and not issubclass(first, base):
                raise TypeError(f"{first.__name__} and {base.__name__} both have {name}")

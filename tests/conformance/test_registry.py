"""Every built-in adapter has joined the suite, and the tables that all adapters share are total."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import wreq.exceptions

from adapters import errors, registry
from adapters.contract import Capability, Filter, How, RunAdapter, capabilities_of
from adapters.model import Part
from adapters.settings import ProviderSettings
from adapters.testing.suite import AdapterSuite, Suite
from adapters.upstream import TRANSPORT_ERRORS

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
ROOTS = ("httpx", "exceptions", "wreq")


@pytest.fixture(params=registry.BUILT_IN)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def suite_of(name: str) -> type[AdapterSuite]:
    module = importlib.import_module(f"{__package__}.test_{name}")
    (suite,) = [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, AdapterSuite) and member.__name__.startswith("Test")
    ]
    return suite


def test_adapter_has_joined_the_suite(name: str) -> None:
    case = suite_of(name).case
    assert case.adapter is registry.load(name)
    assert case.fixtures == FIXTURES / name
    assert case.error_samples


def test_adapter_has_fixtures_with_goldens(name: str) -> None:
    fixtures = suite_of(name).case.all_fixtures()
    assert len(fixtures) >= 5
    assert all(fixture.golden.exists() for fixture in fixtures)
    assert all(fixture.origin in ("docs", "recorded", "made up") for fixture in fixtures)


def test_no_fixtures_without_an_adapter() -> None:
    assert {folder.name for folder in FIXTURES.iterdir()} == {*registry.BUILT_IN, "memory"}


def test_class_attributes(name: str) -> None:
    adapter = registry.load(name)
    assert adapter.info.adapter == name
    assert adapter.info.title
    assert adapter.info.docs_url.startswith("https://")
    assert issubclass(adapter.settings_type, ProviderSettings)
    assert all(isinstance(part, Part) and isinstance(how, How) for part, how in adapter.parts.items())
    assert Part.RAW in adapter.parts
    assert adapter.statuses.provider == name


def test_ability_attributes(name: str) -> None:
    adapter: type[Any] = registry.load(name)
    if Capability.LIST in capabilities_of(adapter):
        assert all(isinstance(restriction, Filter) for restriction in adapter.filters)
        assert 0 < adapter.max_page_size <= 1000
    if Capability.BATCH in capabilities_of(adapter):
        assert 1 < adapter.max_batch <= 1000
        assert adapter.batch_parts <= frozenset(adapter.parts)


def test_adapter_is_complete_and_documented(name: str) -> None:
    adapter = registry.load(name)
    assert not inspect.isabstract(adapter)
    assert (adapter.__doc__ or "").strip()
    assert adapter.__doc__ != RunAdapter.__doc__


def exceptions_of(module: ModuleType) -> Iterator[type[Exception]]:
    for member in vars(module).values():
        if isinstance(member, type) and issubclass(member, Exception) and member.__module__.startswith(ROOTS):
            yield member


@pytest.mark.parametrize("module", [httpx, wreq.exceptions], ids=lambda module: module.__name__)
def test_every_exception_of_the_http_clients_has_a_meaning(module: ModuleType) -> None:
    known = tuple(foreign for foreign, _ in TRANSPORT_ERRORS)
    # Raised only by a part of httpx that no adapter uses, its cookie jar; and by nothing any more.
    unused = {httpx.CookieConflict, wreq.exceptions.RustPanic}
    raised = [kind for kind in exceptions_of(module) if kind not in unused]
    assert raised
    assert [kind for kind in raised if not issubclass(kind, known)] == []


def test_no_entry_of_the_transport_errors_is_hidden_by_an_earlier_one() -> None:
    kinds = [foreign for foreign, _ in TRANSPORT_ERRORS]
    for position, kind in enumerate(kinds):
        assert not issubclass(kind, tuple(kinds[:position]))


def all_adapter_errors(kind: type[errors.AdapterError] = errors.AdapterError) -> Iterator[type[errors.AdapterError]]:
    for below in kind.__subclasses__():
        yield below
        yield from all_adapter_errors(below)


def test_error_classes_and_codes_match_one_to_one() -> None:
    import_all_adapters()
    kinds = list(all_adapter_errors())
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert {errors.BY_CODE[kind.code] for kind in kinds} == set(kinds)
    assert set(errors.BY_CODE) == set(errors.ErrorCode)


def test_every_error_class_says_something() -> None:
    for kind in all_adapter_errors():
        error = kind(provider="acme")
        assert str(error) == f"acme: {kind.default_message}"
        assert kind.default_message
        assert isinstance(kind.retryable, bool)


def test_every_error_class_stands_in_the_table_of_the_module() -> None:
    for kind in all_adapter_errors():
        assert f"{kind.__name__} " in (errors.__doc__ or "")
        assert f" {kind.code.value} " in (errors.__doc__ or "") or f" {kind.code.value}\n" in (errors.__doc__ or "")


def replacement(suite: AdapterSuite) -> None:
    """Tests nothing."""


def test_outside_test_classes_may_not_replace_tests_silently() -> None:
    with pytest.raises(TypeError, match="mark it with @overrides"):
        type("TestX", (AdapterSuite,), {"__module__": "outside", "test_golden": replacement})


def test_behaviour_classes_may_not_share_names() -> None:
    other = type("OtherSuite", (Suite,), {"__module__": "adapters.testing.other", "test_golden": replacement})
    with pytest.raises(TypeError, match="both have test_golden"):
        type("TestX", (AdapterSuite, other), {"__module__": "outside"})


def import_all_adapters() -> None:
    import adapters

    for module in pkgutil.iter_modules(adapters.__path__):
        if module.name != "testing":
            importlib.import_module(f"adapters.{module.name}")

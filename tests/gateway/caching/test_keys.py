"""Names under which runs are kept."""

from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from adapters.settings import ProviderSettings, TokenSettings
from gateway.caching.keys import Keys, unshared
from gateway.settings import CacheSettings

BASE: dict[str, Any] = {"adapter": "a", "base_url": "http://one.test", "token": "secret-token-1"}
KEYS = Keys(b"k" * 32)


class Inner(BaseModel):
    password: SecretStr


class Outside(ProviderSettings):
    """Settings as an outside adapter may have them."""

    inner: Inner
    numbers: frozenset[int] = frozenset()


def source(settings: ProviderSettings, keys: Keys = KEYS, name: str = "p") -> str:
    return keys.source(name, settings, keys.configured(settings))


def test_the_same_has_the_same_name_in_every_process() -> None:
    settings = TokenSettings.model_validate(BASE)
    cache = CacheSettings.model_validate({"url": "redis://localhost"})
    assert source(settings, Keys.of(cache)) == source(settings, Keys.of(cache))
    # The order in which a set is told depends on how it was made, as on the process.
    sets = (frozenset([0, 8, 16]), frozenset([16, 8, 0]))
    assert str(sets[0]) != str(sets[1])
    one, two = (Outside.model_validate({**BASE, "inner": {"password": "x"}, "numbers": numbers}) for numbers in sets)
    assert source(one) == source(two)


@pytest.mark.parametrize(
    "change",
    [{"base_url": "http://two.test"}, {"token": "secret-token-2"}, {"timeout_ms": 5}, {"adapter": "b"}],
    ids=lambda change: next(iter(change)),
)
def test_any_other_setting_makes_another_name(change: dict[str, Any]) -> None:
    one, two = TokenSettings.model_validate(BASE), TokenSettings.model_validate({**BASE, **change})
    assert source(one) != source(two)
    # Whoever asks: the same caller's credential at another place is another one.
    caller = KEYS.fingerprint("caller")
    assert (KEYS.source("p", one, caller) == KEYS.source("p", two, caller)) is ("token" in change)


def test_a_secret_deep_inside_counts() -> None:
    one, two = (Outside.model_validate({**BASE, "inner": {"password": word}}) for word in ("x", "y"))
    assert KEYS.configured(one) != KEYS.configured(two)
    assert source(one) != source(two)


def test_another_caller_s_credential_makes_another_name() -> None:
    settings = TokenSettings.model_validate(BASE)
    names = {KEYS.source("p", settings, KEYS.fingerprint(token)) for token in ("a", "b", "")}
    assert len(names | {source(settings), source(settings, name="q")}) == 5


def test_keys_tell_processes_apart_that_share_nothing() -> None:
    settings = TokenSettings.model_validate(BASE)
    caches = [{}, {}, {"url": "redis://a"}, {"url": "redis://b"}, {"url": "redis://a", "secret": "s"}]
    keys = [Keys.of(CacheSettings.model_validate(cache)) for cache in caches]
    assert len({source(settings, one) for one in keys}) == 5
    assert len({one.derive("values") for one in keys}) == 5
    assert keys[0].derive("values") != keys[0].derive("other")


def test_nothing_of_a_secret_is_in_a_name() -> None:
    settings = TokenSettings.model_validate(BASE)
    for text in (source(settings), KEYS.configured(settings), KEYS.fingerprint("secret-token-1")):
        assert "secret-token" not in text
    assert unshared("p") != unshared("p")

"""Entries as bytes, there and back."""

import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import defstruct
from msgspec.structs import replace

from adapters import registry
from adapters.errors import NotFound, Unavailable
from adapters.model import Part, RunRecord
from adapters.testing.golden import to_json
from gateway.caching.codec import EntryCodec
from gateway.caching.entry import Entry, Life
from gateway.caching.lives import Lives
from gateway.settings import CacheSettings
from tests.gateway.fake import record
from tests.support import tries

from .records import RECORD_TYPES, from_fixtures, made_up

KEY = b"k" * 32
CODEC = EntryCodec([RunRecord, *RECORD_TYPES], KEY)
OTHER = EntryCodec([RunRecord, *RECORD_TYPES], KEY)
"""That of another process."""
PLACE = "p:1234:run-1"
NOW = 1_780_315_200.0
LIVES = Lives(CacheSettings())
ENTRY = LIVES.entry(record(parts=frozenset({Part.RAW}), raw={"run": {"n": 1}}), NOW)


ODD: list[Any] = [None, 0, -1, 2**63, 1.5, float("nan"), "", "x", b"", b"[", b"\xff", [], {}, [[]], {"": 0}, True]


def there_and_back(entry: Entry, codec: EntryCodec = CODEC) -> Entry | None:
    data = codec.encode(PLACE, entry)
    assert data is not None
    return OTHER.decode(PLACE, data)


def sealed(body: bytes) -> bytes:
    """A value as somebody with the key would write it."""
    return CODEC._seal(PLACE, body) + body  # pyright: ignore[reportPrivateUsage]


class TestThereAndBack:
    @pytest.mark.parametrize("adapter", registry.BUILT_IN)
    def test_records_of_every_adapter(self, adapter: str) -> None:
        records = list(from_fixtures(adapter))
        assert len(records) >= 5
        for one in records:
            entry = LIVES.entry(replace(one, part_errors={}), NOW)
            back = there_and_back(entry)
            assert back is not None
            assert back == entry
            assert to_json(back.outcome) == to_json(entry.outcome)

    @pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda kind: kind.__name__)
    @tries(8)
    @given(data=st.data())
    def test_records_of_any_kind(self, record_type: type[RunRecord], data: st.DataObject) -> None:
        entry = LIVES.entry(data.draw(made_up(record_type)), NOW)
        back = there_and_back(entry)
        assert back is not None
        assert back == entry
        assert to_json(back.outcome) == to_json(entry.outcome)

    def test_that_there_is_no_such_run(self) -> None:
        entry = LIVES.entry(NotFound("as the provider said", provider="p"), NOW)
        back = there_and_back(entry)
        assert back is not None
        assert isinstance(back.outcome, NotFound)
        assert (back.outcome.provider, back.life) == ("p", entry.life)

    def test_lives(self) -> None:
        entry = replace(ENTRY, part_lives={Part.RAW: Life(NOW + 1, NOW + 2.5)})
        assert there_and_back(entry) == entry

    def test_errors_are_left_out(self) -> None:
        failed = replace(ENTRY, outcome=record(part_errors={Part.STEPS: Unavailable(provider="p")}))
        back = there_and_back(failed)
        assert back is not None
        assert isinstance(back.outcome, RunRecord)
        assert back.outcome.part_errors == {}


class TestWhatIsNotWritten:
    def test_values_that_have_no_place(self) -> None:
        for output in ({"x": object()}, {1: object}):
            assert CODEC.encode(PLACE, replace(ENTRY, outcome=record(output=output))) is None
        # A type that the annotations don't allow.
        assert CODEC.encode(PLACE, replace(ENTRY, outcome=record(duration_ms=10**30))) is None

    def test_records_of_an_unknown_class(self) -> None:
        class Own(RunRecord, frozen=True, kw_only=True):
            extra: str = ""

        assert CODEC.encode(PLACE, replace(ENTRY, outcome=record(of=Own))) is None

    def test_records_of_a_class_whose_annotations_say_too_little(self, caplog: pytest.LogCaptureFixture) -> None:
        for hint in ("Unknown", "int | str"):
            odd: Any = defstruct("Odd", [("extra", hint, None)], bases=(RunRecord,), frozen=True, kw_only=True)
            odd.__module__ = __name__
            codec = EntryCodec([odd, RunRecord], KEY)
            assert codec.encode(PLACE, replace(ENTRY, outcome=record(of=odd))) is None
            assert codec.encode(PLACE, ENTRY) is not None
            assert "not shared" in caplog.messages.pop()


class TestWhatIsNotRead:
    def test_a_value_from_another_place_or_key(self) -> None:
        data = CODEC.encode(PLACE, ENTRY)
        assert data is not None
        assert CODEC.decode(PLACE, data) == ENTRY
        assert CODEC.decode(PLACE + "0", data) is None
        assert EntryCodec([RunRecord], b"x" * 32).decode(PLACE, data) is None

    def test_places_and_values_can_t_run_into_each_other(self) -> None:
        seal = CODEC._seal  # pyright: ignore[reportPrivateUsage]
        assert seal("p:1", b"2x") != seal("p:12", b"x")

    def test_a_record_of_another_version_of_its_class(self) -> None:
        def version(*names: str) -> Any:
            extra = [(name, str | None, None) for name in names]
            made: Any = defstruct("Own", extra, bases=(RunRecord,), frozen=True, kw_only=True)
            made.__module__ = __name__
            return made

        assert __name__ in sys.modules
        old, new = version("a", "b"), version("b", "a")
        data = EntryCodec([old], KEY).encode(PLACE, replace(ENTRY, outcome=record(of=old, a="1", b="2")))
        assert data is not None
        assert EntryCodec([new], KEY).decode(PLACE, data) is None
        same = EntryCodec([version("a", "b")], KEY).decode(PLACE, data)
        assert same is not None

    def test_a_class_that_this_process_does_not_have(self) -> None:
        data = CODEC.encode(PLACE, replace(ENTRY, outcome=record(of=RECORD_TYPES[0])))
        assert data is not None
        assert EntryCodec([RunRecord], KEY).decode(PLACE, data) is None

    @given(st.binary(max_size=300))
    def test_noise(self, body: bytes) -> None:
        assert CODEC.decode(PLACE, body) is None
        assert CODEC.decode(PLACE, sealed(body)) is None

    @tries(100)
    @given(st.data())
    def test_what_somebody_with_the_key_made_up(self, data: st.DataObject) -> None:
        """Any value in the place of any other: it is no entry, or one whose values are of the right types."""
        whole = CODEC.encode(PLACE, ENTRY)
        assert whole is not None
        envelope: list[Any] = msgspec.msgpack.decode(whole[16:])
        inner: list[Any] = msgspec.msgpack.decode(envelope[-1])
        odd = data.draw(st.sampled_from(ODD))
        if data.draw(st.booleans()):
            inner[data.draw(st.integers(0, len(inner) - 1))] = odd
            envelope[-1] = msgspec.msgpack.encode(inner)
        else:
            envelope[data.draw(st.integers(0, len(envelope) - 1))] = odd
        back = CODEC.decode(PLACE, sealed(msgspec.msgpack.encode(envelope)))
        if back is not None:
            assert there_and_back(back) is not None or isinstance(back.outcome, RunRecord)
            back.fresh(NOW)
            back.spare(NOW)

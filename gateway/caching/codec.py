"""Entries as bytes for a server that others can write to."""

import hmac
import logging
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from adapters.errors import NotFound
from adapters.model import Part, RunRecord

from .entry import Entry, Life
from .wire import NotPortable, Wire

log = logging.getLogger(__name__)

VERSION = 1
_SEAL = 16
_MISSING = ""


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What is around a record. `kind` names its class; it is empty where there is no such run."""

    version: int
    kind: str
    schema: bytes
    provider: str
    stored_at: float
    life: Life
    part_lives: dict[Part, Life]
    size: int
    record: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Envelope)


class EntryCodec:
    """Writes and reads entries. Each is sealed together with the key it is stored under.

    So a value that was damaged, made by somebody without the gateway's key, or moved to the place of another
    credential's is not read.
    """

    def __init__(self, record_types: Iterable[type[RunRecord]], key: bytes) -> None:
        self._key = key
        self._wires: dict[str, Wire] = {}
        for kind in record_types:
            try:
                self._wires[_name(kind)] = Wire(kind)
            except NotPortable as error:
                log.warning("runs of this kind stay in each process, and are not shared: %s", error)

    def encode(self, place: str, entry: Entry) -> bytes | None:
        """The value to store at a place; None for what can't be written."""
        record = entry.outcome
        kind, schema, data, provider = _MISSING, b"", b"", ""
        if isinstance(record, RunRecord):
            kind, provider = _name(type(record)), record.provider
            wire = self._wires.get(kind)
            if wire is None:
                return None
            try:
                schema, data = wire.schema, wire.encode(record)
            except NotPortable:
                return None
        else:
            provider = record.provider
        lives = dict(entry.part_lives)
        envelope = _Envelope(VERSION, kind, schema, provider, entry.stored_at, entry.life, lives, entry.size, data)
        body = _encoder.encode(envelope)
        return self._seal(place, body) + body

    def decode(self, place: str, data: bytes) -> Entry | None:
        """The entry stored at a place; None for anything that this process would not have written there."""
        seal, body = data[:_SEAL], data[_SEAL:]
        if not hmac.compare_digest(seal, self._seal(place, body)):
            return None
        try:
            envelope = _decoder.decode(body)
            if envelope.version != VERSION:
                return None
            outcome = self._outcome(envelope)
        except (ValueError, TypeError, RecursionError):
            return None
        if outcome is None:
            return None
        return Entry(outcome, envelope.stored_at, envelope.life, envelope.part_lives, envelope.size)

    def _outcome(self, envelope: _Envelope) -> RunRecord | NotFound | None:
        if envelope.kind == _MISSING:
            return NotFound(provider=envelope.provider)
        wire = self._wires.get(envelope.kind)
        if wire is None or wire.schema != envelope.schema:
            return None
        return wire.decode(envelope.record)

    def _seal(self, place: str, body: bytes) -> bytes:
        name = place.encode("utf-8", "surrogatepass")
        return blake2b(b"%d:%b%b" % (len(name), name, body), key=self._key, digest_size=_SEAL).digest()


def _name(kind: type[RunRecord]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"

"""Records as plain JSON, and the goldens they are compared with.

`python -m adapters.testing.golden PATHS` writes the goldens of the conformance tests below PATHS; read each change
before it is kept. Tests only compare.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from adapters.contract import Page
from adapters.errors import AdapterError
from adapters.model import PART_FIELDS, Part, RunRecord

_PLAIN = (str, int, bool, float)
_VARIABLE = "RUNGRAPH_GOLDENS"


def to_json(value: object) -> Any:
    """A record, or anything in one, as plain JSON.

    Times are ISO 8601 with "Z", Decimal is text, enumerations are their values, an error is its code. Sets are sorted.
    Fields of a part that a record does not hold are left out. TypeError for anything no record may hold.
    """
    if value is None or type(value) in _PLAIN:
        return value
    match value:
        case Decimal():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Enum():
            return value.value
        case AdapterError():
            return value.code.value
        case RunRecord():
            return _record(value)
        case Mapping():
            return _mapping(cast("Mapping[object, object]", value))
        case list() | tuple():
            return [to_json(item) for item in cast("list[object]", value)]
        case frozenset():
            return sorted(to_json(item) for item in cast("frozenset[object]", value))
        case Struct():
            return {name: to_json(getattr(value, name)) for name in value.__struct_fields__}
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a record")


def error_to_json(error: AdapterError) -> dict[str, Any]:
    """What a client learns from an error."""
    return {
        "error": error.code.value,
        "message": str(error),
        "retryable": error.retryable,
        "retry_after_ms": error.retry_after_ms,
        "raw_code": error.raw_code,
        "upstream_status": error.upstream_status,
        "upstream_request_id": error.upstream_request_id,
    }


def outcome_to_json(outcome: "RunRecord | AdapterError") -> Any:
    """A record, or the error in its place, as plain JSON."""
    return error_to_json(outcome) if isinstance(outcome, AdapterError) else to_json(outcome)


def page_to_json(page: Page) -> dict[str, Any]:
    """A page of a listing as plain JSON; `incomplete` only where it is."""
    document = {"runs": [to_json(run) for run in page.runs], "next_cursor": page.next_cursor, "skipped": page.skipped}
    return {**document, "incomplete": True} if page.incomplete else document


def check(path: Path, actual: object, *, update: bool) -> None:
    """Compare a normalised result with its golden file, or write the file."""
    text = json.dumps(actual, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if update:
        path.write_text(text, encoding="utf-8")
        return
    assert path.exists(), f"no golden {path.name}: python -m adapters.testing.golden writes it"
    assert json.loads(text) == json.loads(path.read_text(encoding="utf-8"))


def is_update() -> bool:
    """Whether goldens are to be written."""
    return os.environ.get(_VARIABLE) == "write"


def main(arguments: list[str]) -> int:
    """Write the goldens of the conformance tests below the given paths."""
    # In a process of its own: pytest wants to be there before what it tests is imported.
    command = [sys.executable, "-m", "pytest", "-k", "test_golden", *arguments]
    return subprocess.run(command, env={**os.environ, _VARIABLE: "write"}, check=False).returncode  # noqa: S603


def _record(record: RunRecord) -> dict[str, Any]:
    held = {name for part in record.parts for name in PART_FIELDS[part]}
    absent = {name for part in Part for name in PART_FIELDS[part]} - held
    plain = {name: to_json(getattr(record, name)) for name in record.__struct_fields__ if name not in absent}
    return {"record": type(record).__name__, "id": record.id, **plain}


def _mapping(value: Mapping[object, object]) -> dict[str, Any]:
    if not all(isinstance(key, str | Enum) for key in value):
        raise TypeError("a JSON object has texts as keys")
    return {to_json(key): to_json(item) for key, item in value.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

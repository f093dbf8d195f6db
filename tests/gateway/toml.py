"""Configuration files for tests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_toml(path: Path, document: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write sections of keys, such as {"server": {"port": 1}, "providers.eigenpal": {...}}; values are plain."""
    lines = [
        line
        for name, section in document.items()
        for line in (f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items()))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path

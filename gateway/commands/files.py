"""Files that appear under their name only when they are whole."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from .exits import CommandError, UsageError


@dataclass(slots=True)
class Draft:
    """A file being written next to the place where it will be. It is gone in the end unless it was kept."""

    path: Path
    stream: BinaryIO
    draft: Path
    kept: Path | None = field(default=None)

    def keep(self, *, whole: bool) -> Path:
        """Give it its name; one that says so where the file is not whole. What had the name before is replaced."""
        self.stream.close()
        self.kept = self.path if whole else self.path.with_name(f"{self.path.stem}.incomplete{self.path.suffix}")
        try:
            self.draft.replace(self.kept)
        except OSError as error:
            raise CommandError(f"can't write {self.kept}: {error.strerror}") from None
        return self.kept


@contextmanager
def drafted(path: Path) -> Generator[Draft]:
    """A new file for `path`, in the same folder. A link stays one; a device or a folder is not replaced."""
    if path.is_symlink():
        path = path.resolve()
    if path.exists() and not path.is_file():
        raise UsageError(f"can't write {path}: it is no ordinary file; --output - is standard output")
    draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        stream = draft.open("xb")
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from None
    try:
        yield Draft(path, stream, draft)
    finally:
        stream.close()
        draft.unlink(missing_ok=True)


def standard_output() -> BinaryIO:
    """Standard output for bytes."""
    sys.stdout.flush()
    return sys.stdout.buffer

from collections.abc import Iterator
from pathlib import Path

import pytest

from .upstream import Upstream, running


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    """A provider that can make requests wait, and where its gateway's configuration goes."""
    with running(tmp_path) as upstream:
        yield upstream

"""The memory adapter: proves that the suite can be passed."""

from pathlib import Path

from adapters.errors import NotFound, Unavailable
from adapters.status import RunStatus
from adapters.testing.suite import (
    AdapterSuite,
    Batch,
    BatchSuite,
    Case,
    CursorListingSuite,
    ErrorSample,
    Listing,
    NoFilesSuite,
    ReportedStatusSuite,
)

from .memory import MemoryAdapter


class TestMemory(AdapterSuite, ReportedStatusSuite, CursorListingSuite, BatchSuite, NoFilesSuite):
    case = Case(
        adapter=MemoryAdapter,
        settings={"base_url": "https://memory.example/v1"},
        fixtures=Path(__file__).parent.parent / "fixtures" / "memory",
        words={
            "running": RunStatus.RUNNING,
            "done": RunStatus.SUCCEEDED,
            "failed": RunStatus.FAILED,
            "cancelled": RunStatus.CANCELLED,
        },
        status_path=("status",),
        error_samples=(
            ErrorSample(
                status=404, body={"error": {"code": "no_run", "message": "gone"}}, kind=NotFound, raw_code="no_run"
            ),
            ErrorSample(status=503, body={"error": "resting"}, kind=Unavailable, message="resting"),
        ),
        listing=Listing(rows=("runs",), row_id=("id",), limit="limit", cursor=("next",)),
        batch=Batch(rows=("runs",)),
    )

"""Eigenpal joins the conformance suite. Words: `execution.status` of "Get a run", read 2026-11."""

from pathlib import Path

from adapters.eigenpal import EigenpalAdapter
from adapters.errors import NotFound, RateLimited
from adapters.status import RunStatus
from adapters.testing.suite import (
    AdapterSuite,
    Batch,
    BatchSuite,
    Case,
    CursorListingSuite,
    ErrorSample,
    Files,
    FilesSuite,
    Listing,
    ReportedStatusSuite,
)

NOT_FOUND = {
    "issues": [{"field": "id", "message": "no run with this id", "code": "not_found", "severity": "error"}],
    "requestId": "req_5f31c0",
}
SLOW_DOWN = {
    "issues": [{"field": "<root>", "message": "slow down", "code": "rate_limited", "severity": "error"}],
    "requestId": "req_5f31c1",
    "hint": "retry later",
}


class TestEigenpal(AdapterSuite, ReportedStatusSuite, CursorListingSuite, BatchSuite, FilesSuite):
    case = Case(
        adapter=EigenpalAdapter,
        settings={"base_url": "https://studio.eigenpal.example/api/v1"},
        fixtures=Path(__file__).parent.parent / "fixtures" / "eigenpal",
        words={
            "created": RunStatus.QUEUED,
            "pending": RunStatus.QUEUED,
            "running": RunStatus.RUNNING,
            "finalizing": RunStatus.RUNNING,
            "waiting": RunStatus.WAITING,
            "completed": RunStatus.SUCCEEDED,
            "failed": RunStatus.FAILED,
            "cancelled": RunStatus.CANCELLED,
            "rejected": RunStatus.REJECTED,
        },
        status_path=("execution", "status"),
        expanded="succeeded_all_parts",
        error_samples=(
            ErrorSample(404, NOT_FOUND, NotFound, "no run with this id", "not_found", "req_5f31c0"),
            ErrorSample(429, SLOW_DOWN, RateLimited, "slow down", "rate_limited", "req_5f31c1"),
        ),
        listing=Listing(
            rows=("runs",), row_id=("id",), limit="limit", restrictions=("source",), cursor=("nextCursor",)
        ),
        batch=Batch(rows=("runs",)),
        files=Files(run="exec 1", path="out/a b.csv", place="/api/v1/runs/exec 1/artifacts/out/a b.csv"),
    )

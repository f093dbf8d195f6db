"""Refactor joins the conformance suite. Words: "Get Run State", read 2026-11."""

from pathlib import Path

from adapters.errors import NotFound, Unauthenticated
from adapters.refactor import RefactorAdapter
from adapters.status import RunStatus
from adapters.testing.suite import (
    AdapterSuite,
    Case,
    ErrorSample,
    NoBatchSuite,
    NoFilesSuite,
    NoListingSuite,
    ReportedStatusSuite,
)

NOT_FOUND = {"error": {"code": "RESOURCE_NOT_FOUND", "message": "run not found"}}


class TestRefactor(AdapterSuite, ReportedStatusSuite, NoListingSuite, NoBatchSuite, NoFilesSuite):
    case = Case(
        adapter=RefactorAdapter,
        settings={"base_url": "https://refactor.example/v1"},
        fixtures=Path(__file__).parent.parent / "fixtures" / "refactor",
        words={
            "running": RunStatus.RUNNING,
            "completed": RunStatus.SUCCEEDED,
            "failed": RunStatus.FAILED,
            "cancelled": RunStatus.CANCELLED,
            "timeout": RunStatus.TIMED_OUT,
            "waiting": RunStatus.WAITING,
        },
        status_path=("status",),
        error_samples=(
            ErrorSample(404, NOT_FOUND, NotFound, "run not found", "RESOURCE_NOT_FOUND"),
            ErrorSample(401, {"message": "unauthorized"}, Unauthenticated, "unauthorized"),
        ),
    )

"""Middesk joins the conformance suite. Words: "Retrieve an agent run", and its older edition, read 2026-11."""

from pathlib import Path

from adapters.errors import InvalidInput, NotFound
from adapters.middesk import MiddeskAdapter
from adapters.status import RunStatus
from adapters.testing.suite import (
    AdapterSuite,
    Case,
    ErrorSample,
    Listing,
    ListingSuite,
    NoBatchSuite,
    NoFilesSuite,
    ReportedStatusSuite,
)

NOT_FOUND = {"errors": [{"message": "agent run not found"}]}
BAD_PARAMETER = {"errors": [{"message": "is not a number", "parameter": "page"}]}


class TestMiddesk(AdapterSuite, ReportedStatusSuite, ListingSuite, NoBatchSuite, NoFilesSuite):
    case = Case(
        adapter=MiddeskAdapter,
        settings={"base_url": "https://middesk.example/v1"},
        fixtures=Path(__file__).parent.parent / "fixtures" / "middesk",
        words={
            "running": RunStatus.RUNNING,
            "completed": RunStatus.SUCCEEDED,
            "error": RunStatus.FAILED,
            "interrupted": RunStatus.WAITING,
            "pending": RunStatus.RUNNING,
            "failed": RunStatus.FAILED,
        },
        status_path=("status",),
        error_samples=(
            ErrorSample(404, NOT_FOUND, NotFound, "agent run not found"),
            ErrorSample(422, BAD_PARAMETER, InvalidInput, "is not a number"),
        ),
        listing=Listing(rows=("data",), row_id=("id",), limit="per_page", has_more=("has_more",)),
    )

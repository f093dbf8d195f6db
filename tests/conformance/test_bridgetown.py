"""Bridge Town joins the conformance suite, over MCP. Words: tool page `get_run`, read 2026-11."""

from pathlib import Path

from adapters.bridgetown import BridgeTownAdapter
from adapters.errors import BadResponse, InvalidInput, UnknownError
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

INVALID_PARAMS = {"jsonrpc": "2.0", "id": 2, "error": {"code": -32602, "message": "invalid params"}}
TOOL_FAILED = {
    "jsonrpc": "2.0",
    "id": 2,
    "result": {"content": [{"type": "text", "text": "it broke"}], "isError": True},
}


class TestBridgeTown(AdapterSuite, ReportedStatusSuite, ListingSuite, NoBatchSuite, NoFilesSuite):
    case = Case(
        adapter=BridgeTownAdapter,
        settings={"base_url": "https://bridgetown.example/mcp"},
        fixtures=Path(__file__).parent.parent / "fixtures" / "bridgetown",
        words={
            "pending": RunStatus.QUEUED,
            "running": RunStatus.RUNNING,
            "success": RunStatus.SUCCEEDED,
            "failed": RunStatus.FAILED,
            "timed_out": RunStatus.TIMED_OUT,
            "cancelled": RunStatus.CANCELLED,
        },
        status_path=("result", "structuredContent", "status"),
        # There is one endpoint for everything: that it is not there says nothing about a run.
        errors={404: BadResponse, 410: BadResponse},
        error_samples=(
            ErrorSample(200, INVALID_PARAMS, InvalidInput, "invalid params", "-32602"),
            ErrorSample(200, TOOL_FAILED, UnknownError, "it broke"),
        ),
        listing=Listing(rows=("result", "structuredContent", "runs"), row_id=("run_id",), limit="limit"),
    )

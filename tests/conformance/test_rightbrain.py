"""Rightbrain joins the conformance suite: it has no status word, and its lists hold whole runs."""

from pathlib import Path

from adapters.errors import InvalidInput, NotFound, PermissionDenied, Unauthenticated
from adapters.rightbrain import RightbrainAdapter
from adapters.testing.suite import (
    AdapterSuite,
    Case,
    CursorListingSuite,
    DerivedStatusSuite,
    ErrorSample,
    Files,
    FilesSuite,
    Listing,
    NoBatchSuite,
)

NO_UUID = {"detail": [{"loc": ["path", "task_run_id"], "msg": "value is not a valid uuid", "type": "uuid_parsing"}]}
NO_PERMISSION = {"reason": "PERMISSION_CHECK_FAILED", "message": "missing permission task:view_run"}
NO_CREDENTIAL = {"reason": "MISSING_AUTHENTICATION"}


class TestRightbrain(AdapterSuite, DerivedStatusSuite, CursorListingSuite, NoBatchSuite, FilesSuite):
    case = Case(
        adapter=RightbrainAdapter,
        settings={
            "base_url": "https://rightbrain.example/api/v1",
            "org_id": "018d0000-aaaa-7bbb-8ccc-ddddeeeeffff",
            "project_id": "018d0001-aaaa-7bbb-8ccc-ddddeeeeffff",
        },
        fixtures=Path(__file__).parent.parent / "fixtures" / "rightbrain",
        words={},
        status_path=None,
        error_samples=(
            ErrorSample(404, {"detail": "Task run not found"}, NotFound, "Task run not found"),
            ErrorSample(422, NO_UUID, InvalidInput, "value is not a valid uuid"),
            ErrorSample(403, NO_PERMISSION, PermissionDenied, "task:view_run", "PERMISSION_CHECK_FAILED"),
            ErrorSample(403, NO_CREDENTIAL, Unauthenticated, raw_code="MISSING_AUTHENTICATION"),
        ),
        listing=Listing(
            rows=("results",),
            row_id=("id",),
            limit="page_limit",
            cursor=("pagination", "next_cursor"),
            has_more=("pagination", "has_next"),
        ),
        files=Files(
            run="018d0002-aaaa-7bbb-8ccc-ddddeeeeffff/018d0003-aaaa-7bbb-8ccc-ddddeeeeffff",
            path="a b/c.pdf",
            place="/api/v1/org/018d0000-aaaa-7bbb-8ccc-ddddeeeeffff/project/018d0001-aaaa-7bbb-8ccc-ddddeeeeffff"
            "/task/018d0002-aaaa-7bbb-8ccc-ddddeeeeffff/run/018d0003-aaaa-7bbb-8ccc-ddddeeeeffff/file/a b/c.pdf",
            query={"inline": "false"},
        ),
    )

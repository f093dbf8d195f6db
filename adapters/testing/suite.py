"""The behaviour classes, as a provider's test file composes them.

    class TestAcme(AdapterSuite, ReportedStatusSuite, CursorListingSuite, NoBatchSuite, NoFilesSuite):
        case = Case(
            adapter=AcmeAdapter,
            settings={"base_url": "https://acme.example/v1"},
            fixtures=Path(__file__).parent / "fixtures" / "acme",
            words={"done": RunStatus.SUCCEEDED, "busy": RunStatus.RUNNING},
            status_path=("status",),
            listing=Listing(rows=("runs",), row_id=("id",), limit="limit", cursor=("next",)),
        )

`AdapterSuite` is for every adapter; one of each kind joins it: reported or derived status; listing by the provider's
cursors, listing by other means, or none; batch or none; files or none. Fixtures are described in `fixtures`;
`python -m adapters.testing.golden` writes the goldens.
"""

from adapters.contract import BatchesRuns, ListsRuns, ServesFiles

from .case import Batch, Case, ErrorSample, Files, Listing
from .suite_base import Suite, overrides
from .suite_batch import BatchSuite, NoBatchSuite
from .suite_errors import ErrorSuite
from .suite_files import FilesSuite, NoFilesSuite
from .suite_goldens import GoldenSuite
from .suite_hostile import HostileSuite
from .suite_listing import CursorListingSuite, ListingSuite, NoListingSuite
from .suite_parts import PartsSuite
from .suite_status import DerivedStatusSuite, ReportedStatusSuite
from .suite_wire import WireSuite


class AdapterSuite(GoldenSuite, ErrorSuite, HostileSuite, PartsSuite, WireSuite):
    """What is required of every adapter."""

    def test_suites_match_abilities(self) -> None:
        adapter = self.case.adapter
        assert isinstance(self, ListingSuite if issubclass(adapter, ListsRuns) else NoListingSuite)
        assert isinstance(self, CursorListingSuite) is (
            self.case.listing is not None and bool(self.case.listing.cursor)
        )
        assert isinstance(self, FilesSuite if issubclass(adapter, ServesFiles) else NoFilesSuite)
        assert isinstance(self, BatchSuite if issubclass(adapter, BatchesRuns) else NoBatchSuite)
        assert isinstance(self, ReportedStatusSuite if adapter.statuses.words else DerivedStatusSuite)


__all__ = [
    "AdapterSuite",
    "Batch",
    "BatchSuite",
    "Case",
    "CursorListingSuite",
    "DerivedStatusSuite",
    "ErrorSample",
    "Files",
    "FilesSuite",
    "Listing",
    "ListingSuite",
    "NoBatchSuite",
    "NoFilesSuite",
    "NoListingSuite",
    "ReportedStatusSuite",
    "Suite",
    "overrides",
]

"""What the simulated Eigenpal's runs are made of and kept as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from .eigenpal_automations import Automation
from .history import Moments

Document = dict[str, Any]

TERMINAL: Final = frozenset({"completed", "failed", "cancelled", "rejected"})
NOT_STARTED: Final = frozenset({"created", "pending"})
STATUSES: Final = (
    "created", "pending", "running", "waiting", "finalizing", "completed", "failed", "cancelled", "rejected",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is settled about a run before any document is written.

    `progress`: how far its steps have come, 0 to 1; only looked at while `status` is not terminal.
    `batch`: id of the experiment it belongs to; `retry`: its `execution.retry`; `children`: runs that its
    invoke-workflow step started, (id, status).
    """

    id: str
    automation: Automation
    moments: Moments
    status: str
    progress: float = 1.0
    batch: str | None = None
    retry: Document | None = None
    parent: str | None = None
    children: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """One run. `body` is its document with every section expanded; `steps` the rows of its `/steps`.

    `contents` holds the bytes of each artifact by path; downloads of the paths in `stored` are redirects to storage.
    `expands_unasked`: its execution arrives expanded whether asked for or not.
    """

    created: datetime
    body: Document
    steps: Sequence[Document] = ()
    artifacts: Sequence[Document] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    stored: frozenset[str] = frozenset()
    scores: Sequence[Document] = ()
    expands_unasked: bool = False

    @property
    def status(self) -> Any:
        """Its `execution.status`; None where the document has none."""
        return section(self.body, "execution").get("status")


def section(body: Document, key: str) -> Document:
    """The object under a key; an empty one where there is none or something else."""
    value = body.get(key)
    return cast("Document", value) if isinstance(value, dict) else {}

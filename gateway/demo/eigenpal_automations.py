"""The automations of the simulated Eigenpal tenant, and the words its runs are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

TAGS: Final[Sequence[str]] = ("batch-9", "eu", "nightly", "priority", "Regression")
ERRORS: Final[Sequence[str]] = (
    "could not read the document",
    "model answer did not match the schema after 3 attempts",
    "upstream service answered 503",
    "page limit of 200 exceeded: the document has 214 pages, of which none could be skipped without losing line items",
)


@dataclass(frozen=True, slots=True)
class Automation:
    """A workflow or an agent. `steps`: (name, type) in order; `files`: (name, role, step that wrote it)."""

    id: str
    name: str
    type: Literal["workflow", "agent"]
    version: str | None
    steps: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str, str | None], ...]
    slug: str | None = None
    model: str | None = None
    git_tag: str | None = None
    hides_steps: bool = False
    """Expanding the execution brings no steps: only `/steps` has them."""

    def source(self, random: Random) -> dict[str, Any]:
        """The `source` section of a run of it, detail-only keys included."""
        section: dict[str, Any] = {"id": self.id, "name": self.name, "version": self.version}
        if self.version is not None:
            section["versionId"] = f"{self.id}_v{self.version}"
        if self.slug is not None:
            section |= {"slug": self.slug, "model": self.model}
        if self.git_tag is not None:
            section["git"] = {
                "requestedRef": "main",
                "resolvedRef": "refs/heads/main",
                "resolvedTag": random.choice((self.git_tag, None)),
                "commitSha": f"{random.getrandbits(160):040x}",
            }
        section |= {"implementationAvailable": True, "automationFound": True}
        section["currentVersion"] = str(int(self.version) + 1) if self.version is not None else None
        return section


AUTOMATIONS: Final[Sequence[Automation]] = (
    Automation(
        "wf_po", "Purchase orders", "workflow", "12",
        (("fetch", "http"), ("parse", "ocr"), ("extract", "llm"), ("validate", "code")),
        (("order.pdf", "input", None), ("order.json", "output", "extract"), ("report.pdf", "report", "validate")),
    ),
    Automation(
        "wf_kyc", "KYC", "workflow", "4",
        (("collect", "form"), ("screen", "invoke-workflow"), ("check totals", "human-review"), ("decide", "llm")),
        (("passport.pdf", "input", None), ("decision.json", "output", "decide")),
    ),
    Automation(
        "wf_archive", "Archive import", "workflow", "2",
        (("read", "file"), ("classify", "llm"), ("store", "http")),
        (("scan.pdf", "input", None), ("index.json", "output", "store")),
        hides_steps=True,
    ),
    Automation(
        "agt_7", "Claims agent", "agent", None, (),
        (("claim.pdf", "input", None), ("report.pdf", "output", None), ("summary.json", "output", None)),
        slug="claims", model="model-a", git_tag="v3",
    ),
    Automation(
        "agt_9", "Contract reader", "agent", "7", (),
        (("contract.pdf", "input", None), ("clauses.json", "output", None)),
        slug="contracts", model="model-b",
    ),
)  # fmt: skip
BY_ID: Final = {automation.id: automation for automation in AUTOMATIONS}

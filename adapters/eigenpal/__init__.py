"""Eigenpal: document workflows and agents, with usage, steps, files, reviews and retries.

Written against the provider's public pages and the source of its Python client, releases 0.5 to 0.20, as read in
November 2026:

- https://docs.eigenpal.com/api-reference/runs/get-a-run, .../list-runs, .../start-a-run
- https://docs.eigenpal.com/sdks/python/executions
- https://github.com/eigenpal/sdk-python

`base_url` includes the API's prefix, which differs by era: `https://app.eigenpal.com/api/v1`,
`https://studio.eigenpal.com/api/v1`, `https://api.eigenpal.com/v1`, or a self-hosted one.

Modules: `records` (what a run has beyond the common fields) · `documents` (what the provider sends) · `eras` (older
documents made into the newest) · `status` · `parse` and `lists` (documents to records) · `listing` · `adapter` (calls).
"""

from .adapter import EigenpalAdapter
from .records import EigenpalRecord, EigenpalUsage, Eval, Git, HumanReview, Retry, Review, Source

__all__ = [
    "EigenpalAdapter",
    "EigenpalRecord",
    "EigenpalUsage",
    "Eval",
    "Git",
    "HumanReview",
    "Retry",
    "Review",
    "Source",
]

"""The conformance suite for adapters, built in or of another distribution.

It needs pytest and hypothesis, which are dependencies of tests only: nothing outside this package imports it.
A provider joins with a test file of about 20 lines: see `suite.AdapterSuite`.
"""

import pytest

pytest.register_assert_rewrite(
    "adapters.testing.golden",
    "adapters.testing.case",
    "adapters.testing.suite",
    "adapters.testing.suite_base",
    "adapters.testing.suite_goldens",
    "adapters.testing.suite_status",
    "adapters.testing.suite_errors",
    "adapters.testing.suite_hostile",
    "adapters.testing.suite_parts",
    "adapters.testing.suite_wire",
    "adapters.testing.suite_listing",
    "adapters.testing.suite_batch",
)

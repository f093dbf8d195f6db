"""What all tests have in common: they have time.

A landing is not the time to look for new examples: every run makes the same ones, and so fails for a reason.
`pytest --hypothesis-profile=explore` makes others each time.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from gateway.demo.world import DemoWorld

from .support import LONG_MS

# A machine with much else to do must not fail a test: nothing asserts how long it takes.
PATIENT = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True
)
settings.register_profile("rungraph", PATIENT, derandomize=True, database=None, max_examples=60)
settings.register_profile("explore", PATIENT, derandomize=False, max_examples=1000)
settings.load_profile("rungraph")


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Simulated providers are waited for. A test about waiting says so in its own configuration."""
    configuration = DemoWorld.configuration
    limits = dict.fromkeys(("timeout_ms", "connect_timeout_ms", "read_timeout_ms", "max_queue_ms"), LONG_MS)

    def patient(world: DemoWorld) -> dict[str, Any]:
        document = configuration(world)
        sections = {name: limits | section for name, section in document["providers"].items()}
        return {**document, "providers": sections, "feed": {"deadline_ms": LONG_MS}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DemoWorld, "configuration", patient)
        yield

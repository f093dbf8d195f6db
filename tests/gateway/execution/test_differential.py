"""Whatever is asked of whatever records: data and errors are those of graphql-core alone."""

from random import Random

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.errors import Unavailable
from gateway.execution import Runner, completers
from gateway.schema.build import run_types
from tests.support import run, tries

from .comparing import CORE, by_core, by_runner, operation_of
from .operations import Operations
from .records import BROKEN, Records

IDS = ["fake:1", "fake:22", "fake:333", "fake:4444", "fake:missing", "nobody:1", "bad"]
ROOTS = {
    "run": "(id: $id)",
    "node": '(id: "fake:22")',
    "nodes": "(ids: $ids)",
    "providers": "",
    "__typename": "",
}
CHANCES = [(0.0, 0.0), (0.4, 0.0), (0.2, 0.005), (0.2, 0.02), (0.2, 0.1), (0.1, 0.4)]
"""Of nulls and of broken values."""

differential = settings(
    tries(80),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code is generated the first time that a field is executed."""
    monkeypatch.setattr(completers, "WARM", 1)


@given(seed=st.integers(0, 2**32), chances=st.sampled_from(CHANCES))
@differential
def test_random_operations_over_random_records(seed: int, chances: tuple[float, float]) -> None:
    random = Random(seed)
    nulls, broken = chances
    operations = Operations(random, CORE, ROOTS)
    text = operations.text()
    document = parse(text)
    assume(not validate(CORE, document))
    records = Records(random, nulls=nulls, broken=broken)
    classes = list(run_types())
    outcomes: dict[str, object] = {
        native_id: random.choice(BROKEN) if random.random() < broken / 4 else records.record(random.choice(classes))
        for native_id in ("1", "22", "333")
    }
    outcomes["4444"] = Unavailable(provider="fake")
    asked = [
        {**operations.variables(), "id": random.choice(IDS), "ids": random.choices(IDS, k=random.randint(0, 6))}
        for _ in range(3)
    ]

    async def both() -> None:
        runner = Runner(CORE, document, operation_of(document))
        for variables in asked:
            expected = await by_core(document, variables, outcomes)
            assert await by_runner(runner, variables, outcomes) == expected, text

    run(both())

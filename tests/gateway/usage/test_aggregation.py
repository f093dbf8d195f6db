"""Sums over runs: exact, whatever the order, and null where nobody reported."""

import random
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import Unavailable
from adapters.model import Actor, ModelUsage, Part, RunRecord, RunTarget, RunWarning, TokenAccounting, WarningCode
from adapters.status import RunStatus
from gateway.errors import RequestError
from gateway.reporting import aggregation
from gateway.reporting.aggregation import COUNTS, Aggregation, Grouping, UsageDimension, UsageRow
from gateway.reporting.buckets import TimeBucket
from tests.gateway.fake import record
from tests.support import tries

from .strategies import runs, usage

BERLIN = ZoneInfo("Europe/Berlin")
FIGURES = (*COUNTS, "model_duration_ms", "duration_ms")
GROUPINGS = st.builds(
    Grouping,
    st.frozensets(st.sampled_from(UsageDimension)),
    st.none() | st.sampled_from(TimeBucket),
    st.sampled_from([ZoneInfo("UTC"), BERLIN]),
)


def added(records: Iterable[RunRecord], *dimensions: UsageDimension, grouping: Grouping | None = None) -> Aggregation:
    sums = Aggregation(grouping or Grouping(frozenset(dimensions)))
    for run in records:
        sums.add(run)
    return sums


def rows(sums: Aggregation, is_covered: Callable[[str | None], bool] = lambda _: True) -> list[UsageRow]:
    return sums.rows(is_covered)


def total(*records: RunRecord) -> UsageRow:
    return added(records).total_row(lambda _: True)


@tries(40)
@given(st.lists(runs(), max_size=12), GROUPINGS, st.randoms(use_true_random=False))
def test_any_runs(records: Sequence[RunRecord], grouping: Grouping, randomness: random.Random) -> None:
    """Making runs up takes longer than adding them up, so these are made up once."""
    the_order_of_runs_never_shows(records, grouping, randomness)
    a_sum_is_null_only_where_nobody_reported(records)
    rows_add_up_to_the_total(records, grouping)
    no_two_rows_are_about_the_same(records, grouping)


def the_order_of_runs_never_shows(records: Sequence[RunRecord], grouping: Grouping, randomness: random.Random) -> None:
    shuffled = list(records)
    randomness.shuffle(shuffled)
    one, other = added(records, grouping=grouping), added(shuffled, grouping=grouping)
    assert rows(one) == rows(other)
    assert one.total_row(lambda _: True) == other.total_row(lambda _: True)


def a_sum_is_null_only_where_nobody_reported(records: Sequence[RunRecord]) -> None:
    row = total(*records)
    for name in FIGURES:
        sources = [run if name == "duration_ms" else run.usage for run in records]
        reported = [figure for source in sources if source and (figure := getattr(source, name)) is not None]
        exact = sum((Fraction(figure) for figure in reported), Fraction(0))
        expected = float(exact) if name.endswith("ms") else exact
        assert getattr(row, name) == (expected if reported else None), name
    for which in ("costs", "credits"):
        unit = "currency" if which == "costs" else "provider"
        amounts: dict[str, Fraction] = {}
        for run in records:
            if run.usage and (amount := run.usage.cost if which == "costs" else run.usage.credits):
                key = getattr(amount, unit)
                amounts[key] = amounts.get(key, Fraction(0)) + Fraction(amount.amount)
        assert {getattr(sum_, unit): Fraction(sum_.amount) for sum_ in getattr(row, which)} == amounts


def rows_add_up_to_the_total(records: Sequence[RunRecord], grouping: Grouping) -> None:
    sums = added(records, grouping=grouping)
    found, whole = rows(sums), sums.total_row(lambda _: True)
    counted = sum(row.runs for row in found)
    if UsageDimension.TAG in grouping.dimensions:
        assert counted == sum(max(1, len(set(run.tags))) for run in records)
        return
    assert counted == whole.runs == len(records)
    assert sum(row.runs_unfinished for row in found) == whole.runs_unfinished
    for name in ("model_calls", "cache_write_input_tokens"):
        assert sum(getattr(row, name) or 0 for row in found) == (getattr(whole, name) or 0)
    amount: dict[str, Decimal] = {}
    for money in (money for row in found for money in row.costs):
        amount[money.currency] = amount.get(money.currency, Decimal(0)) + money.amount
    assert amount == {money.currency: money.amount for money in whole.costs}


def no_two_rows_are_about_the_same(records: Sequence[RunRecord], grouping: Grouping) -> None:
    found = rows(added(records, grouping=grouping))
    assert len({row.key for row in found}) == len(found)
    assert [row.key.order for row in found] == sorted(row.key.order for row in found)


def test_a_reported_zero_is_no_null() -> None:
    row = total(record(usage=usage(input_tokens=0, cost="0 USD")))
    assert (row.input_tokens, row.output_tokens) == (0, None)
    assert [(money.amount, money.currency) for money in row.costs] == [(0, "USD")]
    assert (row.runs_reporting_tokens, row.runs_reporting_cost, row.runs_reporting_credits) == (1, 1, 0)


def test_no_runs_make_one_row_of_nulls_and_no_rows_by_dimension() -> None:
    (row,) = rows(added([]))
    assert (row.runs, row.total_tokens, row.costs, row.duration_ms) == (0, None, [], None)
    assert rows(added([], UsageDimension.PROVIDER)) == []


def test_amounts_are_exact_where_floats_are_not() -> None:
    row = total(
        *[record(usage=usage(cost="0.1 USD"))] * 3, record(usage=usage(cost="1000000000000000000000000000.1 USD"))
    )
    assert row.costs[0].amount == Decimal("1000000000000000000000000000.4")


def test_accountings_are_not_mixed_silently() -> None:
    includes = record(usage=usage(input_tokens=1, token_accounting=TokenAccounting.INCLUDES_CACHED))
    excludes = record(usage=usage(input_tokens=1, token_accounting=TokenAccounting.EXCLUDES_CACHED))
    without = record(usage=usage(cost="1 USD", token_accounting=TokenAccounting.UNKNOWN))
    assert total(includes, includes, without).token_accounting is TokenAccounting.INCLUDES_CACHED
    assert total(includes, excludes).token_accounting is None
    assert total(includes, excludes).input_tokens == 2
    assert total(without).token_accounting is None


def test_a_run_is_in_the_row_of_each_of_its_tags_and_once_in_the_total() -> None:
    sums = added(
        [record(tags=("b", "a", "a"), usage=usage(input_tokens=5)), record(usage=usage(input_tokens=1))],
        UsageDimension.TAG,
    )
    assert [(row.key.tag, row.runs, row.input_tokens) for row in rows(sums)] == [("a", 1, 5), ("b", 1, 5), (None, 1, 1)]
    assert sums.total_row(lambda _: True).input_tokens == 6


def by_model(*records: RunRecord) -> list[tuple[Any, ...]]:
    return [
        (row.key.model, row.runs, row.runs_reporting_tokens, row.input_tokens, row.total_tokens, len(row.costs))
        for row in rows(added(records, UsageDimension.MODEL))
    ]


def used(model: str | None, input_tokens: int | None, output_tokens: int | None = None) -> ModelUsage:
    return ModelUsage(model=model, input_tokens=input_tokens, output_tokens=output_tokens)


def test_a_run_of_one_model_is_that_models() -> None:
    run = record(usage=usage(input_tokens=7, total_tokens=9, cost="1 USD", models=(used("m", 3), used("m", 4))))
    assert by_model(run) == [("m", 1, 1, 7, 9, 1)]


def test_the_tokens_of_several_models_are_split_and_all_else_is_nobodys() -> None:
    models = (used("m1", 60, 5), used("m2", 30, 5), used(None, 10))
    run = record(usage=usage(input_tokens=110, output_tokens=10, total_tokens=120, cost="1 USD", models=models))
    # 20 tokens are read by a model without a name, or by none of these.
    assert by_model(run) == [("m1", 0, 1, 60, 65, 0), ("m2", 0, 1, 30, 35, 0), (None, 1, 1, 20, 20, 1)]


def test_what_models_account_for_in_full_leaves_nothing() -> None:
    run = record(usage=usage(input_tokens=90, models=(used("m1", 60), used("m2", 30))))
    assert by_model(run) == [("m1", 0, 1, 60, None, 0), ("m2", 0, 1, 30, None, 0), (None, 1, 0, None, None, 0)]


def test_without_reports_by_model_the_configured_one_counts_unless_another_took_over() -> None:
    target = RunTarget(id="t", model="m")
    fallback = (RunWarning(WarningCode.FALLBACK_MODEL, "replaced"),)
    run = record(target=target, usage=usage(input_tokens=1))
    assert by_model(run) == [("m", 1, 1, 1, None, 0)]
    assert by_model(record(target=target, warnings=fallback)) == [(None, 1, 0, None, None, 0)]


def test_people_are_told_apart_by_their_address() -> None:
    actors = [Actor(name="Ida", email="ida@example.com"), Actor(name="Ida"), Actor(id="u1"), None]
    sums = added([record(initiator=actor) for actor in actors], UsageDimension.INITIATOR)
    assert [row.key.initiator for row in rows(sums)] == ["Ida", "ida@example.com", "u1", None]


def test_rows_are_complete_where_nothing_of_theirs_is_missing() -> None:
    failed = record("2", provider="two", part_errors={Part.USAGE: Unavailable(provider="two")})
    records = [record("1", provider="one"), failed, record("3", provider="three")]
    sums = added(records, UsageDimension.PROVIDER)
    covered = {"one": True, "two": True, "three": False}

    def is_covered(provider: str | None) -> bool:
        return all(covered.values()) if provider is None else covered[provider]

    complete = {row.key.provider: row.is_complete for row in sums.rows(is_covered)}
    assert complete == {"one": True, "two": False, "three": False}
    assert not sums.total_row(is_covered).is_complete
    by_status = added([records[0]], UsageDimension.STATUS)
    assert not by_status.rows(is_covered)[0].is_complete


def test_runs_that_have_not_ended_are_counted_as_such() -> None:
    statuses = (RunStatus.RUNNING, RunStatus.UNKNOWN, RunStatus.SUCCEEDED)
    assert total(*(record(status=status) for status in statuses)).runs_unfinished == 2


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregation, "MAX_ROWS", 2)
    records = [record(tags=(str(number),)) for number in range(3)]
    with pytest.raises(RequestError, match="more than 2 rows"):
        added(records, UsageDimension.TAG)

"""What the address of an export may say."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from adapters.model import RunKind
from adapters.status import RunStatus
from gateway.errors import RequestError
from gateway.export import parameters
from gateway.export.columns import DEFAULT
from gateway.export.parameters import ExportRequest
from gateway.listing.filters import RunFilter


def read(query: str) -> ExportRequest:
    return parameters.read(parse_qsl(query, keep_blank_values=True))


def test_nothing_asks_for_everything() -> None:
    assert read("") == read("providers=&status=&columns=&maxRuns=") == ExportRequest(RunFilter(), DEFAULT, 10_000)


def test_everything_can_be_said() -> None:
    query = (
        "providers=a,b&status=failed,TIMED_OUT&status=REJECTED&kind=AGENT&createdAfter=2026-03-02&target=t&scope=s"
        "&createdBefore=1772442845000&maxRuns=12&columns=id,%20status&columns=usage.totalTokens"
    )
    assert read(query) == ExportRequest(
        RunFilter(
            providers=("a", "b"),
            statuses=frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.REJECTED}),
            kinds=frozenset({RunKind.AGENT}),
            created_after=datetime(2026, 3, 2, tzinfo=UTC),
            created_before=datetime(2026, 3, 2, 9, 14, 5, tzinfo=UTC),
            target="t",
            scope="s",
        ),
        ["id", "status", "usage.totalTokens"],
        12,
    )


@pytest.mark.parametrize("text", ["2026-03-02T10:14:05%2B01:00", "2026-03-02T10:14:05+01:00", "2026-03-02 09:14:05"])
def test_a_plus_that_was_not_encoded_is_understood(text: str) -> None:
    assert read(f"createdAfter={text}").wanted.created_after == datetime(2026, 3, 2, 9, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("statuss=FAILED", 'there is no parameter "statuss"; did you mean status?'),
        ("x=1", 'there is no parameter "x"; there are providers, status, kind, createdAfter, '),
        ("status=BROKEN", 'status: there is no "BROKEN"; expected some of QUEUED, RUNNING, '),
        ("kind=CAR", 'kind: there is no "CAR"; expected some of AGENT, '),
        ("createdAfter=yesterday", "createdAfter: expected a time such as 2026-03-02T09:14:05Z"),
        ("createdAfter=99999999999999999999", "createdAfter: expected a time such as"),
        ("createdAfter=2026-01-01&createdAfter=2026-01-02", "createdAfter: expected one value, not 2"),
        ("maxRuns=0", "maxRuns: expected 1 to 1000000"),
        ("maxRuns=1000001", "maxRuns: expected 1 to 1000000"),
        ("maxRuns=9999999999999", "maxRuns: expected 1 to 1000000"),
        ("maxRuns=٣", "maxRuns: expected 1 to 1000000"),
        ("maxRuns=-1", "maxRuns: expected 1 to 1000000"),
    ],
)
def test_mistakes_are_told(query: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(query)
    assert str(refused.value).startswith(message)

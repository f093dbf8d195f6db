"""What a provider's JSON becomes in an answer: exact numbers, and always valid JSON."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from .sending import gateway, post

LARGEST_SAFE = 2**53 - 1
QUERY = '{ run(id: "one:r1") { id metadata raw } }'


def answer_to(document: bytes, query: str = QUERY) -> httpx.Response:
    """The gateway's answer where the provider answers with this document."""

    def provider(request: httpx.Request) -> httpx.Response:
        content = b"[]" if request.url.path.endswith("evaluations") else document
        return httpx.Response(200, content=content, headers={"content-type": "application/json"})

    answer = post(gateway(answer=httpx.MockTransport(provider)), query)
    assert answer.status_code == 200
    return answer


def with_metadata(value: bytes) -> bytes:
    return b'{"id": "r1", "status": "completed", "metadata": ' + value + b"}"


def strict(answer: httpx.Response) -> Any:
    """The answer's body by a reader that allows nothing beyond JSON and loses no digit."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(answer.content.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)


@pytest.mark.parametrize(
    "value",
    [
        "1.50",
        "0.10000000000000000000000000000000000001",
        "-0.0",
        "12345678901234567890.12345678901234567890",
        "123456789012345678901234567890",
        "-18446744073709551616",
        "18446744073709551615",
        "9007199254740993",
        "1E+400",
        "1E-400",
        '"😀 é \\u0000 \\\\ \\" </script>"',
        '{"":{"a b":[1.10,[],{},null,true,12345678901234567890123.50]}}',
    ],
)
def test_a_document_arrives_as_it_was(value: str) -> None:
    answer = answer_to(with_metadata(value.encode()))

    text = answer.text
    assert text.count(value) == 2, text
    run = strict(answer)["data"]["run"]
    assert run["raw"]["run"] == {"id": "r1", "status": "completed", "metadata": run["metadata"]}


def test_a_surrogate_pair_is_one_character() -> None:
    assert strict(answer_to(with_metadata(rb'"\ud83d\ude00"')))["data"]["run"]["metadata"] == "😀"


@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"-Infinity",
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"1e99999999999999999999",
        b"-1.5e-99999999999999999999",
        b"9" * 5000,
        b"[" * 100_000,
        b"01",
        b"",
    ],
)
def test_what_is_no_json_is_an_error_of_the_provider(value: bytes) -> None:
    body = strict(answer_to(with_metadata(value)))

    assert body["data"] == {"run": None}
    assert [(e["path"], e["extensions"]["code"], e["extensions"]["provider"]) for e in body["errors"]] == [
        (["run"], "BAD_RESPONSE", "one")
    ]


@pytest.mark.parametrize("depth", [100, 250, 260, 400])
def test_a_deep_document_is_written_as_deep_as_it_was_read(depth: int) -> None:
    deep = b"[" * depth + b"1.50,18446744073709551616" + b"]" * depth

    assert answer_to(with_metadata(deep)).content.count(deep) == 2


def usage_of(**counts: object) -> Mapping[str, Any]:
    document = json.dumps({"id": "r1", "status": "completed", **counts}).encode()
    query = '{ run(id: "one:r1") { usage { inputTokens outputTokens totalTokens cost { amount } } } }'
    return strict(answer_to(document, query))["data"]["run"]["usage"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, 0), (LARGEST_SAFE, LARGEST_SAFE), (LARGEST_SAFE + 1, str(LARGEST_SAFE + 1)), (2**63 - 1, str(2**63 - 1))],
)
def test_a_count_that_javascript_would_round_is_a_string(count: int, shown: object) -> None:
    usage = usage_of(total_input_tokens=count)

    assert usage["inputTokens"] == shown
    assert type(usage["inputTokens"]) is type(shown)


def test_a_count_beyond_64_bits_is_unknown() -> None:
    assert usage_of(total_input_tokens=2**63, total_output_tokens=1)["inputTokens"] is None


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("0.1000", "0.1000"),
        ("1E-7", "0.0000001"),
        ("12345678901234567890.12", "12345678901234567890.12"),
        ("2E+3", "2000"),
    ],
)
def test_money_keeps_its_digits(cost: str, shown: str) -> None:
    document = f'{{"id": "r1", "status": "completed", "total_token_cost_usd": {cost}}}'.encode()

    answer = answer_to(document, '{ run(id: "one:r1") { usage { cost { amount currency } } raw } }')

    assert strict(answer)["data"]["run"]["usage"] == {"cost": {"amount": shown, "currency": "USD"}}
    assert f'"total_token_cost_usd":{cost}' in answer.text


def test_times_are_in_utc_with_the_precision_that_is_known() -> None:
    document = {
        "id": "r1",
        "status": "completed",
        "created_at": "2026-03-02T10:14:05.120+01:00",
        "completed_at": "2026-03-02T09:14:06",
    }

    answer = answer_to(json.dumps(document).encode(), '{ run(id: "one:r1") { createdAt endedAt durationMs } }')

    assert strict(answer)["data"]["run"] == {
        "createdAt": "2026-03-02T09:14:05.120Z",
        "endedAt": "2026-03-02T09:14:06Z",
        "durationMs": Decimal("880.0"),
    }


def test_an_error_message_of_a_provider_can_not_break_the_answer() -> None:
    def provider(_: httpx.Request) -> httpx.Response:
        return httpx.Response(500, json={"error": {"code": "X", "message": 'a\n"b"\u2028\u0000 t0ken'}})

    body = strict(post(gateway(answer=httpx.MockTransport(provider)), QUERY))

    assert body["data"] == {"run": None}
    assert "t0ken" not in body["errors"][0]["message"]

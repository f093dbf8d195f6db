"""What clients are told of errors, written the way tests compare it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .asking import Gateway

REQUEST_ID = "test-request-0001"
UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Told:
    """What a client is told. `status` is the provider's, where the error is about a reply."""

    code: str
    status: int | None = None
    retryable: bool = False
    retry_after_ms: int | None = None

    def extensions(self, provider: str) -> dict[str, Any]:
        known = {"upstreamStatus": self.status, "retryAfterMs": self.retry_after_ms}
        return {
            "code": self.code,
            "provider": provider,
            "retryable": self.retryable,
            "requestId": REQUEST_ID,
            **{key: value for key, value in known.items() if value is not None},
        }


def ask(gateway: Gateway, query: str, **variables: Any) -> dict[str, Any]:
    """The answer, which is a GraphQL answer whatever happened, under the request's own id."""
    response = gateway.ask(query, variables, {"x-request-id": REQUEST_ID})
    assert (response.status_code, response.headers["x-request-id"]) == (200, REQUEST_ID)
    return response.json()


def told(error: Mapping[str, Any]) -> dict[str, Any]:
    """The extensions without the provider's own code and request id, which not every provider gives."""
    own = {"upstreamCode", "upstreamRequestId"}
    return {key: value for key, value in error["extensions"].items() if key not in own}

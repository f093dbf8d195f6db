"""What can go wrong when a provider is asked: one exception family, one code each.

    AdapterError
    ├── InvalidInput        INVALID_INPUT       the provider, or the adapter, refuses what was asked
    ├── Unauthenticated     UNAUTHENTICATED     the provider does not accept our credential
    ├── PermissionDenied    PERMISSION_DENIED   the credential may not see this
    ├── NotFound            NOT_FOUND           there is no such run
    ├── Conflict            CONFLICT
    ├── RateLimited         RATE_LIMITED        too many calls; see retry_after_ms
    ├── QuotaExceeded       QUOTA_EXCEEDED      the account's allowance, or the request's own, is used up
    ├── TimedOut            TIMEOUT             no answer in time
    ├── Cancelled           CANCELLED           the provider gave up because the caller did
    ├── PolicyBlocked       POLICY_BLOCKED
    ├── UpstreamFault       UPSTREAM_ERROR      the provider says that something on its side failed
    ├── UpstreamInternal    INTERNAL            the provider answered with a server error
    ├── Unavailable         UNAVAILABLE         no connection, or the provider is down
    ├── BadResponse         BAD_RESPONSE        the answer is not what the provider documents
    ├── Unsupported         UNSUPPORTED         the provider has no such thing
    └── UnknownError        UNKNOWN             the provider reports an error that says nothing

These are errors of *our call*. What went wrong inside a run is data: `model.RunError`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, TypedDict, Unpack

from .text import clean


class ErrorCode(Enum):
    """Unified error codes, shared by `RunError.code` and the `code` extension of GraphQL errors."""

    INVALID_INPUT = "INVALID_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    POLICY_BLOCKED = "POLICY_BLOCKED"
    UPSTREAM_ERROR = "UPSTREAM_ERROR"
    UNAVAILABLE = "UNAVAILABLE"
    BAD_RESPONSE = "BAD_RESPONSE"
    UNSUPPORTED = "UNSUPPORTED"
    INTERNAL = "INTERNAL"
    UNKNOWN = "UNKNOWN"


class _Details(TypedDict, total=False):
    retry_after_ms: int | None
    raw_code: str | None
    upstream_request_id: str | None
    unsent: bool


class AdapterError(Exception):
    """A call to a provider that did not give what was asked. `str()` is one sentence fit for a client."""

    code: ClassVar[ErrorCode]
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str]

    def __init__(
        self,
        message: str | None = None,
        *,
        provider: str,
        upstream_status: int | None = None,
        retry_after_ms: int | None = None,
        raw_code: str | None = None,
        upstream_request_id: str | None = None,
        unsent: bool = False,
    ) -> None:
        super().__init__(f"{provider}: {clean(message) or self.default_message}")
        self.provider = provider
        self.upstream_status = upstream_status
        self.retry_after_ms = retry_after_ms
        self.raw_code = clean(raw_code)
        self.upstream_request_id = clean(upstream_request_id)
        self.unsent = unsent
        """Whether the gateway did not make the call, so that this says nothing new about the provider."""


class InvalidInput(AdapterError):
    code = ErrorCode.INVALID_INPUT
    default_message = "the provider does not accept this request"


class Unauthenticated(AdapterError):
    code = ErrorCode.UNAUTHENTICATED
    default_message = "the provider does not accept the gateway's credential"


class PermissionDenied(AdapterError):
    code = ErrorCode.PERMISSION_DENIED
    default_message = "the gateway's credential has no permission for this"


class NotFound(AdapterError):
    code = ErrorCode.NOT_FOUND
    default_message = "there is no such run"


class Conflict(AdapterError):
    code = ErrorCode.CONFLICT
    default_message = "the run's state does not allow this"


class RateLimited(AdapterError):
    code = ErrorCode.RATE_LIMITED
    retryable = True
    default_message = "the provider asks for fewer requests"


class QuotaExceeded(AdapterError):
    code = ErrorCode.QUOTA_EXCEEDED
    default_message = "the account's allowance at the provider is used up"


class TimedOut(AdapterError):
    code = ErrorCode.TIMEOUT
    retryable = True
    default_message = "no answer in time"


class Cancelled(AdapterError):
    code = ErrorCode.CANCELLED
    default_message = "the provider saw the request as cancelled"


class PolicyBlocked(AdapterError):
    code = ErrorCode.POLICY_BLOCKED
    default_message = "a policy of the provider does not allow this"


class UpstreamFault(AdapterError):
    code = ErrorCode.UPSTREAM_ERROR
    default_message = "the provider reports an error"


class UpstreamInternal(AdapterError):
    code = ErrorCode.INTERNAL
    retryable = True
    default_message = "the provider failed with a server error"


class Unavailable(AdapterError):
    code = ErrorCode.UNAVAILABLE
    retryable = True
    default_message = "the provider can't be reached"


class BadResponse(AdapterError):
    code = ErrorCode.BAD_RESPONSE
    default_message = "the provider's answer is not what it documents"

    def __init__(
        self, message: str | None = None, *, provider: str, upstream_status: int | None = 200, **more: Unpack[_Details]
    ) -> None:
        # Whoever reads an answer far enough to see that it is wrong has one that says it is a success.
        super().__init__(message, provider=provider, upstream_status=upstream_status, **more)


class Unsupported(AdapterError):
    code = ErrorCode.UNSUPPORTED
    default_message = "the provider has no such thing"


class UnknownError(AdapterError):
    code = ErrorCode.UNKNOWN
    default_message = "the provider reports an error it does not explain"


BY_CODE: dict[ErrorCode, type[AdapterError]] = {kind.code: kind for kind in AdapterError.__subclasses__()}

_BY_STATUS: dict[int, type[AdapterError]] = {
    400: InvalidInput,
    401: Unauthenticated,
    402: QuotaExceeded,
    403: PermissionDenied,
    404: NotFound,
    405: Unsupported,
    406: Unsupported,
    408: TimedOut,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    413: InvalidInput,
    414: InvalidInput,
    415: Unsupported,
    422: InvalidInput,
    429: RateLimited,
    451: PolicyBlocked,
    499: Cancelled,
    501: Unsupported,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
    529: Unavailable,
}


def for_status(status: int) -> type[AdapterError]:
    """The error class of an HTTP status that is not a success. A redirect is an answer nobody documented."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return UpstreamInternal
    return InvalidInput if status >= 400 else BadResponse


@dataclass(frozen=True, slots=True)
class ErrorReading:
    """What an adapter could read from an error reply. `code` only where the provider is clearer than the status."""

    message: str | None = None
    raw_code: str | None = None
    request_id: str | None = None
    code: ErrorCode | None = None

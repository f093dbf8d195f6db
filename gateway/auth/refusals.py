"""Why a request goes no further, as a client sees it."""

from adapters.errors import ErrorCode


class Refused(Exception):
    """A request that is not let through. `str()` is one sentence for the client, and never quotes what it sent.

    `status` is HTTP's, `challenge` the value of WWW-Authenticate (RFC 6750), `retry_after` in seconds.
    """

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        message: str,
        *,
        challenge: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.challenge = challenge
        self.retry_after = retry_after


def unidentified() -> Refused:
    """Nobody said who they are."""
    message = "say who you are: send the header Authorization: Bearer <key>"
    return Refused(401, ErrorCode.UNAUTHENTICATED, message, challenge="Bearer")


def unknown(reason: str) -> Refused:
    """What was said is not accepted."""
    return Refused(401, ErrorCode.UNAUTHENTICATED, reason, challenge='Bearer error="invalid_token"')


def lacks_scope(message: str) -> Refused:
    """The caller is known, and may not do this."""
    return Refused(403, ErrorCode.PERMISSION_DENIED, message, challenge='Bearer error="insufficient_scope"')


def malformed(message: str) -> Refused:
    """A header that can't be meant."""
    return Refused(400, ErrorCode.INVALID_INPUT, message)

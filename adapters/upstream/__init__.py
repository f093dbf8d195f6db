"""Calls to a provider over HTTP: the only package that knows an HTTP client.

A Rust connection pool (wreq) carries them: httpx's own loses throughput as concurrency grows. Any
`httpx.AsyncBaseTransport` can take its place, and httpx's headers and exceptions are understood all the same.
"""

from .carriers import TRANSPORT_ERRORS, Transport, reason
from .client import UpstreamClient
from .downloads import ByteRange, Download
from .gate import Gate, Traffic
from .replies import ErrorReply, ReadError, Reply, retry_after_ms
from .timing import Timing

__all__ = [
    "TRANSPORT_ERRORS",
    "ByteRange",
    "Download",
    "ErrorReply",
    "Gate",
    "ReadError",
    "Reply",
    "Timing",
    "Traffic",
    "Transport",
    "UpstreamClient",
    "reason",
    "retry_after_ms",
]

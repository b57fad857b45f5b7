"""What can go wrong with a request to the collector, and whose fault it is.

CollectorError
├── CallerError            the sender's: a retry of the same bytes cannot help
│   ├── MalformedRequest       400  undecodable, or not OTLP
│   ├── Unauthenticated        401  no key, or one we do not know
│   ├── Forbidden              403  a key that may not write
│   ├── BodyTooLarge           413  over the limit, before or after decompression
│   └── UnsupportedMedia       415  a content type or coding we do not speak
└── RetryLater             ours or nobody's: the same bytes are welcome again
    ├── Overloaded             429  too much in flight
    └── JournalUnavailable     503  nothing can be made durable now
"""

from typing import ClassVar


class CollectorError(Exception):
    """A request that is not accepted; ``str(error)`` is fit for the sender."""

    http_status: ClassVar[int] = 500
    grpc_code: ClassVar[int] = 13  # google.rpc.Code: INTERNAL


class CallerError(CollectorError):
    """The sender must change something."""

    http_status = 400
    grpc_code = 3  # INVALID_ARGUMENT


class MalformedRequest(CallerError):
    """The body is not what it claims to be."""


class Unauthenticated(CallerError):
    """No credential, or an unknown one."""

    http_status = 401
    grpc_code = 16  # UNAUTHENTICATED


class Forbidden(CallerError):
    """A known credential without the right to write."""

    http_status = 403
    grpc_code = 7  # PERMISSION_DENIED


class BodyTooLarge(CallerError):
    """More bytes than we read; without RetryInfo clients do not repeat it."""

    http_status = 413
    grpc_code = 8  # RESOURCE_EXHAUSTED


class UnsupportedMedia(CallerError):
    """A content type or a content coding we do not speak."""

    http_status = 415


class RetryLater(CollectorError):
    """Nothing is wrong with the request; the sender keeps it and tries again."""

    http_status = 503
    grpc_code = 14  # UNAVAILABLE
    retry_after_s: ClassVar[int] = 2  # the Python exporter gives up beyond its 10 s budget


class Overloaded(RetryLater):
    """Too many requests or bytes in flight."""

    http_status = 429
    retry_after_s = 1


class JournalUnavailable(RetryLater):
    """The journal cannot make anything durable: disk full, over its size, or failing."""

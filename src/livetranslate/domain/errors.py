"""The one error tree of the platform.

    LiveTranslateError            code, retryable, HTTP status, optional field and retry delay
    ├── InvalidInput              400  the caller sent something wrong; ``field`` names it
    │   ├── Invalid               422  several fields at once, each with its reason: ``problems``
    │   ├── SequenceGap           409  audio chunks are missing; carries ``expected_seq``
    │   └── MessageTooLarge       413
    ├── NotFound                  404
    ├── Conflict                  409
    │   ├── SessionBusy                another connection feeds this session
    │   └── SessionClosed              the session takes no more audio
    ├── Unauthorized              401
    ├── Forbidden                 403
    ├── RateLimited               429  too many requests of one caller
    ├── Overloaded                503  full for now; ``retry_after_s`` says when to come again
    ├── ModelUnavailable          503  a model or engine cannot be loaded; says the remedy
    ├── UnsupportedLanguage       422  carries what there is
    ├── BackendUnavailable        503  another service or an engine did not answer
    │   └── BackendTimeout        504  it was reached, but said nothing in time
    ├── ClaimLost                 409  a worker writes for a session that another worker has taken
    └── InternalError             500

Every error states a snake_case ``code`` that clients can rely on and whether the same call may
succeed later (``retryable``). Edges translate it into their protocol; nothing below an edge knows
about HTTP responses or sockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class LiveTranslateError(Exception):
    """Base of all errors that reach a user.

    Attributes:
        code: Stable snake_case identifier.
        retryable: Whether the unchanged call may succeed later.
        status: HTTP status an HTTP edge answers with.
        message: What happened and what helps, for people.
        field: Name of the offending input field, if one is to blame.
        retry_after_s: Seconds after which a retry makes sense, if known.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    status: ClassVar[int] = 500

    def __init__(
        self, message: str, *, field: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s


class InvalidInput(LiveTranslateError):
    """The caller sent something wrong; ``field`` names it."""

    code = "invalid_input"
    status = 400


class Problem(NamedTuple):
    """A field that cannot stay as it is, by its dotted path, and why."""

    field: str
    reason: str


class Invalid(InvalidInput):
    """Settings that cannot be taken; ``problems`` has every wrong field with its reason.

    Attributes:
        fields: The wrong fields.
        reasons: Why each of them cannot stay.
    """

    code = "invalid_settings"
    status = 422
    fields: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Invalid:
        """Return the error that tells these problems."""
        listed = "; ".join(f"{one.field}: {one.reason}" for one in problems)
        error = cls(f"wrong settings: {listed}", field=problems[0].field if problems else None)
        error.fields = tuple(one.field for one in problems)
        error.reasons = tuple(one.reason for one in problems)
        return error

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every wrong field with its reason."""
        return tuple(map(Problem, self.fields, self.reasons))


class SequenceGap(InvalidInput):
    """Audio chunks are missing between the last one taken and this one."""

    code = "sequence_gap"
    status = 409
    expected_seq: int = 0
    got_seq: int = 0

    def __init__(self, *, expected_seq: int, got_seq: int) -> None:
        super().__init__(
            f"chunk {got_seq} came, but chunk {expected_seq} is next; send again from there",
            field="seq",
        )
        self.expected_seq = expected_seq
        self.got_seq = got_seq


class MessageTooLarge(InvalidInput):
    """A message or body exceeds its limit."""

    code = "message_too_large"
    status = 413


class NotFound(LiveTranslateError):
    """The named thing does not exist (any more)."""

    code = "not_found"
    status = 404


class Conflict(LiveTranslateError):
    """The call contradicts the present state."""

    code = "conflict"
    status = 409


class SessionBusy(Conflict):
    """Another connection feeds this session; ``resume_session`` takes over."""

    code = "session_busy"


class SessionClosed(Conflict):
    """The session has ended or is ending and takes no more audio."""

    code = "session_closed"


class Unauthorized(LiveTranslateError):
    """Credentials are missing or wrong."""

    code = "unauthorized"
    status = 401


class Forbidden(LiveTranslateError):
    """The credentials do not allow this."""

    code = "forbidden"
    status = 403


class RateLimited(LiveTranslateError):
    """One caller asks too often; ``retry_after_s`` says when to come again."""

    code = "rate_limited"
    retryable = True
    status = 429


class Overloaded(LiveTranslateError):
    """A limit is reached; it will pass."""

    code = "overloaded"
    retryable = True
    status = 503


class ModelUnavailable(LiveTranslateError):
    """A model or engine cannot be loaded here; the message names the remedy."""

    code = "model_unavailable"
    status = 503


class UnsupportedLanguage(LiveTranslateError):
    """A language or pair that the engine does not have; ``available`` lists what there is."""

    code = "unsupported_language"
    status = 422
    available: tuple[str, ...] = ()

    def __init__(
        self, message: str, *, available: tuple[str, ...] = (), field: str | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.available = available


class BackendUnavailable(LiveTranslateError):
    """Another service or a remote engine did not answer properly."""

    code = "backend_unavailable"
    retryable = True
    status = 503


class BackendTimeout(BackendUnavailable):
    """Another service was reached, but said nothing in time."""

    code = "backend_timeout"
    status = 504


class ClaimLost(LiveTranslateError):
    """A worker wrote for a session whose claim is no longer its own."""

    code = "claim_lost"
    status = 409


class InternalError(LiveTranslateError):
    """A fault of ours; the log has the details under the request or session id."""

    code = "internal_error"


def error_types() -> dict[str, type[LiveTranslateError]]:
    """Return every concrete error type by its code."""
    found: dict[str, type[LiveTranslateError]] = {}
    pending: list[type[LiveTranslateError]] = [LiveTranslateError]
    while pending:
        kind = pending.pop()
        found[kind.code] = kind
        pending.extend(kind.__subclasses__())
    return found

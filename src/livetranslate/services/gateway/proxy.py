"""Passes HTTP requests on to an instance and streams the answer back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import msgspec
import structlog
from starlette.types import Message, Receive, Scope, Send

from livetranslate.domain.errors import BackendTimeout, BackendUnavailable
from livetranslate.services.gateway.body import ClientGone, RequestBody
from livetranslate.services.gateway.budget import RetryBudget
from livetranslate.services.gateway.connection import Connection, Header
from livetranslate.services.gateway.fleet import Admission, Fleet
from livetranslate.services.gateway.headers import passed_back, passed_on, request_head
from livetranslate.services.gateway.retry import RETRIED_STATUSES, RetryPolicy, Sent

RETRY_AFTER_S = 2.0
"""When to ask again for a service that does not answer."""
PROBLEM = b"application/problem+json"

_log = structlog.get_logger(__name__)


class ProxyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are passed on.

    Attributes:
        retry: Which ones are sent again.
        timeout_s: Time in which an answer must begin, all tries together; from the moment the
            request is wholly sent.
    """

    retry: RetryPolicy = RetryPolicy()
    timeout_s: float = 30.0


class HttpProxy:
    """Passes requests on.

    An instance is at fault when it cannot be reached, breaks off, is silent, or answers 500, 502,
    504, or 503 without saying why. A 503 that is a problem document or has ``Retry-After`` is the
    service's own word about this one request.

    Args:
        fleet: Instances.
        options: How.
        chance: Gives numbers evenly distributed between 0 and 1.
    """

    def __init__(
        self,
        fleet: Fleet,
        options: ProxyOptions | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._fleet = fleet
        self._options = options or ProxyOptions()
        self._chance = chance
        self._budget = RetryBudget()

    def configure(self, options: ProxyOptions) -> None:
        """Pass requests that come from now on by other options."""
        self._options = options

    async def __call__(
        self, service: str, target: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a request.

        Args:
            service: Which service.
            target: Path and query at the instance, as they are written.
            scope: The request's.
            receive: The request's.
            send: The request's.

        Raises:
            BackendUnavailable: No instance gave an answer, and nothing was sent to the caller.
        """
        body = RequestBody(scope, receive)
        call = _Call(scope["method"], target, passed_on(scope), body)
        self._budget.earn()
        try:
            admission, connection = await self._answered(service, call)
        except ClientGone:
            return
        try:
            await _stream_back(admission, connection, call, send)
        finally:
            body.stop()
            admission.backend.pool.release(connection)
            admission.abandoned()

    async def _answered(self, service: str, call: _Call) -> tuple[Admission, Connection]:
        """Return a connection on which an answer to be passed back has begun."""
        tried: list[str] = []
        until = self._fleet.clock() + self._options.timeout_s
        while True:
            admission = self._fleet.choose(service, rather_not=tried)
            tried.append(admission.backend.instance.instance_id)
            retries = len(tried) - 1
            try:
                connection = await call.send_to(admission)
            except BackendUnavailable as error:
                reason, late = error.message, isinstance(error, BackendTimeout)
                _log.info("backend_call_failed", service=service, retries=retries, reason=reason)
                if not self._again(call, retries, until):
                    raise _unanswered(service, reason, late=late) from error
            else:
                again = connection.status in RETRIED_STATUSES and call.sent is not Sent.BODY
                if not (again and self._again(call, retries, until)):
                    return admission, connection
                call.give_back(admission, connection)
            call.sent = Sent.NOTHING
            await asyncio.sleep(self._options.retry.pause_s(retries, self._chance()))

    def _again(self, call: _Call, retries: int, until: float) -> bool:
        return (
            self._options.retry.again(call.method, call.sent, retries)
            and self._fleet.clock() < until
            and self._budget.spend()
        )


class _Call:
    """One request on its way to whichever instance takes it.

    Attributes:
        method: Its method.
        sent: How far the present try got.
    """

    def __init__(
        self, method: str, target: bytes, headers: list[Header], body: RequestBody
    ) -> None:
        self.method = method
        self.body = body
        self.sent = Sent.NOTHING
        self._target = target
        self._headers = headers

    async def send_to(self, admission: Admission) -> Connection:
        """Return the connection once the answer's head has come; judges the instance.

        Raises:
            BackendUnavailable: There is no answer.
            ClientGone: The caller left.
        """
        pool = admission.backend.pool
        connection: Connection | None = None
        try:
            connection = await pool.acquire()
            self.sent = Sent.HEAD
            head = request_head(self.method, pool.prefix + self._target, pool.host, self._headers)
            await self._write(connection, head)
            await connection.head()
        except BackendUnavailable as error:
            if self.body.gone:
                admission.abandoned()
                self.give_back(admission, connection)
                raise ClientGone from error
            admission.failed()
            self.give_back(admission, connection)
            raise
        except BaseException:
            admission.abandoned()
            self.give_back(admission, connection)
            raise
        if _at_fault(connection):
            admission.failed()
        elif admission.probe:
            # The body may be a stream without end, and the others wait for this verdict.
            admission.succeeded()
        return connection

    async def _write(self, connection: Connection, head: bytes) -> None:
        method = self.method.encode("latin-1")
        if self.body.present:
            self.sent = Sent.BODY
            await self.body.write_to(connection, method, head)
        else:
            connection.start(method, head)
            connection.body_sent()
            self.body.watch(connection)

    def give_back(self, admission: Admission, connection: Connection | None) -> None:
        """End a try."""
        self.body.stop()
        if connection is not None:
            admission.backend.pool.release(connection)


async def _stream_back(
    admission: Admission, connection: Connection, call: _Call, send: Send
) -> None:
    """Pass the answer back; an answer that breaks off breaks off here too."""
    await send(
        {
            "type": "http.response.start",
            "status": connection.status,
            "headers": passed_back(connection.headers),
        }
    )
    try:
        while not connection.complete:
            await send(_piece(await connection.read(), more=True))
    except BackendUnavailable as error:
        if not call.body.gone:
            # Without its end the server cuts the connection: nobody takes this for the whole.
            admission.failed()
            url = admission.backend.instance.url
            _log.warning("answer_broke_off", url=url, reason=error.message)
        return
    admission.succeeded()
    await send(_piece(connection.take(), more=False))


def _piece(data: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def _at_fault(connection: Connection) -> bool:
    if connection.status == 503:
        headers = dict(connection.headers)
        explained = headers.get(b"content-type", b"").startswith(PROBLEM)
        return not explained and b"retry-after" not in headers
    return connection.status in (500, 502, 504)


def _unanswered(service: str, reason: str, *, late: bool) -> BackendUnavailable:
    kind = BackendTimeout if late else BackendUnavailable
    return kind(f"{service} does not answer: {reason}", retry_after_s=RETRY_AFTER_S)

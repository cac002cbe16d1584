"""Recognition behind other processes: orchestration's worker that recognises nothing itself.

Where orchestration shares no log with the workers, it has a log of its own, and this forwarder
takes the place of the workers: it claims sessions, sends their audio to a whisper instance over
Socket.IO, and writes what comes back as the sessions' events. So everything in front of the log is
the same code in both cases.

The gateway's balancer chooses the instance; a session stays with it as long as it answers.
``instance_link`` is the connection to an instance, ``forwarding`` the part for one session.
"""

from __future__ import annotations

import asyncio

import structlog

from livetranslate.domain.errors import BackendUnavailable, ClaimLost, LiveTranslateError, NotFound
from livetranslate.domain.wire import convert
from livetranslate.services.forwarding import ForwardedSession
from livetranslate.services.gateway.fleet import Backend
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.instance_link import InstanceLink
from livetranslate.sessions.desk.base import Desk
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.work import WorkerReport

LOOK_S = 0.2
"""How often it is looked which instances there are, and which are connected."""
MOVE_S = 2.0
"""How long a session waits for the instance it was at before it goes to another."""
REPORT_S = 2.0
"""How often the instances' workers are asked for, for ``/status``."""
SERVICE = "whisper"

_log = structlog.get_logger(__name__)


class Forwarder:
    """Forwards every session of a log to whisper instances.

    Args:
        log: The local log.
        desk: Where the instances' workers are reported.
        gateway: Knows the instances and chooses among them.
        api_key: For instances that ask for one.
    """

    def __init__(
        self, log: SessionLog, desk: Desk, gateway: Gateway, *, api_key: str | None = None
    ) -> None:
        self._source = log
        self._desk = desk
        self._gateway = gateway
        self._api_key = api_key
        self._worker_id = f"forwarder {id(self):x}"
        self._links: dict[str, InstanceLink] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Forward until cancelled."""
        loops = [
            asyncio.create_task(self._link_for_ever()),
            asyncio.create_task(self._report_for_ever()),
            asyncio.create_task(self._claim_for_ever()),
        ]
        try:
            await asyncio.gather(*loops)
        finally:
            all_tasks = [*loops, *self._tasks, *self._keeping.values()]
            for task in all_tasks:
                task.cancel()
            await asyncio.gather(*all_tasks, return_exceptions=True)

    async def instance_for(self, before: InstanceLink | None) -> InstanceLink:
        """Return the instance of a session: the one it was at, or else another.

        Args:
            before: Where it was; None for a session that was nowhere yet.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + MOVE_S
        while True:
            if before is not None and before.healthy and before.connected.is_set():
                return before
            waiting = before is not None and before.healthy and loop.time() < until
            if not waiting and (chosen := self._choose()) is not None:
                return chosen
            await asyncio.sleep(LOOK_S)

    def _choose(self) -> InstanceLink | None:
        among = self._connected()
        if not among:
            return None
        try:
            admission = self._gateway.fleet.choose(SERVICE, among=among)
        except BackendUnavailable:
            return None
        admission.succeeded()
        return self._links[admission.backend.instance.instance_id]

    def _connected(self) -> list[str]:
        known = {key: link for key, link in self._links.items() if link.connected.is_set()}
        answering = [key for key, link in known.items() if link.healthy]
        return answering or list(known)

    async def _link_for_ever(self) -> None:
        """Keep a connection to every instance there is."""
        while True:
            backends = {one.instance.instance_id: one for one in self._backends()}
            for instance_id in self._links.keys() - backends.keys():
                del self._links[instance_id]
                self._keeping.pop(instance_id).cancel()
            for instance_id in backends.keys() - self._links.keys():
                url = backends[instance_id].instance.url
                link = InstanceLink(instance_id, url, api_key=self._api_key)
                self._links[instance_id] = link
                self._keeping[instance_id] = asyncio.create_task(link.run(), name=f"link {url}")
            await asyncio.sleep(LOOK_S)

    async def _claim_for_ever(self) -> None:
        while True:
            if not self._connected():
                await asyncio.sleep(LOOK_S)
                continue
            claim = await self._source.claim(self._worker_id, wait_s=5.0)
            if claim is not None:
                session = ForwardedSession(self.instance_for, self._source, claim)
                task = asyncio.create_task(self._serve(session), name=f"forward {claim.session_id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: ForwardedSession) -> None:
        try:
            await session.run()
        except (ClaimLost, NotFound):
            # The session was deleted, or is another forwarder's now.
            _log.info("forwarding_ended", session_id=session.session_id)

    async def _report_for_ever(self) -> None:
        """Leave the reports of the instances' workers at the local desk."""
        while True:
            await asyncio.gather(*(self._report(one) for one in self._backends()))
            await asyncio.sleep(REPORT_S if self._desk.reports() else LOOK_S)

    async def _report(self, backend: Backend) -> None:
        try:
            found = await self._gateway.get_from(backend, "/workers")
            for report in convert(found["reports"], list[WorkerReport]):
                await self._desk.report(report)
        except (LiveTranslateError, KeyError) as error:
            _log.debug("no_reports", url=backend.instance.url, reason=str(error))

    def _backends(self) -> list[Backend]:
        return self._gateway.fleet.backends(SERVICE)

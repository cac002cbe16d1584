"""Changes of the worker pool: ``POST /api/pool/workers/{worker_id}/drain``."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel

from livetranslate.domain.errors import NotFound
from livetranslate.services.core import Core
from livetranslate.sessions.work import DrainJob, JobKind


class DrainBody(BaseModel):
    """How a worker is to be drained.

    Attributes:
        replace: Whether another is started in its place first, where it runs.
    """

    replace: bool = False


def pool_router(core: Core) -> APIRouter:
    """Return the routes that change the pool."""
    router = APIRouter(prefix="/api/pool", tags=["status"])

    @router.post(
        "/workers/{worker_id:path}/drain",
        status_code=202,
        summary="Have a worker leave; its sessions go on elsewhere",
    )
    async def drain(worker_id: str, body: DrainBody | None = None) -> dict[str, Any]:
        if all(known.report.worker_id != worker_id for known in core.desk.reports()):
            raise NotFound(
                f"there is no worker {worker_id}; GET /status/workers lists those there are",
                field="worker_id",
            )
        wish = DrainJob(replace=body.replace if body else False)
        await core.desk.submit(
            JobKind.DRAIN,
            msgspec.msgpack.encode(wish),
            worker_id=worker_id,
            timeout_s=core.settings.service_timeout,
        )
        status = "to be replaced" if wish.replace else "draining"
        return {"worker_id": worker_id, "status": status, "replace": wish.replace}

    return router

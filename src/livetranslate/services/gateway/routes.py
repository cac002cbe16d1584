"""``/api/services``: health of every instance, and the announcements of instances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.gateway.instances import MAX_WEIGHT


class Announcement(BaseModel):
    """What an instance says of itself."""

    service: str = Field(description="whisper, translation or audio")
    url: str = Field(description="Base address under which orchestration reaches it")
    weight: int = Field(1, ge=1, le=MAX_WEIGHT, description="Its share of the work")


def services_router(gateway: Gateway) -> APIRouter:
    """Return the routes under ``/api/services``."""
    router = APIRouter(prefix="/api/services", tags=["services"])

    @router.get("", summary="Health, latency, uptime and breaker of each backend instance")
    async def services() -> dict[str, Any]:
        return {"services": await gateway.describe()}

    @router.post("/register", status_code=201, summary="Announce an instance, or renew it")
    async def register(body: Announcement) -> dict[str, Any]:
        registered = await gateway.register(body.service, body.url, body.weight)
        instance = registered.instance
        until = datetime.now(UTC) + timedelta(seconds=registered.expires_in_s)
        return {
            "id": instance.instance_id,
            "service": instance.service,
            "url": instance.url,
            "weight": instance.weight,
            "ttl_s": registered.expires_in_s,
            "expires_at": until.isoformat(),
        }

    # The contract's address of an announcement is not clear about `register`: both are taken.
    @router.delete("/register/{instance_id}", status_code=204, summary="Take an instance back")
    @router.delete("/{instance_id}", status_code=204, summary="Take an instance back")
    async def remove(instance_id: str) -> Response:
        await gateway.unregister(instance_id)
        return Response(status_code=204)

    return router

"""The core on which a process of the benchmark runs."""

from __future__ import annotations

from typing import Any

import psutil


async def pin(command: dict[str, Any]) -> dict[str, Any]:
    """Stay on one core, where the system can do that; tell which."""
    cores = [int(core) for core in command["cores"]]
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):
        process.cpu_affinity(cores)
        return {"cores": cores}
    return {"cores": []}

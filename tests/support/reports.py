"""A worker's report with nothing special in it."""

from __future__ import annotations

from livetranslate.sessions.work import WorkerReport


def worker_report(worker_id: str, cpu: float = 0.0) -> WorkerReport:
    return WorkerReport(
        worker_id=worker_id,
        pid=1,
        host="here",
        ready=True,
        sessions=("a",),
        buffered_s=(0.5,),
        models=(),
        memory_bytes=10**7,
        cpu_percent=cpu,
        default_engine=None,
        default_reason="none is installed",
        device="cpu",
    )

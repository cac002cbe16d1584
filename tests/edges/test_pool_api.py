"""What the platform tells of its pool and alerts, and the draining of a worker."""

from __future__ import annotations

import asyncio

import msgspec

from livetranslate.sessions.work import DrainJob, JobKind

KEY_FIGURES = (
    "total_workers",
    "ready_workers",
    "total_sessions",
    "session_queue_length",
    "memory_percent",
    "cpu_percent",
)


def gauges(exposition: str) -> dict[str, float]:
    lines = [line for line in exposition.splitlines() if line and line[0] != "#"]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def figures(platform, role: str) -> dict[str, float]:
    async with platform.http.get(platform.url(role, "/metrics")) as response:
        return gauges(await response.text())


async def test_the_key_figures_are_the_same_in_status_and_metrics(platform):
    while (status := await platform.get("/status"))["total_workers"] != 1:  # noqa: ASYNC110 - over HTTP there is no event
        await asyncio.sleep(0.05)
    assert set(KEY_FIGURES) <= set(status)
    assert 0 < status["memory_percent"] < 100
    for role in ("orchestration", "whisper"):
        told = await figures(platform, role)
        assert {f"livetranslate_{name}" for name in KEY_FIGURES} <= set(told)
        assert told["livetranslate_total_workers"] == status["total_workers"]
        assert told['livetranslate_alerts{severity="critical"}'] == 0
        assert 'livetranslate_worker_heartbeat_age_seconds{worker="scripted"}' in told


async def test_a_worker_is_told_with_its_sessions(up):
    report = msgspec.structs.replace(
        up.worker.report(),
        sessions=("s1",),
        buffered_s=(1.5,),
        lags_s=(0.25,),
        claim_ages_s=(9.0,),
        touch_ages_s=(0.5,),
        load=0.4,
        rtf=0.1,
        ready=False,
        why_not="it holds 1 sessions, which is its limit",
        max_sessions=1,
    )
    await up.core.desk.report(report)
    [worker] = (await up.get("/status/workers"))["workers"]
    assert (worker["load"], worker["rtf"], worker["lag_s"]) == (0.4, 0.1, 0.25)
    assert (worker["ready"], worker["max_sessions"]) == (False, 1)
    assert "limit" in worker["why_not"]
    [session] = worker["sessions"]
    assert (session["session_id"], session["lag_s"], session["epoch"]) == ("s1", 0.25, None)
    assert session["held_s"] >= 9.0 and 0.5 <= session["claim_age_s"] < 5
    status = await up.get("/status")
    assert (status["ready_workers"], status["worker_load"]) == (0, 0.4)


async def test_a_worker_is_drained_by_a_job_of_its_own(up):
    async def obey() -> DrainJob:
        job = await up.core.desk.take_job("scripted", wait_s=30)
        assert job is not None and job.kind is JobKind.DRAIN
        await up.core.desk.finish_job(job.job_id, b"\xc0")
        return msgspec.msgpack.decode(job.payload, type=DrainJob)

    url = up.url("orchestration", "/api/pool/workers/scripted/drain")
    for body, replace in (({"replace": True}, True), (None, False)):
        worker = asyncio.create_task(obey())
        async with up.http.post(url, json=body) as response:
            assert response.status == 202
            assert (await response.json())["replace"] is replace
        assert (await worker).replace is replace


async def test_only_a_worker_that_is_there_can_be_drained(up):
    url = up.url("orchestration", "/api/pool/workers/nobody/drain")
    async with up.http.post(url) as response:
        assert response.status == 404
        assert "nobody" in (await response.json())["detail"]


async def test_alerts_and_the_pool_are_guarded(guarded):
    for method, path in (("GET", "/api/alerts"), ("POST", "/api/pool/workers/scripted/drain")):
        async with guarded.http.request(method, guarded.url("orchestration", path)) as response:
            assert response.status == 401, path


def breakers(alerts: list[dict]) -> list[dict]:
    """Leave out what the machine of the tests may give cause for."""
    return [one for one in alerts if one["rule"] == "breaker"]


async def test_an_alert_reaches_rest_and_subscribers(up):
    assert breakers((await up.get("/api/alerts"))["alerts"]) == []
    async with up.client() as client:
        await client.send(type="subscribe", service="alerts")
        state = await client.until("service_event", service="alerts")
        assert set(state["data"]) == {"active", "raised", "cleared"}
        up.core.alerts.watch(breakers=lambda: {"whisper there": "open"})
        await up.core.alerts.look()
        raised: list[dict] = []
        while not raised:
            event = await client.until("service_event", service="alerts")
            raised = breakers(event["data"]["raised"])
    assert (raised[0]["rule"], raised[0]["subject"]) == ("breaker", "whisper there")
    [alert] = breakers((await up.get("/api/alerts?severity=warning&state=active"))["alerts"])
    assert alert["alert_id"] == raised[0]["alert_id"] and alert["cleared_at"] is None
    assert breakers((await up.get("/api/alerts?severity=critical"))["alerts"]) == []
    assert (await up.get("/status"))["alerts"] >= 1
    async with up.http.get(up.url("orchestration", "/api/alerts?cursor=x")) as response:
        assert response.status == 400
    async with up.http.get(up.url("orchestration", "/api/alerts?severity=bad")) as response:
        assert response.status in (400, 422)

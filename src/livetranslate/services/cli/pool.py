"""``livetranslate pool``: sessions and workers of an installation on Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape

from livetranslate.services.cli.output import JsonOption, stdout, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from livetranslate.services.operating import Operator, QueuedSession
    from livetranslate.sessions.desk.base import ReportAge

T = TypeVar("T")

RedisOption = Annotated[
    str | None,
    typer.Option("--redis", metavar="URL", help="The installation's Redis, instead of REDIS_URL."),
]


def register(app: typer.Typer) -> None:
    """Add the group ``pool``."""
    group = typer.Typer(
        help="The worker pool of an installation on Redis: who waits, who works, who leaves.",
        no_args_is_help=True,
    )
    group.command("queue")(queue)
    group.command("workers")(workers)
    group.command("dead")(dead)
    group.command("drain")(drain)
    group.command("clear")(clear)
    app.add_typer(group, name="pool")


def queue(redis: RedisOption = None, json: JsonOption = False) -> None:
    """Show the live sessions: those that wait for a worker first, in the order of their turn."""
    found = _operate(redis, lambda operator: operator.queue())
    if json:
        write_json(found)
        return
    if not found:
        stdout().print("No session is live.")
        return
    table = _table(
        *("place", "session", "state", "worker", "epoch", "backlog", "attempts", "age"),
        right=(0, 4, 5, 6, 7),
    )
    for one in found:
        colour = {"waiting": "yellow", "running": "green"}.get(one.state, "dim")
        table.add_row(
            "" if one.position is None else str(one.position),
            escape(one.session_id),
            f"[{colour}]{one.state}[/]",
            escape(one.worker_id or "–"),
            str(one.epoch),
            f"{one.backlog_s:.1f} s",
            str(one.attempts),
            _ago(one.age_s),
        )
    console = stdout()
    console.print(table)
    waiting = sum(one.position is not None for one in found)
    console.print(f"{waiting} waiting, {len(found) - waiting} with a worker.", highlight=False)


def workers(redis: RedisOption = None, json: JsonOption = False) -> None:
    """Show every worker of every machine, by its newest report."""
    found = _operate(redis, lambda operator: operator.workers())
    if json:
        write_json([{"age_s": round(one.age_s, 3), "report": one.report} for one in found])
        return
    if not found:
        stdout().print(
            "No worker reports. Start some, on any machine that reaches this Redis:\n"
            "  livetranslate serve worker"
        )
        return
    stdout().print(_workers_table(found))


def dead(redis: RedisOption = None, json: JsonOption = False) -> None:
    """Show the sessions that were given up, newest first, with what their clients were told."""
    found = _operate(redis, lambda operator: operator.dead())
    if json:
        write_json(found)
        return
    if not found:
        stdout().print("No session was given up.")
        return
    table = _table("when", "session", "error", "attempts", "reason", right=(3,))
    for one in found:
        when = f"{datetime.fromtimestamp(one.at, UTC):%Y-%m-%d %H:%M:%S}"
        table.add_row(when, escape(one.session_id), one.code, str(one.attempts), escape(one.reason))
    stdout().print(table)


def drain(
    worker: Annotated[str, typer.Argument(help="Id of the worker; `pool workers` lists them.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Start another one in its place.")
    ] = False,
    redis: RedisOption = None,
    json: JsonOption = False,
) -> None:
    """Have a worker leave in order: others go on with its sessions, nothing is lost.

    It takes nothing more, gives its sessions back, and exits; it is not started again, unless
    --replace says so.
    """
    sessions = _operate(redis, lambda operator: operator.drain(worker, replace=replace))
    if json:
        write_json({"worker_id": worker, "sessions": sessions, "replace": replace})
        return
    then = "Another one is started in its place." if replace else "It is not started again."
    stdout().print(
        f"{escape(worker)} leaves; other workers go on with its sessions ({sessions}). {then}",
        highlight=False,
    )


def clear(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    redis: RedisOption = None,
    json: JsonOption = False,
) -> None:
    """End every session that waits for a worker; its clients are told why.

    Sessions that a worker has are left alone. What was recognised of the ended ones before stays in
    the database.
    """
    waiting = [one for one in _operate(redis, lambda operator: operator.queue()) if one.position]
    if waiting and not yes:
        _show_waiting(waiting)
        typer.confirm("These sessions end now, as failed. Go on?", abort=True, err=True)
    cleared = _operate(redis, lambda operator: operator.clear()) if waiting else []
    if json:
        write_json({"cleared": cleared})
    elif not cleared:
        stdout().print("No session waits; nothing was cleared.")
    else:
        console = stdout()
        console.print(f"Ended {len(cleared)} waiting sessions:", highlight=False)
        for session_id in cleared:
            console.print(f"  {escape(session_id)}", highlight=False)


def _operate(redis: str | None, work: Callable[[Operator], Awaitable[T]]) -> T:
    """Return what ``work`` makes of the pool."""
    from livetranslate.services.operating import operating
    from livetranslate.services.serve import DEFAULTS
    from livetranslate.settings import load_settings

    settings = load_settings(DEFAULTS, redis_url=redis)

    async def run() -> T:
        async with operating(settings) as operator:
            return await work(operator)

    return asyncio.run(run())


def _workers_table(found: list[ReportAge]) -> Table:
    table = _table(
        *("worker", "host", "state", "sessions", "load", "behind", "memory", "engine", "heard"),
        right=(3, 4, 5, 6, 8),
    )
    for known in found:
        one = known.report
        state = "[green]ready[/]" if one.ready else f"[yellow]{escape(one.why_not or 'busy')}[/]"
        table.add_row(
            escape(one.worker_id),
            f"{escape(one.host)} ({one.pid})",
            state,
            f"{len(one.sessions)}/{one.max_sessions}",
            f"{one.load:.0%}",
            f"{one.lag_s:.1f} s",
            f"{one.memory_bytes / 1e6:,.0f} MB",
            escape(one.default_engine or "none"),
            _ago(known.age_s),
        )
    return table


def _show_waiting(waiting: list[QueuedSession]) -> None:
    from livetranslate.services.cli.output import stderr

    console = stderr()
    for one in waiting:
        console.print(
            f"  {escape(one.session_id)}  waits, {one.backlog_s:.1f} s of audio not recognised",
            highlight=False,
        )


def _table(*headings: str, right: tuple[int, ...]) -> Table:
    from rich.table import Table

    table = Table(*headings, pad_edge=False, box=None)
    for number in right:
        table.columns[number].justify = "right"
    return table


def _ago(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

"""What a load has come to."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from livetranslate.services.load.figures import Distribution, Figures
from livetranslate.services.load.options import LoadOptions
from livetranslate.services.load.server import ServerFigures

LAGGING_S = 0.05
"""From this p99 of its own lag on, the load tool's times are partly its own."""


class Times(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds; None where nothing was measured."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a load.

    Attributes:
        at: End, UTC.
        elapsed_s: Seconds it took.
        passed: Whether nothing was lost.
        lost: What was lost, a line each.
        notes: What one must know to read the figures.
        load: What was asked for, without the credential.
        processes: Processes of the load tool.
        start_ms: Accepted connection to ``session_started``.
        ack_ms: Chunk sent to its acknowledgement.
        commit_ms: End of a word sent to the word committed.
        lag_ms: How late the load tool's own loops ran.
        counts: Everything that was counted.
        server: What the installation said of itself.
    """

    at: datetime
    elapsed_s: float
    passed: bool
    lost: list[str]
    notes: list[str]
    load: LoadOptions
    processes: int
    start_ms: Times
    ack_ms: Times
    commit_ms: Times
    lag_ms: Times
    counts: dict[str, int | float | dict[str, int]]
    server: ServerFigures


def make_report(
    options: LoadOptions,
    processes: int,
    figures: Figures,
    server: ServerFigures,
    elapsed_s: float,
    *,
    stopped: bool = False,
) -> LoadReport:
    """Return the report; what is missing without a reason counts as lost.

    Args:
        options: The load.
        processes: How many shared it.
        figures: Of all processes.
        server: The installation's own.
        elapsed_s: Seconds it took.
        stopped: Whether it was ended before its time; then fewer sessions are no loss.
    """
    lost = list(figures.lost)
    begun = figures.sessions_ended + figures.sessions_failed
    if begun < options.sessions and not stopped:
        lost.append(
            f"{options.sessions - begun} of {options.sessions} sessions did not come to an end"
        )
    opened = figures.connections_opened
    if opened + figures.connections_refused < options.connections and not stopped:
        lost.append(
            f"only {opened:,} of {options.connections:,} idle connections could be opened in time"
        )
    lag = times(figures.lag)
    notes: list[str] = []
    if stopped:
        notes.append("Stopped before its time.")
    if lag.p99 is not None and lag.p99 >= 1000 * LAGGING_S:
        notes.append(
            f"The load tool's own loop was up to {lag.p99:.0f} ms late (p99): its times are partly "
            "its own; spread it over more --processes, or run it on another machine."
        )
    return LoadReport(
        at=datetime.now(UTC),
        elapsed_s=round(elapsed_s, 1),
        passed=not lost,
        lost=lost,
        notes=notes,
        load=msgspec.structs.replace(options, api_key=None),
        processes=processes,
        start_ms=times(figures.start),
        ack_ms=times(figures.ack),
        commit_ms=times(figures.commit),
        lag_ms=lag,
        counts={
            name: value
            for name in Figures.__struct_fields__
            if isinstance(value := getattr(figures, name), int | float | dict)
            and not isinstance(value, bool)
        },
        server=server,
    )


def times(distribution: Distribution) -> Times:
    """Return a distribution's percentiles."""

    def at(share: float) -> float | None:
        found = distribution.percentile(share)
        return None if found is None else round(1000 * found, 1)

    longest = round(1000 * distribution.longest_s, 1) if distribution.count else None
    return Times(distribution.count, at(0.5), at(0.95), at(0.99), longest)

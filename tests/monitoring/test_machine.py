"""The machine's figures: no zero at first, and nobody disturbs what another reads."""

from __future__ import annotations

import time

from livetranslate.monitoring.machine import Machine


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_work_shows_and_reading_changes_nothing():
    now = 0.0
    machine = Machine(clock=lambda: now)
    first = machine.cpu_percent
    assert machine.cpu_percent == first
    machine.sample()  # too soon for the CPU
    assert machine.cpu_percent == first
    burn(0.2)
    now = 1.0
    machine.sample()
    busy = machine.cpu_percent
    assert 0 < busy <= 100
    machine.sample()
    assert machine.cpu_percent == busy
    assert 0 < machine.memory_percent < 100

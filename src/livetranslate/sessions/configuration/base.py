"""The contract of the shared configuration: one value with a version, which everyone follows.

What is shared is the part of the configuration that is the same on every machine: by dotted path,
only what somebody has set. Who changes it names the version that the change is made to; of two who
change the same version at a time, one is refused.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Protocol

import msgspec

MAX_KNOWN = 64
"""Digests of earlier values that are kept."""


class SharedConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the shared configuration.

    Attributes:
        version: Grows by one with each change; 0 before the first.
        values: What is set, by dotted path; leaves are JSON values.
        known: Digests of the values that were in force, or came from a file, up to now: a file with
            one of them brings nothing new.
        changed_by: Which process made the change, and what it came from.
        changed_at: When, UTC.
    """

    version: int = 0
    values: dict[str, Any] = {}
    known: tuple[str, ...] = ()
    changed_by: str | None = None
    changed_at: datetime | None = None

    def follow(
        self,
        values: dict[str, Any],
        *,
        by: str,
        at: datetime,
        known: tuple[str, ...] = (),
    ) -> SharedConfiguration:
        """Return the version that follows, with new values.

        Args:
            values: All of them.
            by: Who changes it.
            at: When, UTC.
            known: Digests of files that are taken in with it.
        """
        digests = dict.fromkeys((*self.known, *known, digest(values)))
        return SharedConfiguration(
            version=self.version + 1,
            values=values,
            known=tuple(digests)[-MAX_KNOWN:],
            changed_by=by,
            changed_at=at,
        )


class ConfigurationSource(Protocol):
    """What a worker sees of the shared configuration."""

    async def read(self, after: int, *, wait_s: float = 0.0) -> SharedConfiguration | None:
        """Return the configuration if its version is another one than ``after``.

        Args:
            after: The version that the caller knows; -1 for none.
            wait_s: Seconds to wait for another one.

        Returns:
            The newest configuration, or None if it is still the known one.

        Raises:
            BackendUnavailable: It cannot be reached.
        """
        ...


class ConfigurationStore(ConfigurationSource, Protocol):
    """A ``ConfigurationSource`` that can be changed."""

    async def publish(self, configuration: SharedConfiguration, *, expected: int) -> None:
        """Put a new version in force everywhere.

        Args:
            configuration: The new one.
            expected: The version that it was made from.

        Raises:
            Conflict: The version in force is not the expected one any more; nothing has changed.
            BackendUnavailable: It cannot be reached.
        """
        ...


def digest(values: dict[str, Any]) -> str:
    """Return what equal values have in common and others do not."""
    return hashlib.blake2b(msgspec.json.encode(values, order="sorted"), digest_size=12).hexdigest()


def outdated(expected: int) -> str:
    """Return what whoever comes second is told."""
    return (
        f"the configuration was changed meanwhile and is not version {expected} any more; "
        "read it again, and make the change to what it is now"
    )

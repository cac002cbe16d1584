"""Google Meet's REST API: who took part in a conference, and who said what when.

Conferences, participants and the entries of transcripts, each a list in pages, under an OAuth
access token that is renewed with a refresh token (RFC 6749, section 6). A token that expires on the
way is renewed once; ``429`` and ``5xx`` are tried again after the pause that the answer names, or a
growing one. See https://developers.google.com/workspace/meet/api/reference/rest/v2.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, cast

import aiohttp
import msgspec

from livetranslate.domain.errors import (
    BackendTimeout,
    BackendUnavailable,
    Forbidden,
    InvalidInput,
    NotFound,
    Unauthorized,
)
from livetranslate.domain.speakers import SpeakerEvidence, SpeakerSource
from livetranslate.settings import Settings

SERVICE = "Google Meet"
PAGES_AT_MOST = 1_000
EARLY_S = 60.0
"""Seconds before its end at which an access token is renewed."""


class MeetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the API is reached.

    Attributes:
        client_id: Of the OAuth client.
        client_secret: Of the OAuth client.
        refresh_token: Of the account whose meetings are read.
        base_url: Of the API.
        token_url: Where access tokens are given.
        timeout_s: Seconds for one answer.
        attempts: Tries of one call.
        first_pause_s: Pause before the second; it doubles with each further one.
        longest_pause_s: Longer than this the API's own wish is not waited for.
    """

    client_id: str
    client_secret: str
    refresh_token: str
    base_url: str = "https://meet.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    timeout_s: float = 20.0
    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0


def meet_options(settings: Settings) -> MeetOptions | None:
    """Return how the settings reach the API, or None if they name no account."""
    client, secret = settings.google_meet_client_id, settings.google_meet_client_secret
    refresh = settings.google_meet_refresh_token
    if client is None or secret is None or refresh is None:
        return None
    return MeetOptions(
        client_id=client,
        client_secret=secret.get_secret_value(),
        refresh_token=refresh.get_secret_value(),
        base_url=settings.google_meet_base_url,
        token_url=settings.google_meet_token_url,
    )


class Participant(msgspec.Struct, frozen=True):
    """Somebody in a conference; ``name`` is the resource's, ``display_name`` a person's."""

    name: str
    display_name: str | None


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """What somebody said: who (a participant's resource name), what, and when in UTC."""

    participant: str
    text: str
    start_time: datetime
    end_time: datetime


class GoogleMeet:
    """A client of the API; ``close`` it in the end.

    Args:
        options: How it is reached.
        sleep: Waits so many seconds.
    """

    def __init__(
        self, options: MeetOptions, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._options = options
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._token: str | None = None
        self._token_until = 0.0

    async def conference(self, meeting_code: str) -> str:
        """Return the resource name of the newest conference of a meeting code.

        Raises:
            NotFound: There was none that this account may see.
        """
        if not meeting_code.replace("-", "").isalnum():
            raise InvalidInput("a meeting code is like abc-mnop-xyz", field="meeting_code")
        wanted = {"filter": f'space.meeting_code="{meeting_code}"', "pageSize": "1"}
        page = await self._get("v2/conferenceRecords", wanted)
        for record in page.get("conferenceRecords", ()):
            return str(record["name"])
        raise NotFound(f"{SERVICE} knows no conference {meeting_code}", field="meeting_code")

    async def participants(self, conference: str) -> list[Participant]:
        """Return who took part."""
        found = await self._list(f"v2/{conference}/participants", "participants", page_size=250)
        return [Participant(str(one["name"]), _display_name(one)) for one in found]

    async def entries(self, conference: str) -> list[Entry]:
        """Return all that was said, of all transcripts of a conference."""
        found: list[Entry] = []
        transcripts = await self._list(f"v2/{conference}/transcripts", "transcripts", page_size=100)
        for transcript in transcripts:
            path = f"v2/{transcript['name']}/entries"
            pages = await self._list(path, "transcriptEntries", page_size=100)
            try:
                found += msgspec.convert(pages, list[Entry])
            except msgspec.ValidationError as error:
                raise BackendUnavailable(f"{SERVICE} sent an odd transcript: {error}") from error
        return found

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _list(self, path: str, key: str, *, page_size: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        wanted = {"pageSize": str(page_size)}
        for _ in range(PAGES_AT_MOST):
            page = await self._get(path, wanted)
            found += page.get(key, [])
            token = page.get("nextPageToken")
            if not token:
                return found
            wanted["pageToken"] = token
        raise BackendUnavailable(f"{SERVICE} does not come to an end of its {key}")

    async def _get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        url = f"{self._options.base_url.rstrip('/')}/{path}"
        renewed = False
        pause_s = self._options.first_pause_s
        for attempt in range(1, self._options.attempts + 1):
            header = {"Authorization": f"Bearer {await self._access()}"}
            status, body, wished_s = await self._ask("GET", url, params=parameters, headers=header)
            if status == 200:
                return body
            if status == 401 and not renewed:
                renewed, self._token = True, None
                continue
            if status not in {429, 500, 502, 503, 504} or attempt == self._options.attempts:
                raise _refusal(status, body, wished_s)
            await self._sleep(min(max(pause_s, wished_s or 0.0), self._options.longest_pause_s))
            pause_s *= 2
        raise Unauthorized(f"{SERVICE} refuses a fresh access token", field="GOOGLE_MEET_CLIENT_ID")

    async def _access(self) -> str:
        """Return an access token that is good for a while."""
        if self._token is not None and time.monotonic() < self._token_until:
            return self._token
        options = self._options
        status, body, _ = await self._ask(
            "POST",
            options.token_url,
            data={
                "grant_type": "refresh_token",
                "client_id": options.client_id,
                "client_secret": options.client_secret,
                "refresh_token": options.refresh_token,
            },
        )
        token = body.get("access_token")
        if status in {400, 401, 403}:
            reason = body.get("error_description") or body.get("error") or "no reason given"
            raise Unauthorized(
                f"{SERVICE} gives no access ({reason}): renew GOOGLE_MEET_REFRESH_TOKEN",
                field="GOOGLE_MEET_REFRESH_TOKEN",
            )
        if status != 200 or not isinstance(token, str):
            raise BackendUnavailable(f"{SERVICE}'s token service answered {status}")
        self._token = token
        self._token_until = time.monotonic() + float(body.get("expires_in", 3600)) - EARLY_S
        return token

    async def _ask(
        self, method: str, url: str, **how: Any
    ) -> tuple[int, dict[str, Any], float | None]:
        """Return status, body and the pause that is asked for, in seconds."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._options.timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with self._session.request(method, url, **how) as response:
                data = await response.read()
                wished = response.headers.get("Retry-After", "")
                status = response.status
        except TimeoutError as error:
            raise BackendTimeout(f"{SERVICE} did not answer in time") from error
        except aiohttp.ClientError as error:
            raise BackendUnavailable(f"{SERVICE} cannot be reached") from error
        try:
            body = msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.DecodeError:
            body = {}
        return status, body, float(wished) if wished.isdigit() else None


async def meeting_evidence(
    meet: GoogleMeet, conference: str, to_session_s: Callable[[datetime], float]
) -> list[SpeakerEvidence]:
    """Return what a conference's transcripts say about who spoke when.

    Args:
        meet: The API.
        conference: Resource name, ``conferenceRecords/…``.
        to_session_s: Turns the meeting's time into seconds from the session's first sample.
    """
    names = {one.name: one.display_name for one in await meet.participants(conference)}
    found: list[SpeakerEvidence] = []
    for entry in await meet.entries(conference):
        name = names.get(entry.participant)
        start, end = to_session_s(entry.start_time), to_session_s(entry.end_time)
        if name is None or end <= max(start, 0.0):
            continue
        found.append(
            SpeakerEvidence(
                source=SpeakerSource.MEETING_API,
                speaker_name=name,
                external_id=entry.participant,
                start=max(0.0, start),
                end=end,
                details={"conference": conference},
            )
        )
    return found


def _display_name(participant: dict[str, Any]) -> str | None:
    for kind in ("signedinUser", "anonymousUser", "phoneUser"):
        name = participant.get(kind, {}).get("displayName")
        if name:
            return str(name)
    return None


def _refusal(status: int, body: dict[str, Any], wished_s: float | None) -> Exception:
    told = f"{SERVICE} answered {status}"
    if isinstance(error := body.get("error"), dict):
        told += f": {cast('dict[str, Any]', error).get('message', 'no reason given')}"
    match status:
        case 401:
            return Unauthorized(told, field="GOOGLE_MEET_REFRESH_TOKEN")
        case 403:
            return Forbidden(f"{told}; the account needs meetings.space.readonly")
        case 404:
            return NotFound(told)
        case _:
            return BackendUnavailable(told, retry_after_s=wished_s)

"""Which addresses bots open."""

from __future__ import annotations

import pytest

from livetranslate.meetings.address import check_meeting_url, loopback_origin
from livetranslate.meetings.errors import MeetingRefused

MEET = "https://meet.google.com/abc-defg-hij"
REHEARSAL = "http://127.0.0.1:4000"


async def check(url: str, *found: str, rehearsal: str | None = None):
    asked: list[str] = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        if not found:
            raise OSError("no such host")
        return list(found)

    address = await check_meeting_url(
        url, hosts=("meet.google.com",), rehearsal_origin=rehearsal, resolve=resolve
    )
    return address, asked


async def test_an_allowed_host_is_resolved_once_and_pinned():
    address, asked = await check(MEET, "142.250.1.1", "142.250.1.2")
    assert (address.host, address.pinned) == ("meet.google.com", "142.250.1.1")
    assert asked == ["meet.google.com"]


@pytest.mark.parametrize(
    "found",
    [
        ["10.0.0.1"],
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fd00::1"],
        ["142.250.1.1", "192.168.1.1"],
        ["::ffff:10.0.0.1"],
        [],
    ],
)
async def test_private_networks_and_unknown_hosts_are_refused(found: list[str]):
    with pytest.raises(MeetingRefused):
        await check(MEET, *found)


@pytest.mark.parametrize(
    "url",
    [
        "http://meet.google.com/abc",
        "https://meet.google.com.evil.test/abc",
        "https://evil.test/meet.google.com",
        "https://meet.google.com@evil.test/",
        "https://user@meet.google.com/abc",
        "https://meet.google.com:8443/abc",
        "https://meet.google.com:port/abc",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://meet.google.com/a b",
        "https://[::1",
        "",
        "https://meet.google.com/" + "a" * 500,
        "http://127.0.0.1:4001/abc",
        "http://127.0.0.1/abc",
        "http://localhost:4000/abc",
    ],
)
async def test_everything_else_is_refused(url: str):
    with pytest.raises(MeetingRefused) as refused:
        await check(url, "142.250.1.1", rehearsal=REHEARSAL)
    assert refused.value.field == "meeting_url"


async def test_the_rehearsals_own_origin_is_the_exception():
    address, asked = await check(f"{REHEARSAL}/abc", rehearsal=REHEARSAL)
    assert (address.pinned, asked) == (None, [])
    with pytest.raises(MeetingRefused):
        await check(f"{REHEARSAL}/abc")


def test_a_rehearsal_is_on_this_machine():
    assert loopback_origin("http://127.0.0.1:4000/") == REHEARSAL
    for wrong in ("http://10.0.0.1:80", "https://127.0.0.1:1", "http://localhost:1", "nonsense"):
        with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
            loopback_origin(wrong)

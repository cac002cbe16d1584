"""Bots in a real Chromium: who gets in, how it ends, and that nothing is left running."""

from __future__ import annotations

from livetranslate.meetings.states import BotState, EndCause
from support.rehearsals import Meeting, browsers


async def test_the_lobby_is_waited_in_and_a_refusal_is_noticed(meeting: Meeting):
    bot, _ = await meeting.send()
    guest = await meeting.knock()
    assert guest.person.name == "Captions"
    await meeting.until(bot, lambda status: status.state is BotState.AWAITING_ADMISSION)
    meeting.room.refuse(guest)
    ended = await meeting.ended(bot)
    assert (ended.state, ended.cause) == (BotState.FAILED, EndCause.REFUSED)
    assert browsers() == []


async def test_a_killed_browser_comes_back_and_only_bots_left_is_alone(meeting: Meeting):
    person = meeting.room.join("Ana")
    bot, _ = await meeting.send()
    meeting.room.admit(await meeting.knock())
    await meeting.until(bot, lambda status: status.state is BotState.ACTIVE)
    main = next(one for one in browsers() if "--type=" not in " ".join(one.cmdline()))
    main.kill()
    meeting.room.admit(await meeting.knock())
    back = await meeting.until(
        bot, lambda status: status.restarts == 1 and status.state is BotState.ACTIVE
    )
    assert {one.name for one in back.participants} == {"Hanna Host", "Ana", "Captions"}
    meeting.room.go(person.id)
    meeting.room.go("host")
    ended = await meeting.ended(bot)
    assert (ended.state, ended.cause) == (BotState.COMPLETED, EndCause.ALONE)

"""Bots in a real Chromium: who gets in, how it ends, and that nothing is left running."""

from __future__ import annotations

from livetranslate.meetings.states import BotState, EndCause
from livetranslate.meetings.webcam.options import WebcamOptions
from livetranslate.meetings.webcam.packets import TranscriptionPacket
from livetranslate.meetings.webcam.webcam import Webcam
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


async def test_the_others_receive_the_bots_picture_and_it_never_stands_still(staged: Meeting):
    bot, _ = await staged.send(camera=True)
    guest = await staged.knock()
    staged.room.admit(guest)
    await staged.until(bot, lambda status: status.state is BotState.ACTIVE)
    webcam = Webcam(WebcamOptions(), [staged.bots.camera(bot)])
    packet = TranscriptionPacket(
        translated_text="Good morning everyone",
        source_language="en",
        target_language="en",
        speaker_id="a",
        speaker_name="Ana",
        translation_confidence=None,
        is_original_transcription=True,
        timestamp=1.0,
    )
    empty = await staged.received(guest)
    webcam.frame(0, 0.0)
    webcam.show(packet)
    webcam.frame(1, 0.1)
    shown = await staged.received(guest, lambda received: received["bright"] > 0.001)
    assert empty["bright"] == 0
    later = await staged.received(guest, lambda received: received["frames"] > shown["frames"])
    assert abs(later["bright"] - shown["bright"]) < 0.002
    await staged.bots.stop(bot)
    webcam.close()

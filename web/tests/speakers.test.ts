import { describe, expect, it } from "vitest";
import css from "../src/styles/tokens.css?raw";
import { EMPTY, fold, rename } from "../src/session/transcript";
import type { SpeakerUpdate, TranscriptionResult } from "../src/wire";
import { Stretch } from "./support/stretch";

const AT = { session_id: "s", timestamp: "2024-01-01T00:00:00Z" } as const;

function said(event_id: number, segment_id: string, speaker_id: string): TranscriptionResult {
  return {
    ...AT,
    type: "transcription_result",
    event_id,
    segment_id,
    speaker_id,
    text: "hello",
    language: "en",
    confidence: null,
    start: event_id,
    end: event_id + 1,
    is_final: true,
    words: [],
  };
}

describe("speakers", () => {
  const spoken = [said(1, "1", "SPEAKER_00"), said(2, "2", "SPEAKER_01")].reduce(
    (transcript, event) => fold(transcript, event),
    EMPTY,
  );

  it("keep their place, and so their colour, when the past is re-labelled", () => {
    const update: SpeakerUpdate = {
      ...AT,
      type: "speaker_update",
      event_id: 3,
      speaker_id: "SPEAKER_01",
      speaker_name: "Ana",
      segment_ids: ["1", "2"],
      source: "manual",
      confidence: null,
    };
    const after = fold(spoken, update);
    expect(after.captions.map((caption) => caption.speakerName)).toEqual(["Ana", "Ana"]);
    expect(after.speakers).toEqual(["SPEAKER_00", "SPEAKER_01"]);
  });

  it("of an ended session are renamed in that session alone", () => {
    const names = (session: string) =>
      rename(spoken, session, "SPEAKER_01", "Bo").captions.map((one) => one.speakerName);
    expect(names("s")).toEqual([null, "Bo"]);
    expect(names("another")).toEqual([null, null]);
  });
});

describe("a session's audio", () => {
  it("is what the platform says is in force, and what it cannot change is named", () => {
    const stretch = new Stretch().begin();
    stretch.client.update({ preset: "noisy", diarization: true });
    stretch.platform.happen("s0", {
      type: "session_updated",
      config: { preset: "noisy" },
      audio: { preset: "noisy", parameters: {} },
      needs_new_session: ["diarization"],
    });
    stretch.settle();
    expect(stretch.client.status).toMatchObject({
      audio: { preset: "noisy" },
      needsNewSession: ["diarization"],
    });
  });
});

/** Relative luminance as WCAG 2.2 defines it. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe("speakers' colours", () => {
  it.each(css.split('[data-theme="dark"]').map((theme, at) => [at === 0 ? "light" : "dark", theme]))(
    "stand out from the paper of the %s theme",
    (_, theme) => {
      const paper = luminance(/--paper: (#\w{6})/.exec(theme ?? "")?.[1] ?? "");
      const colours = [...(theme ?? "").matchAll(/--speaker-\d: (#\w{6})/g)];
      expect(colours).toHaveLength(8);
      for (const [, colour = ""] of colours) {
        const [dark = 0, light = 0] = [paper, luminance(colour)].toSorted((a, b) => a - b);
        expect((light + 0.05) / (dark + 0.05)).toBeGreaterThanOrEqual(4.5);
      }
    },
  );
});

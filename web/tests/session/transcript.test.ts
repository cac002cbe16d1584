import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asText } from "../../src/session/export";
import { EMPTY, fold, type Transcript } from "../../src/session/transcript";
import type { SessionEvent, TranscriptionResult, TranslationResult } from "../../src/wire";

const base = { session_id: "s", timestamp: "2024-01-01T00:00:00Z" };

function said(
  event_id: number,
  segment_id: string,
  text: string,
  more: Partial<TranscriptionResult> = {},
): TranscriptionResult {
  const words = text.split(" ").map((word, index) => ({
    word,
    start: index,
    end: index + 1,
    committed: index === 0,
  }));
  return {
    ...base,
    type: "transcription_result",
    event_id,
    segment_id,
    text,
    words,
    language: "en",
    confidence: 0.9,
    start: Number(segment_id) * 10,
    end: Number(segment_id) * 10 + 5,
    is_final: false,
    ...more,
  };
}

function translated(
  event_id: number,
  segment_id: string,
  text: string,
  more: Partial<TranslationResult> = {},
): TranslationResult {
  return {
    ...base,
    type: "translation_result",
    event_id,
    segment_id,
    translated_text: text,
    source_language: "en",
    target_language: "es",
    confidence: null,
    is_final: false,
    engine: "apertium",
    ...more,
  };
}

function all(events: readonly SessionEvent[], from: Transcript = EMPTY): Transcript {
  return events.reduce((transcript, event) => fold(transcript, event), from);
}

describe("folding events", () => {
  it("shows committed words apart from the unstable tail, and commits all at the end", () => {
    const preview = all([said(1, "1", "good morning everyone")]);
    expect(preview.captions[0]?.words.map((word) => word.committed)).toEqual([true, false, false]);
    const final = all([said(2, "1", "good morning", { is_final: true })], preview);
    expect(final.captions).toHaveLength(1);
    expect(final.captions[0]?.words.every((word) => word.committed)).toBe(true);
  });

  it("keeps translations per language, whichever comes first", () => {
    const transcript = all([
      translated(1, "1", "buenos días"),
      said(2, "1", "good morning"),
      translated(3, "1", "guten Morgen", { target_language: "de", is_final: true }),
    ]);
    const [caption] = transcript.captions;
    expect(caption?.text).toBe("good morning");
    expect(caption?.start).toBe(10);
    expect(caption?.translations["es"]?.text).toBe("buenos días");
    expect(caption?.translations["de"]).toMatchObject({ text: "guten Morgen", isFinal: true });
  });

  it("never puts a preview over what is final", () => {
    const transcript = all([
      said(5, "1", "final words", { is_final: true }),
      translated(6, "1", "palabras", { is_final: true }),
      said(3, "1", "fin"),
      translated(4, "1", "pal"),
    ]);
    expect(transcript.captions[0]?.text).toBe("final words");
    expect(transcript.captions[0]?.translations["es"]?.text).toBe("palabras");
  });

  it("says why there is no translation", () => {
    const transcript = all([said(1, "1", "hi"), translated(2, "1", "", { error: "no en → tlh" })]);
    expect(transcript.captions[0]?.translations["es"]?.error).toBe("no en → tlh");
  });

  it("re-labels past segments, of their session only", () => {
    const transcript = all([
      said(1, "1", "one"),
      said(2, "2", "two"),
      { ...said(1, "1", "other"), session_id: "t" },
      {
        ...base,
        type: "speaker_update",
        event_id: 3,
        speaker_id: "A",
        speaker_name: "Ana",
        segment_ids: ["1"],
        source: "manual",
        confidence: null,
      },
      said(4, "1", "one more"),
    ]);
    expect(transcript.captions.map((one) => [one.text, one.speakerName])).toEqual([
      ["one more", "Ana"],
      ["other", null],
      ["two", null],
    ]);
  });

  it("puts a session that continues another behind it on the page's timeline", () => {
    const first = all([said(1, "3", "before")]);
    const transcript = fold(first, { ...said(1, "0", "after"), session_id: "t" }, 60);
    expect(transcript.captions.map((one) => [one.text, one.start])).toEqual([
      ["before", 30],
      ["after", 60],
    ]);
  });

  it("tells whether someone speaks", () => {
    const vad = { ...base, type: "vad", event_id: 1, speech: true, level_dbfs: -20 } as const;
    expect(all([vad]).speech).toBe(true);
    const ended = { type: "session_ended", reason: "expired", statistics: {} } as const;
    expect(all([vad, { ...base, ...ended, event_id: 2 }]).speech).toBe(false);
  });
});

const events = fc
  .array(
    fc.record({
      segment: fc.integer({ min: 0, max: 4 }),
      text: fc.constantFrom("a", "a b", "a b c"),
      final: fc.boolean(),
      translation: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((rows) =>
    rows.map((row, index) =>
      row.translation
        ? translated(index + 1, String(row.segment), row.text, { is_final: row.final })
        : said(index + 1, String(row.segment), row.text, { is_final: row.final }),
    ),
  );

it("events that arrive twice, as after a resume, change nothing", () => {
  fc.assert(
    fc.property(events, fc.nat(), (sequence, cut) => {
      const once = all(sequence);
      const from = sequence.length === 0 ? 0 : cut % sequence.length;
      const again = all(sequence.slice(from), once);
      expect(again).toBe(once);
    }),
  );
});

it("captions stay in order of speech", () => {
  fc.assert(
    fc.property(events, (sequence) => {
      const starts = all(sequence).captions.map((caption) => caption.start);
      expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    }),
  );
});

it("the transcript as text has times, speakers and translations", () => {
  const transcript = all([
    said(1, "1", "good morning", { is_final: true, speaker_name: "Ana" }),
    translated(2, "1", "buenos días", { is_final: true }),
    said(3, "370", "late", { is_final: true }),
  ]);
  expect(asText(transcript.captions)).toBe(
    "[0:10] Ana: good morning\n    es: buenos días\n[1:01:40] late\n",
  );
});

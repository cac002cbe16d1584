import fc from "fast-check";
import { expect, it } from "vitest";
import type { SessionEvent } from "../../src/wire";
import { numbers, Stretch } from "../support/stretch";

/** One thing that happens on the way. */
type Step =
  | { readonly kind: "speak"; readonly count: number }
  | { readonly kind: "deliver"; readonly count: number }
  | { readonly kind: "recognise" }
  | { readonly kind: "cut" }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "expire" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("speak" as const), count: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ kind: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("recognise" as const) }),
  fc.record({ kind: fc.constant("cut" as const) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
  fc.record({ kind: fc.constant("expire" as const) }),
);

function perform(stretch: Stretch, action: Step, segment: number): void {
  const { platform } = stretch;
  const id = platform.openSession;
  switch (action.kind) {
    case "speak":
      stretch.push(action.count);
      return;
    case "deliver":
      platform.deliver(action.count);
      return;
    case "recognise":
      if (id) platform.happen(id, final(`g${segment}`));
      return;
    case "cut":
      platform.connection?.cut();
      return;
    case "wait":
      stretch.clock.advance(action.ms);
      platform.answer();
      return;
    case "expire":
      if (platform.connection?.closed && id) platform.expire(id);
  }
}

function final(segmentId: string): Omit<
  Extract<SessionEvent, { type: "transcription_result" }>,
  "session_id" | "event_id" | "timestamp"
> {
  return {
    type: "transcription_result",
    segment_id: segmentId,
    text: segmentId,
    language: "en",
    confidence: null,
    start: 0,
    end: 0,
    is_final: true,
    words: [],
  };
}

it("whatever breaks, every chunk arrives once and in order, and every final event too", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const stretch = new Stretch({ inFlightS: 1 });
      stretch.client.start();
      steps.forEach((action, index) => perform(stretch, action, index));
      stretch.client.end();
      for (let i = 0; i < 8 && stretch.client.status.phase !== "ended"; i += 1) {
        stretch.settle();
        stretch.reconnect();
      }
      expect(stretch.client.status.phase).toBe("ended");
      expect(stretch.arrived).toEqual(numbers(stretch.pushed));
      const sent = [...stretch.platform.sessions.values()]
        .flatMap((session) => session.events)
        .flatMap((event) => (event.type === "transcription_result" ? [event.text] : []));
      expect(stretch.transcript.captions.map((one) => one.text).toSorted()).toEqual(
        sent.toSorted(),
      );
    }),
    { numRuns: 400 },
  );
});

import { describe, expect, it } from "vitest";
import { numbers, Stretch } from "../support/stretch";

describe("a stretch without trouble", () => {
  it("sends every chunk, is confirmed and ends with the last event", () => {
    const stretch = new Stretch().begin();
    stretch.push(30);
    stretch.settle();
    expect(stretch.client.status).toMatchObject({ phase: "live", unconfirmedS: 0 });
    expect(stretch.client.status.config?.engine).toBe("test");
    stretch.push(5);
    stretch.client.end();
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(35));
    expect(stretch.client.status).toMatchObject({ phase: "ended", endReason: "client_ended" });
    expect(stretch.platform.connection?.closed).toBe(true);
  });

  it("keeps what is spoken before the connection stands", () => {
    const stretch = new Stretch();
    stretch.client.start();
    stretch.push(12);
    stretch.platform.answer();
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(12));
  });

  it("ends at once when the server ends the session, with its reason", () => {
    const stretch = new Stretch().begin();
    stretch.platform.happen("s0", { type: "session_ended", reason: "limit", statistics: {} });
    stretch.settle();
    expect(stretch.client.status).toMatchObject({ phase: "ended", endReason: "limit" });
  });

  it("takes no more audio once it was asked to end", () => {
    const stretch = new Stretch().begin();
    stretch.push(3);
    stretch.client.end();
    stretch.push(3);
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(3));
  });
});

describe("a lost connection", () => {
  it("is resumed with the last confirmed chunk and event, and sends the rest once", () => {
    const stretch = new Stretch().begin();
    stretch.push(10);
    stretch.settle();
    stretch.push(4);
    stretch.platform.deliver(2);
    stretch.platform.connection?.cut();
    stretch.push(6);
    expect(stretch.client.status.link.kind).toBe("waiting");
    stretch.reconnect();
    const resume = stretch.platform.received.find((one) => one.type === "resume_session");
    expect(resume).toEqual({
      type: "resume_session",
      session_id: "s0",
      last_seq: 11,
      last_event_id: 1,
    });
    expect(stretch.arrived).toEqual(numbers(20));
  });

  it("brings the events that were missed, each once", () => {
    const stretch = new Stretch().begin();
    stretch.platform.connection?.cut();
    const said = { language: "en", confidence: null, start: 0, end: 1, is_final: true };
    stretch.platform.happen("s0", {
      type: "transcription_result",
      segment_id: "1",
      text: "hello",
      words: [],
      ...said,
    });
    stretch.reconnect();
    expect(stretch.transcript.captions.map((caption) => caption.text)).toEqual(["hello"]);
  });

  it("before the session was opened leads to opening it", () => {
    const stretch = new Stretch();
    stretch.client.start();
    stretch.platform.answer();
    stretch.push(3);
    stretch.platform.connection?.cut();
    stretch.reconnect();
    expect([...stretch.platform.sessions.keys()]).toEqual(["s0"]);
    expect(stretch.arrived).toEqual(numbers(3));
  });

  it("while ending still delivers the end", () => {
    const stretch = new Stretch().begin();
    stretch.push(8);
    stretch.client.end();
    stretch.platform.deliver(3);
    stretch.platform.connection?.cut();
    stretch.reconnect();
    expect(stretch.arrived).toEqual(numbers(8));
    expect(stretch.client.status.phase).toBe("ended");
  });

  it("longer than the server waits goes on in a new session from the same place", () => {
    const stretch = new Stretch().begin();
    stretch.push(10);
    stretch.settle();
    stretch.platform.connection?.cut();
    stretch.push(5);
    stretch.platform.expire("s0");
    stretch.reconnect();
    expect([...stretch.platform.sessions.values()].map((one) => one.chunks)).toEqual([
      numbers(10),
      [10, 11, 12, 13, 14],
    ]);
    expect(stretch.client.status).toMatchObject({ phase: "live", sessionId: "s1" });
    expect(stretch.offsets.at(-1)).toBeCloseTo(1.0);
  });

  it("is noticed when heartbeats stay without an answer", () => {
    const stretch = new Stretch().begin();
    stretch.clock.advance(35_000);
    expect(stretch.client.status.link.kind).not.toBe("open");
    stretch.reconnect();
    expect(stretch.client.status.link.kind).toBe("open");
  });

  it("that breaks again at once is not retried ever faster", () => {
    const stretch = new Stretch().begin();
    const attempts = (): number => stretch.platform.connections;
    for (let i = 0; i < 600; i += 1) {
      stretch.platform.connection?.cut();
      stretch.clock.advance(100);
      stretch.platform.answer();
    }
    expect(attempts()).toBeLessThan(16);
    stretch.clock.advance(10_000);
    stretch.platform.answer();
    for (let i = 0; i < 3; i += 1) {
      stretch.settle();
      stretch.clock.advance(2_000);
    }
    stretch.platform.connection?.cut();
    const { link } = stretch.client.status;
    expect(link.kind === "waiting" && link.retryAt - stretch.clock.now()).toBe(300);
  });

  it("waits longer each time, and retries at once when asked", () => {
    const stretch = new Stretch().begin();
    stretch.platform.reachable = false;
    stretch.platform.connection?.cut();
    const waits: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { link } = stretch.client.status;
      if (link.kind !== "waiting") throw new Error(link.kind);
      waits.push(link.retryAt - stretch.clock.now());
      stretch.client.retryNow();
      stretch.platform.answer();
    }
    expect(waits).toEqual([300, 600, 1200, 2400]);
  });
});

describe("what the server says", () => {
  it("slow_down pauses the audio for as long as it says", () => {
    const stretch = new Stretch().begin();
    stretch.platform.say({
      type: "slow_down",
      session_id: "s0",
      retry_after_s: 2,
      buffered_s: 31,
    });
    stretch.settle();
    stretch.push(5);
    stretch.settle();
    expect(stretch.arrived).toEqual([]);
    expect(stretch.client.status.backlogS).toBe(31);
    stretch.clock.advance(2_000);
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(5));
  });

  it("sequence_gap sends again from the chunk it names", () => {
    const stretch = new Stretch().begin();
    stretch.platform.acknowledges = false;
    stretch.push(6);
    stretch.settle();
    const gap = { type: "error", code: "sequence_gap", message: "", expected_seq: 4 };
    stretch.platform.say(gap);
    stretch.settle();
    expect(stretch.arrived).toEqual([0, 1, 2, 3, 4, 5, 4, 5]);
  });

  it("no more than the window is on its way unconfirmed", () => {
    const stretch = new Stretch({ inFlightS: 1 }).begin();
    stretch.platform.acknowledges = false;
    stretch.push(40);
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(10));
    const ack = { type: "audio_ack", session_id: "s0", seq: 9, buffered_s: 1 };
    stretch.platform.say(ack);
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(20));
  });

  it("a refused start fails with the server's words and the field", () => {
    const stretch = new Stretch();
    stretch.client.start();
    stretch.platform.answer();
    const error = { code: "unsupported_language", message: "no tlh", field: "config.language" };
    stretch.platform.say({ type: "error", ...error });
    stretch.platform.deliver();
    expect(stretch.client.status).toMatchObject({ phase: "failed", problem: error });
  });

  it("full for now: asks again when the server says, with all audio", () => {
    const stretch = new Stretch();
    stretch.client.start();
    stretch.push(4);
    stretch.platform.answer();
    stretch.platform.say({ type: "error", code: "overloaded", message: "", retry_after_s: 3 });
    stretch.platform.connection?.upstream.splice(0);
    stretch.platform.deliver();
    expect(stretch.client.status.problem?.code).toBe("overloaded");
    stretch.clock.advance(2_900);
    expect(stretch.platform.connections).toBe(1);
    stretch.clock.advance(200);
    stretch.platform.answer();
    stretch.settle();
    expect(stretch.arrived).toEqual(numbers(4));
    expect(stretch.client.status).toMatchObject({ phase: "live", problem: null });
  });

  it("another feeder, bad credentials: no retry", () => {
    const busy = new Stretch().begin();
    busy.platform.say({ type: "error", code: "session_busy", message: "" });
    busy.settle();
    expect(busy.client.status.phase).toBe("failed");
    const refused = new Stretch().begin();
    refused.platform.connection?.cut(4401);
    expect(refused.client.status.problem?.code).toBe("closed_4401");
    refused.clock.advance(60_000);
    expect(refused.platform.connections).toBe(1);
  });

  it("an error of the session is told and ends nothing", () => {
    const stretch = new Stretch().begin();
    stretch.platform.happen("s0", { type: "error", code: "backend_unavailable", message: "x" });
    stretch.settle();
    expect(stretch.client.status).toMatchObject({
      phase: "live",
      problem: { code: "backend_unavailable" },
    });
  });

  it("changes made while away are told on return", () => {
    const stretch = new Stretch().begin();
    stretch.platform.connection?.cut();
    stretch.client.update({ target_languages: ["es"] });
    stretch.client.update({ language: "en" });
    stretch.reconnect();
    expect(stretch.platform.received.filter((one) => one.type === "update_session")).toEqual([
      {
        type: "update_session",
        session_id: "s0",
        config: { target_languages: ["es"], language: "en" },
      },
    ]);
  });
});

describe("limits", () => {
  it("gives up the oldest audio when the server stays away too long, and says how much", () => {
    const stretch = new Stretch({ keepS: 2 }).begin();
    stretch.platform.connection?.cut();
    stretch.push(25);
    expect(stretch.client.status.lostS).toBeCloseTo(0.5);
    stretch.reconnect();
    expect(stretch.arrived).toEqual(numbers(25).slice(5));
    expect([...stretch.platform.sessions.keys()]).toEqual(["s0", "s1"]);
  });

  it("can be abandoned while the server is away", () => {
    const stretch = new Stretch().begin();
    stretch.platform.connection?.cut();
    stretch.push(2);
    stretch.client.end();
    stretch.client.abandon();
    expect(stretch.client.status).toMatchObject({ phase: "ended", endReason: "abandoned" });
    stretch.clock.advance(60_000);
    expect(stretch.platform.connections).toBe(1);
  });
});

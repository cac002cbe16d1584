import { describe, expect, it } from "vitest";
import { readMissing, readSpeech, readTargets } from "../src/api/platform";
import { noticeOf } from "../src/features/captions/notice";
import { type CaptionsState, INITIAL } from "../src/features/captions/state";
import { targetsOf } from "../src/features/captions/targets";
import type { SessionStatus } from "../src/session/status";

const BODY = {
  engines: [
    {
      engine: "apertium",
      available: true,
      reason: "installed",
      pairs: [
        { source: "en", target: "es" },
        { source: "es", target: "en" },
      ],
    },
    { engine: "ctranslate2", available: true, reason: "m2m100", languages: ["en", "es", "de"] },
    { engine: "openai_compatible", available: false, reason: "no server", remedy: "set a URL" },
  ],
};

const CHOICES: CaptionsState["choices"] = {
  source: "auto",
  targets: [],
  pace: "real_time",
  preset: null,
  diarization: false,
  microphone: null,
};

function state(change: Partial<CaptionsState> = {}): CaptionsState {
  return { ...INITIAL, choices: CHOICES, ...change };
}

function session(change: Partial<SessionStatus>): SessionStatus {
  return {
    sessionId: "s",
    phase: "live",
    link: { kind: "open" },
    config: null,
    audio: null,
    needsNewSession: [],
    queuePosition: null,
    unconfirmedS: 0,
    backlogS: 0,
    lostS: 0,
    problem: null,
    endReason: null,
    statistics: null,
    ...change,
  };
}

describe("what the platform can do", () => {
  it("is read from pairs, from languages between which all works, and from any", () => {
    const targets = new Map(readTargets(BODY).map((target) => [target.code, target]));
    expect(targets.get("es")).toEqual({
      code: "es",
      sources: ["en", "de"],
      engines: ["apertium", "ctranslate2"],
    });
    expect(targets.get("de")?.engines).toEqual(["ctranslate2"]);
    const any = { engine: "llm", available: true, reason: "", any_language: true };
    expect(readTargets({ engines: [any] }).find((one) => one.code === "ja")?.sources).toBe("any");
    expect(readMissing(BODY)).toEqual([
      { engine: "openai_compatible", reason: "no server", remedy: "set a URL" },
    ]);
  });

  it("is nothing before a worker has told its engine", () => {
    expect(readSpeech({ version: "1", speech: null })).toBeNull();
  });

  it("offers what can be reached from what may be spoken", () => {
    const speech = { engine: "x", model: null, device: null, reason: "" };
    const platform = (languages: string[]) => ({
      version: null,
      speech: { ...speech, languages, detectsLanguage: false },
      targets: readTargets({ engines: BODY.engines.slice(0, 1) }),
      missing: [],
      translationProblem: null,
    });
    const english = targetsOf(state({ platform: platform(["en"]) }));
    expect(english.works).toEqual([{ code: "es", note: "apertium" }]);
    expect(english.others).toEqual([{ code: "en", note: "This is the language spoken." }]);
    const french = { ...CHOICES, source: "fr", pace: "fast" } as const;
    const none = targetsOf(state({ platform: platform(["en", "fr"]), choices: french }));
    expect(none.works).toEqual([]);
    expect(none.others.map((other) => other.note)).toEqual([
      "Only from Spanish.",
      "Only from English.",
    ]);
  });
});

describe("notices say what happened, what was kept and what helps", () => {
  it("nothing to tell while all is well", () => {
    expect(noticeOf(state())).toBeNull();
    expect(noticeOf(state({ activity: "running", session: session({}) }))).toBeNull();
    const done = session({ phase: "ended", endReason: "client_ended", link: { kind: "closed" } });
    expect(noticeOf(state({ activity: "done", session: done }))).toBeNull();
  });

  it("a lost connection", () => {
    const link = { kind: "waiting", attempt: 2, retryAt: 0 } as const;
    const away = session({ link, unconfirmedS: 12.4 });
    const notice = noticeOf(state({ activity: "running", session: away }));
    expect(notice).toMatchObject({
      title: "The connection is lost",
      action: "retry_connection",
    });
    expect(notice?.text).toContain("12 s of audio are kept");
  });

  it.each([
    ["unsupported_language", "Choose another language"],
    ["model_unavailable", "livetranslate doctor"],
    ["session_busy", "Another window"],
    ["closed_4403", "CORS_ORIGINS"],
    ["something_new", "the server's log"],
  ])("a refusal with code %s", (code, help) => {
    const problem = { code, message: "it is so" };
    const notice = noticeOf(state({ session: session({ phase: "failed", problem }) }));
    expect(notice).toMatchObject({ tone: "error", title: "It is so." });
    expect(notice?.text).toContain(help);
  });

  it.each(["failed", "limit", "deleted", "abandoned"] as const)("an end for reason %s", (reason) => {
    const ended = session({ phase: "ended", endReason: reason });
    expect(noticeOf(state({ activity: "done", session: ended }))?.title).toBeTruthy();
  });

  it("waiting in the queue, silence, audio given up", () => {
    const running = { activity: "running" } as const;
    const queued = noticeOf(state({ ...running, session: session({ queuePosition: 3 }) }));
    expect(queued?.text).toContain("Place 3");
    expect(noticeOf(state({ ...running, silent: true }))?.title).toBe("Nothing is heard");
    const lost = noticeOf(state({ ...running, session: session({ lostS: 7 }) }));
    expect(lost?.title).toContain("7 s of audio");
  });
});

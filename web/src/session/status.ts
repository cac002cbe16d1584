import type { AppliedConfig, AudioInForce, EndReason, SessionStatistics } from "../wire";
import type { LinkState } from "./link";

/** Life of a session as its feeder sees it. */
export type Phase = "starting" | "live" | "ending" | "ended" | "failed";

const NEXT: Readonly<Record<Phase, readonly Phase[]>> = {
  starting: ["live", "ending", "ended", "failed"],
  live: ["ending", "ended", "failed"],
  ending: ["ended", "failed"],
  ended: [],
  failed: [],
};

/** Returns `to` if it may follow `from`; throws otherwise. */
export function next(from: Phase, to: Phase): Phase {
  if (from !== to && !NEXT[from].includes(to)) {
    throw new Error(`a session that is ${from} cannot become ${to}`);
  }
  return to;
}

/** What went wrong, as the server says it or, with a code of its own, as the page found it. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly field?: string | null;
}

/** Everything there is to show about a session besides its text. */
export interface SessionStatus {
  readonly sessionId: string;
  readonly phase: Phase;
  readonly link: LinkState;
  /** As the session runs; null until a worker has it. */
  readonly config: AppliedConfig | null;
  /** What is done to the audio, once that has changed. */
  readonly audio: AudioInForce | null;
  /** Fields that were asked for and that only a new session can change. */
  readonly needsNewSession: readonly string[];
  /** Place in the queue for a worker, or null. */
  readonly queuePosition: number | null;
  /** Seconds of audio that the server has not confirmed; they are kept here. */
  readonly unconfirmedS: number;
  /** Seconds of confirmed audio that wait to be recognised. */
  readonly backlogS: number;
  /** Seconds of audio that had to be given up. */
  readonly lostS: number;
  readonly problem: Problem | null;
  readonly endReason: EndReason | "abandoned" | null;
  readonly statistics: SessionStatistics | null;
}

import type { PlatformInfo } from "../../api/platform";
import type { AudioConfiguration } from "../../api/configuration";
import type { Microphone } from "../../audio/microphone";
import type { Pace } from "../../audio/player";
import type { SessionStatus } from "../../session/status";
import { EMPTY, type Transcript } from "../../session/transcript";

/** Where the audio comes from. */
export type Input =
  | { readonly kind: "microphone" }
  | {
      readonly kind: "file";
      readonly name: string;
      readonly pace: Pace;
      /** Seconds; null while it is being decoded. */
      readonly durationS: number | null;
      readonly positionS: number;
    };

/** What the page is doing. */
export type Activity = "idle" | "opening" | "running" | "finishing" | "done";

/** What stands in the way, as the page itself found it. */
export type Trouble =
  | { readonly kind: "microphone"; readonly name: string; readonly message: string }
  | { readonly kind: "insecure" }
  | { readonly kind: "file"; readonly name: string; readonly message: string }
  | { readonly kind: "input_lost"; readonly message: string }
  | { readonly kind: "platform"; readonly message: string };

export interface Choices {
  /** ISO 639-1 code of the speech, or `auto`. */
  readonly source: string;
  readonly targets: readonly string[];
  readonly pace: Pace;
  /** Audio preset; null is the installation's own, with what is changed of it there. */
  readonly preset: string | null;
  /** Whether speakers are told apart. */
  readonly diarization: boolean;
  /** Id of a microphone in this browser; null is the system's choice. */
  readonly microphone: string | null;
}

export interface CaptionsState {
  readonly platform: PlatformInfo | null;
  /** Presets there are, and which one is the installation's; null until it has told. */
  readonly audio: AudioConfiguration | null;
  readonly microphones: readonly Microphone[];
  readonly choices: Choices;
  readonly activity: Activity;
  readonly input: Input | null;
  readonly session: SessionStatus | null;
  readonly transcript: Transcript;
  readonly trouble: Trouble | null;
  /** Whether nothing but silence has come from the microphone for a while. */
  readonly silent: boolean;
  /** Seconds of audio taken so far. */
  readonly takenS: number;
}

export const INITIAL: Omit<CaptionsState, "choices"> = {
  platform: null,
  audio: null,
  microphones: [],
  activity: "idle",
  input: null,
  session: null,
  transcript: EMPTY,
  trouble: null,
  silent: false,
  takenS: 0,
};

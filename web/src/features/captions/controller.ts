import { type AudioConfiguration, Followed } from "../../api/configuration";
import { loadPlatform } from "../../api/platform";
import { nameSpeaker } from "../../api/speakers";
import { decodeFile, MAX_FILE_BYTES } from "../../audio/decode";
import { CHUNK_S, type Pcm } from "../../audio/format";
import { FLOOR_DBFS } from "../../audio/level";
import {
  InsecurePage,
  listMicrophones,
  openMicrophone,
  watchMicrophones,
} from "../../audio/microphone";
import { play } from "../../audio/player";
import type { AudioSource, SourceHandlers } from "../../audio/source";
import { Observable } from "../../observable";
import { recall, remember } from "../../preferences";
import { SessionClient } from "../../session/client";
import { browserClock } from "../../session/clock";
import { newSessionId } from "../../session/id";
import { pageSocket } from "../../session/socket";
import type { SessionStatus } from "../../session/status";
import { fold, rename } from "../../session/transcript";
import { INITIAL, type CaptionsState, type Choices, type Trouble } from "./state";

const FEED = { chunkS: CHUNK_S, keepS: 1_800, inFlightS: 20 };
const DEFAULT_CHOICES: Choices = {
  source: "auto",
  targets: [],
  pace: "real_time",
  preset: null,
  diarization: false,
  microphone: null,
};
/** How often the page asks whether the installation's audio configuration has changed. */
const FOLLOW_MS = 2_000;
/** Chunks of nothing but the meter's floor after which the microphone counts as silent. */
const SILENT_CHUNKS = 80;
/** Waits before the platform is asked again while no worker has told its engine. */
const ASK_FIRST_MS = 1_000;
const ASK_LATEST_MS = 30_000;
const SILENCE_DBFS = FLOOR_DBFS + 1;

/** What the captions page does, apart from how it looks. */
export class CaptionsController {
  readonly state = new Observable<CaptionsState>({
    ...INITIAL,
    choices: { ...DEFAULT_CHOICES, ...recall<Partial<Choices>>("captions") },
  });
  /** Present loudness in dBFS; apart from the state because it changes so often. */
  readonly level = new Observable<number>(FLOOR_DBFS);
  #client: SessionClient | null = null;
  #source: AudioSource | null = null;
  #quietChunks = 0;
  #askIn = ASK_FIRST_MS;
  #cancelAsking: () => void = () => {};
  #cancelFollowing: () => void = () => {};
  #stopWatching: () => void = () => {};
  readonly #audio = new Followed<AudioConfiguration>("/api/audio/config");

  /** Asks the platform what it can do here; it knows more once an engine is loaded. */
  async load(): Promise<void> {
    try {
      const platform = await loadPlatform();
      this.#set({ platform, ...this.#without("platform") });
      this.#cancelAsking();
      if (!platform.speech?.engine) {
        this.#askIn = Math.min(this.#askIn * 1.5, ASK_LATEST_MS);
        this.#cancelAsking = browserClock.after(this.#askIn, () => void this.load());
      }
    } catch (error) {
      this.#set({ trouble: { kind: "platform", message: messageOf(error) } });
    }
  }

  /** Keeps presets and microphones as they are now, until `unfollow`. */
  follow(): void {
    this.#stopWatching = watchMicrophones(() => void this.#lookForMicrophones());
    void this.#lookForMicrophones();
    void this.#lookForPresets();
  }

  unfollow(): void {
    this.#stopWatching();
    this.#cancelFollowing();
  }

  choose(change: Partial<Choices>): void {
    const choices = { ...this.state.get().choices, ...change };
    remember("captions", choices);
    this.#set({ choices });
    if (change.source !== undefined) this.#client?.update({ language: change.source });
    if (change.targets !== undefined) this.#client?.update({ target_languages: change.targets });
    if (change.preset !== undefined) this.#client?.update({ preset: change.preset });
    if (change.diarization !== undefined) {
      this.#client?.update({ diarization: change.diarization });
    }
  }

  async startMicrophone(): Promise<void> {
    if (this.#busy) return;
    this.#begin({ kind: "microphone" });
    try {
      const { microphone } = this.state.get().choices;
      const source = await openMicrophone(this.#handlers(), microphone);
      void this.#lookForMicrophones();
      this.#run(source);
    } catch (error) {
      this.#failed(
        error instanceof InsecurePage
          ? { kind: "insecure" }
          : { kind: "microphone", name: nameOf(error), message: messageOf(error) },
      );
    }
  }

  async startFile(file: File): Promise<void> {
    if (this.#busy) return;
    const { pace } = this.state.get().choices;
    const input = { kind: "file", name: file.name, pace } as const;
    this.#begin({ ...input, durationS: null, positionS: 0 });
    try {
      if (file.size > MAX_FILE_BYTES) throw new RangeError("too large");
      const samples = await decodeFile(file);
      const durationS = samples.length / 16_000;
      this.#set({ input: { ...input, durationS, positionS: 0 } });
      this.#run(
        play(samples, this.#handlers(), {
          pace,
          clock: browserClock,
          unconfirmedS: () => this.#client?.status.unconfirmedS ?? 0,
          onProgress: (positionS) => this.#set({ input: { ...input, durationS, positionS } }),
        }),
      );
    } catch (error) {
      this.#failed({ kind: "file", name: file.name, message: messageOf(error) });
    }
  }

  /** Starts the microphone, or stops what is running. */
  toggle(): void {
    if (this.#busy) void this.stop();
    else void this.startMicrophone();
  }

  /** Stops listening; what was said until now is still recognised. */
  async stop(): Promise<void> {
    const source = this.#source;
    const away = this.#client?.status.link.kind !== "open";
    if (this.state.get().activity !== "finishing") await source?.stop();
    else if (away) this.#client?.abandon();
  }

  /** The page goes away: what was said until now is sent off, and the session ends. */
  leave(): void {
    this.#client?.end();
  }

  retryNow(): void {
    this.#client?.retryNow();
  }

  /** Tells the platform who a speaker is, for what was said and what follows; throws if it refuses. */
  async nameSpeaker(sessionId: string, speakerId: string, name: string): Promise<void> {
    await nameSpeaker(sessionId, speakerId, name);
    const { session, transcript } = this.state.get();
    const live = session?.sessionId === sessionId && this.#busy;
    if (!live) this.#set({ transcript: rename(transcript, sessionId, speakerId, name) });
  }

  dismiss(): void {
    this.#set({ trouble: null });
  }

  get #busy(): boolean {
    return !["idle", "done"].includes(this.state.get().activity);
  }

  #begin(input: CaptionsState["input"]): void {
    const { platform, audio, microphones, choices } = this.state.get();
    this.#quietChunks = 0;
    this.state.set({
      ...INITIAL,
      platform,
      audio,
      microphones,
      choices,
      activity: "opening",
      input,
    });
    this.#client = this.#newClient(choices);
  }

  async #lookForPresets(): Promise<void> {
    try {
      const audio = await this.#audio.get();
      if (audio) this.#set({ audio, choices: withKnownPreset(this.state.get().choices, audio) });
    } catch {
      // The connection's own notice tells when the platform is away; the presets known so far stay.
    }
    this.#cancelFollowing();
    this.#cancelFollowing = browserClock.after(FOLLOW_MS, () => void this.#lookForPresets());
  }

  async #lookForMicrophones(): Promise<void> {
    this.#set({ microphones: await listMicrophones() });
  }

  #newClient({ source, targets, preset, diarization }: Choices): SessionClient {
    return new SessionClient({
      config: {
        language: source,
        target_languages: targets,
        preset,
        diarization,
        metadata: { client: "web" },
      },
      openSocket: pageSocket(window.location),
      clock: browserClock,
      random: Math.random,
      newSessionId: () => newSessionId(Date.now(), Math.random),
      feed: FEED,
      onEvent: (event, offsetS) => {
        if (event.type === "session_started") void this.load();
        const { transcript } = this.state.get();
        this.#set({ transcript: fold(transcript, event, offsetS) });
      },
      onStatus: (session) => this.#told(session),
    });
  }

  #run(source: AudioSource): void {
    if (this.state.get().activity === "opening") {
      this.#source = source;
      this.#set({ activity: "running" });
    }
    this.#client?.start();
  }

  #handlers(): SourceHandlers {
    return {
      chunk: (pcm) => this.#chunk(pcm),
      level: (dbfs) => this.level.set(dbfs),
      finished: (lost) => {
        this.level.set(FLOOR_DBFS);
        this.#source = null;
        if (lost !== null) this.#set({ trouble: { kind: "input_lost", message: lost } });
        if (this.state.get().activity !== "done") this.#set({ activity: "finishing" });
        this.#client?.end();
      },
    };
  }

  #chunk(pcm: Pcm): void {
    this.#client?.push(pcm);
    this.#quietChunks = this.level.get() <= SILENCE_DBFS ? this.#quietChunks + 1 : 0;
    const state = this.state.get();
    this.#set({
      takenS: state.takenS + pcm.length / 32_000,
      silent: state.input?.kind === "microphone" && this.#quietChunks >= SILENT_CHUNKS,
    });
  }

  #told(session: SessionStatus): void {
    this.#set({ session });
    if (session.phase !== "ended" && session.phase !== "failed") return;
    this.#set({ activity: "done", silent: false });
    void this.#source?.stop();
  }

  #failed(trouble: Trouble): void {
    this.#client?.abandon();
    this.#client = null;
    this.#set({ activity: "idle", input: null, session: null, trouble });
  }

  /** What clears a trouble of this kind, if it is the one shown. */
  #without(kind: Trouble["kind"]): Partial<CaptionsState> {
    return this.state.get().trouble?.kind === kind ? { trouble: null } : {};
  }

  #set(change: Partial<CaptionsState>): void {
    this.state.set({ ...this.state.get(), ...change });
  }
}

/** A preset that was deleted since it was chosen gives way to the installation's own. */
function withKnownPreset(choices: Choices, audio: AudioConfiguration): Choices {
  const known = choices.preset === null || choices.preset in audio.presets;
  return known ? choices : { ...choices, preset: null };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "Error";
}

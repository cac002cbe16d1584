import type { Pcm } from "../audio/format";
import type {
  ConfigUpdate,
  EndReason,
  ErrorMessage,
  SessionConfig,
  SessionEvent,
  SessionResumed,
  SessionStatistics,
} from "../wire";
import type { Clock } from "./clock";
import { Feed, type FeedOptions } from "./feed";
import { Link, type ServerMessage } from "./link";
import { reactionTo, type Stage } from "./reaction";
import { next, type Phase, type Problem, type SessionStatus } from "./status";
import type { OpenSocket } from "./socket";

export interface ClientOptions {
  readonly config: SessionConfig;
  readonly openSocket: OpenSocket;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly newSessionId: () => string;
  readonly feed: FeedOptions;
  /** An event of the session; `offsetS` is where its session begins on the page's timeline. */
  readonly onEvent: (event: SessionEvent, offsetS: number) => void;
  readonly onStatus: (status: SessionStatus) => void;
}

const COLLECT_TIMEOUT_MS = 10_000;
const PUMP_AGAIN_MS = 50;

/**
 * What a running session can be asked to change; what it cannot, it names in `session_updated`,
 * and it holds for a session that has to continue this one.
 */
type LiveChange = Pick<
  ConfigUpdate,
  "language" | "target_languages" | "preset" | "context" | "glossary"
> &
  Pick<SessionConfig, "diarization">;

/**
 * Feeds one stretch of captioning to the platform and loses nothing on the way.
 *
 * Chunks are kept until the server confirms them. A lost connection is resumed; where the session
 * has expired meanwhile, its last results are collected and a new session takes the audio that was
 * not confirmed, so that for the user it is one stretch.
 */
export class SessionClient {
  readonly #options: ClientOptions;
  readonly #feed: Feed;
  readonly #link: Link;
  #status: SessionStatus;
  #stage: Stage = "none";
  /** Whether the server may know the session: `start_session` was sent at least once. */
  #offered = false;
  #endSent = false;
  #lastEventId = 0;
  #offsetS = 0;
  #pushed = 0;
  #config: SessionConfig;
  /** Changes made while the session could not be told. */
  #unsentUpdate: LiveChange | null = null;
  #cancelPump: () => void = () => {};
  #cancelCollect: () => void = () => {};

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#feed = new Feed(options.feed);
    this.#link = new Link(options.openSocket, options.clock, options.random, {
      open: () => this.#opened(),
      message: (message) => this.#received(message),
      change: () => this.#linkChanged(),
      refused: (code, reason) => this.#refused(code, reason),
    });
    this.#status = {
      sessionId: options.newSessionId(),
      phase: "starting",
      link: this.#link.state,
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
    };
  }

  get status(): SessionStatus {
    return this.#status;
  }

  start(): void {
    this.#link.connect();
  }

  /** Takes the next chunk; also while there is no connection. */
  push(pcm: Pcm): void {
    if (this.#done || this.#status.phase === "ending") return;
    this.#feed.push(pcm);
    this.#pushed += 1;
    this.#pump();
    this.#tell({});
  }

  /** Sends what is left, then ends the session; the last results still arrive. */
  end(): void {
    if (this.#done || this.#status.phase === "ending") return;
    this.#enter("ending");
    this.#pump();
  }

  /** Stops at once and gives up what the server has not confirmed. */
  abandon(): void {
    if (this.#done) return;
    if (this.#offered) this.#link.send({ type: "end_session", session_id: this.#id });
    this.#finish("abandoned", null);
  }

  /** Changes languages, preset or glossary for what follows. */
  update(change: LiveChange): void {
    this.#config = { ...this.#config, ...change };
    if (!this.#offered) return;
    if (this.#stage === "starting" || this.#stage === "feeding") {
      this.#unsentUpdate = null;
      this.#link.send({ type: "update_session", session_id: this.#id, config: change });
    } else {
      this.#unsentUpdate = { ...this.#unsentUpdate, ...change };
    }
  }

  /** Tries the connection now instead of waiting for the next attempt. */
  retryNow(): void {
    if (this.#link.state.kind === "waiting") this.#link.connect();
  }

  get #id(): string {
    return this.#status.sessionId;
  }

  get #done(): boolean {
    return this.#status.phase === "ended" || this.#status.phase === "failed";
  }

  #opened(): void {
    if (this.#offered) this.#resume();
    else this.#open();
  }

  #resume(): void {
    this.#stage = "resuming";
    this.#link.send({
      type: "resume_session",
      session_id: this.#id,
      last_seq: this.#feed.lastSeq,
      last_event_id: this.#lastEventId,
    });
  }

  /** Opens the session; audio follows at once, for the server takes messages in order. */
  #open(): void {
    this.#stage = "starting";
    this.#offered = true;
    this.#unsentUpdate = null;
    this.#feed.restart();
    this.#link.send({ type: "start_session", session_id: this.#id, config: this.#config });
    this.#pump();
  }

  #received(message: ServerMessage): void {
    if ("session_id" in message && message.session_id && message.session_id !== this.#id) return;
    switch (message.type) {
      case "session_resumed":
        this.#resumed(message);
        return;
      case "audio_ack":
        this.#feed.acknowledge(message.seq);
        this.#tell({ backlogS: message.buffered_s });
        this.#pump();
        return;
      case "slow_down":
        this.#feed.pause(this.#options.clock.now() + message.retry_after_s * 1000);
        this.#tell({ backlogS: message.buffered_s });
        this.#pump();
        return;
      case "error":
        if ("event_id" in message) this.#event(message);
        else this.#error(message);
        return;
      default:
        if ("event_id" in message && message.type !== "session_joined") this.#event(message);
    }
  }

  #event(event: SessionEvent): void {
    this.#lastEventId = Math.max(this.#lastEventId, event.event_id ?? 0);
    this.#options.onEvent(event, this.#offsetS);
    if (event.type === "session_queued") {
      this.#tell({ queuePosition: event.position });
      this.#confirmed();
    } else if (event.type === "session_started") {
      this.#tell({ config: event.config, queuePosition: null });
      this.#confirmed();
    } else if (event.type === "session_updated") {
      this.#tell({
        audio: event.audio ?? this.#status.audio,
        needsNewSession: event.needs_new_session ?? [],
      });
    } else if (event.type === "session_ended") {
      this.#sessionEnded(event.reason, event.statistics);
    } else if (event.type === "error") {
      this.#tell({ problem: event });
    }
  }

  /** The server has the session. */
  #confirmed(): void {
    if (this.#stage === "starting") this.#stage = "feeding";
    this.#tell({ problem: null });
    if (this.#status.phase === "starting") this.#enter("live");
  }

  #resumed(message: SessionResumed): void {
    this.#stage = "feeding";
    if (message.config) this.#tell({ config: message.config, queuePosition: null });
    if (this.#status.phase === "starting") this.#enter("live");
    if (this.#unsentUpdate) this.update(this.#unsentUpdate);
    this.#goOnAt(message.next_seq);
  }

  /** Sends from this chunk on; what the server lost for good makes a new session necessary. */
  #goOnAt(seq: number): void {
    if (this.#feed.rewind(seq)) this.#pump();
    else this.#continueInNew();
  }

  #error(error: ErrorMessage): void {
    switch (reactionTo(error, this.#stage, this.#everLive)) {
      case "rewind":
        this.#goOnAt(error.expected_seq ?? 0);
        return;
      case "come_again":
        this.#comeAgain(error, error.retry_after_s ?? 0);
        return;
      case "open":
        this.#open();
        return;
      case "resume":
        this.#resume();
        return;
      case "collect":
        this.#collect();
        return;
      case "leave":
        this.#partEnded("disconnected", null);
        return;
      case "fail":
        this.#fail(error);
        return;
      case "tell":
        this.#tell({ problem: error });
    }
  }

  /** The server is full or going away: what was asked is asked again when it says. */
  #comeAgain(error: Problem, seconds: number): void {
    this.#tell({ problem: error });
    if (this.#stage === "feeding") {
      this.#feed.pause(this.#options.clock.now() + seconds * 1000);
      this.#link.holdOff(seconds);
      this.#pump();
    } else {
      if (this.#stage === "starting") this.#offered = false;
      this.#link.holdOff(seconds);
      this.#link.drop();
    }
  }

  get #everLive(): boolean {
    return this.#lastEventId > 0 || this.#feed.lastSeq >= 0;
  }

  /** Listens to a session that takes no more audio until its last event has come. */
  #collect(): void {
    this.#stage = "collecting";
    this.#cancelCollect = this.#options.clock.after(COLLECT_TIMEOUT_MS, () =>
      this.#partEnded("disconnected", null),
    );
    this.#link.send({ type: "join_session", session_id: this.#id, history: true });
  }

  #sessionEnded(reason: EndReason, statistics: SessionStatistics): void {
    if (reason === "disconnected" || reason === "expired") this.#partEnded(reason, statistics);
    else this.#finish(reason, statistics);
  }

  /** The session took no more audio than was confirmed; the rest, if any, needs another one. */
  #partEnded(reason: EndReason, statistics: SessionStatistics | null): void {
    this.#cancelCollect();
    if (this.#status.phase === "ending" && this.#feed.settled) this.#finish(reason, statistics);
    else this.#continueInNew();
  }

  /** Goes on in a new session, with every chunk that was not confirmed. */
  #continueInNew(): void {
    if (this.#stage === "feeding") this.#link.send({ type: "end_session", session_id: this.#id });
    this.#offsetS = this.#pushed * this.#options.feed.chunkS - this.#feed.unconfirmedS;
    this.#lastEventId = 0;
    this.#endSent = false;
    this.#tell({
      sessionId: this.#options.newSessionId(),
      audio: null,
      needsNewSession: [],
      queuePosition: null,
    });
    this.#offered = false;
    if (this.#link.state.kind === "open") this.#open();
  }

  #pump(): void {
    this.#cancelPump();
    if (this.#done || (this.#stage !== "starting" && this.#stage !== "feeding")) return;
    if (this.#feed.broken) {
      this.#continueInNew();
      return;
    }
    const now = this.#options.clock.now();
    while (this.#link.writable) {
      const chunk = this.#feed.take(now);
      if (!chunk) break;
      this.#link.sendAudio(chunk.pcm);
    }
    if (this.#feed.drained) this.#endIfAsked();
    else if (this.#feed.pausedUntil > now) this.#pumpAfter(this.#feed.pausedUntil - now);
    else if (!this.#link.writable) this.#pumpAfter(PUMP_AGAIN_MS);
  }

  #pumpAfter(ms: number): void {
    this.#cancelPump = this.#options.clock.after(ms, () => this.#pump());
  }

  #endIfAsked(): void {
    if (this.#status.phase !== "ending" || this.#endSent) return;
    this.#endSent = true;
    this.#link.send({ type: "end_session", session_id: this.#id });
  }

  #linkChanged(): void {
    if (this.#link.state.kind !== "open") {
      this.#stage = "none";
      this.#endSent = false;
      this.#cancelPump();
      this.#cancelCollect();
    }
    this.#tell({ link: this.#link.state });
  }

  #refused(code: number, reason: string): void {
    if (!this.#done) this.#fail({ code: `closed_${code}`, message: reason });
  }

  #fail(problem: Problem): void {
    this.#tell({ problem });
    this.#enter("failed");
    this.#link.close();
  }

  #finish(reason: SessionStatus["endReason"], statistics: SessionStatistics | null): void {
    this.#tell({ endReason: reason, statistics });
    this.#enter("ended");
    this.#link.close();
  }

  #enter(phase: Phase): void {
    this.#tell({ phase: next(this.#status.phase, phase) });
  }

  #tell(change: Partial<SessionStatus>): void {
    const feed = this.#feed;
    this.#status = {
      ...this.#status,
      unconfirmedS: feed.unconfirmedS,
      lostS: feed.lostS,
      ...change,
    };
    this.#options.onStatus(this.#status);
  }
}

import type { Pcm } from "../audio/format";
import { Outbox, type OutgoingChunk } from "./outbox";

export interface FeedOptions {
  /** Seconds of audio in one chunk. */
  readonly chunkS: number;
  /** Seconds of unconfirmed audio that are kept at most. */
  readonly keepS: number;
  /** Seconds of audio that may be on their way without confirmation. */
  readonly inFlightS: number;
}

/** Decides which chunk goes next: numbering, confirmation, gaps, pauses. No I/O, no clock. */
export class Feed {
  readonly #outbox: Outbox;
  readonly #window: number;
  #cursor = 0;
  #pausedUntil = 0;

  constructor(readonly options: FeedOptions) {
    this.#outbox = new Outbox(Math.ceil(options.keepS / options.chunkS));
    this.#window = Math.max(1, Math.floor(options.inFlightS / options.chunkS));
  }

  /** Last confirmed chunk, -1 before the first. */
  get lastSeq(): number {
    return this.#outbox.first - 1;
  }

  /** Whether every chunk was sent over the present connection. */
  get drained(): boolean {
    return this.#cursor >= this.#outbox.end;
  }

  /** Whether the server has confirmed everything. */
  get settled(): boolean {
    return this.#outbox.first >= this.#outbox.end;
  }

  /** Seconds of audio that the server has not confirmed. */
  get unconfirmedS(): number {
    return (this.#outbox.end - this.#outbox.first) * this.options.chunkS;
  }

  /** Seconds of audio that gave way because the server stayed away too long. */
  get lostS(): number {
    return this.#outbox.dropped * this.options.chunkS;
  }

  /** Clock reading (ms) up to which the server asked for silence. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  push(pcm: Pcm): void {
    this.#outbox.push(pcm);
  }

  /** The next chunk to send at `now` (ms), or undefined while nothing may go. */
  take(now: number): OutgoingChunk | undefined {
    if (now < this.#pausedUntil) return undefined;
    if (this.#cursor - this.#outbox.first >= this.#window) return undefined;
    const chunk = this.#outbox.at(this.#cursor);
    if (chunk) this.#cursor += 1;
    return chunk;
  }

  acknowledge(seq: number): void {
    this.#outbox.acknowledge(Math.min(seq, this.#outbox.end - 1));
    this.#cursor = Math.max(this.#cursor, this.#outbox.first);
  }

  /** Continues at `seq`, which confirms all before it; false if that chunk is no longer kept. */
  rewind(seq: number): boolean {
    if (seq < this.#outbox.first) return false;
    this.acknowledge(seq - 1);
    this.#cursor = this.#outbox.first;
    return true;
  }

  pause(until: number): void {
    this.#pausedUntil = until;
  }

  /** Whether chunks gave way that the present session never got, so that it cannot go on. */
  get broken(): boolean {
    return this.#cursor < this.#outbox.first;
  }

  /** Starts a new session's numbering with what is not confirmed yet. */
  restart(): void {
    this.#outbox.renumber();
    this.#cursor = 0;
    this.#pausedUntil = 0;
  }
}

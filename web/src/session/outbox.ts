import type { Pcm } from "../audio/format";

/** One numbered chunk of audio. */
export interface OutgoingChunk {
  readonly seq: number;
  readonly pcm: Pcm;
}

/**
 * The audio that the server has not confirmed yet, numbered from 0 without gaps.
 *
 * Bounded by `capacity` chunks; overflow policy: the oldest give way, and `dropped` counts them,
 * so that the loss can be told.
 */
export class Outbox {
  #chunks: Pcm[] = [];
  #first = 0;
  #dropped = 0;

  constructor(readonly capacity: number) {}

  /** Number of the oldest chunk that is kept; equal to `end` when all are confirmed. */
  get first(): number {
    return this.#first;
  }

  /** Number that the next chunk gets. */
  get end(): number {
    return this.#first + this.#chunks.length;
  }

  /** Chunks that gave way since the beginning. */
  get dropped(): number {
    return this.#dropped;
  }

  push(pcm: Pcm): number {
    if (this.#chunks.length >= this.capacity) {
      this.#chunks.shift();
      this.#first += 1;
      this.#dropped += 1;
    }
    this.#chunks.push(pcm);
    return this.end - 1;
  }

  /** Forgets every chunk up to and including `seq`. */
  acknowledge(seq: number): void {
    const confirmed = Math.min(seq + 1 - this.#first, this.#chunks.length);
    if (confirmed <= 0) return;
    this.#chunks.splice(0, confirmed);
    this.#first += confirmed;
  }

  at(seq: number): OutgoingChunk | undefined {
    const pcm = this.#chunks[seq - this.#first];
    return pcm && { seq, pcm };
  }

  /** Numbers what is kept from 0 again, for a new session. */
  renumber(): void {
    this.#first = 0;
  }
}

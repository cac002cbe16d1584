import type { Pcm } from "../../src/audio/format";
import { SessionClient } from "../../src/session/client";
import type { SessionConfig } from "../../src/wire";
import { EMPTY, fold, type Transcript } from "../../src/session/transcript";
import { TestClock } from "./clock";
import { Platform } from "./platform";

/** A chunk of 0.1 s that carries its number. */
export function chunk(number: number): Pcm {
  const pcm = new Uint8Array(4);
  new DataView(pcm.buffer).setUint32(0, number);
  return pcm;
}

/** A client on a platform in memory, and what it made of the events. */
export class Stretch {
  readonly clock = new TestClock();
  readonly platform = new Platform();
  readonly offsets: number[] = [];
  readonly client: SessionClient;
  transcript: Transcript = EMPTY;
  #ids = 0;
  #pushed = 0;

  constructor(feed: { keepS?: number; inFlightS?: number } = {}, config: SessionConfig = {}) {
    this.client = new SessionClient({
      config,
      openSocket: this.platform.open,
      clock: this.clock,
      random: () => 0.5,
      newSessionId: () => `s${this.#ids++}`,
      feed: { chunkS: 0.1, keepS: feed.keepS ?? 600, inFlightS: feed.inFlightS ?? 20 },
      onEvent: (event, offsetS) => {
        this.offsets.push(offsetS);
        this.transcript = fold(this.transcript, event, offsetS);
      },
      onStatus: () => {},
    });
  }

  /** Starts, connects and delivers everything. */
  begin(): this {
    this.client.start();
    this.platform.answer();
    this.settle();
    return this;
  }

  push(count: number): void {
    for (let i = 0; i < count; i += 1) this.client.push(chunk(this.#pushed++));
  }

  get pushed(): number {
    return this.#pushed;
  }

  /** Delivers until nothing moves any more. */
  settle(): void {
    const { platform } = this;
    for (let i = 0; i < 200; i += 1) {
      const connection = platform.connection;
      if (!connection || connection.closed) return;
      if (connection.upstream.length + connection.downstream.length === 0) return;
      platform.deliver();
    }
    throw new Error("client and platform never came to rest");
  }

  /** Waits for the next attempt, lets it come about and delivers everything. */
  reconnect(): void {
    this.clock.advance(10_000);
    this.platform.answer();
    this.settle();
  }

  /** Every chunk that the platform has, over all sessions. */
  get arrived(): number[] {
    return [...this.platform.sessions.values()].flatMap((session) => session.chunks);
  }
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

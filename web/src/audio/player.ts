import type { Clock } from "../session/clock";
import { Chunker } from "./chunker";
import { CHUNK_S, CHUNK_SAMPLES, toPcm, type Samples } from "./format";
import { levelDbfs } from "./level";
import type { AudioSource, SourceHandlers } from "./source";

/** `real_time` hands audio over as fast as it would sound; `fast` as fast as it is taken. */
export type Pace = "real_time" | "fast";

export interface PlayerOptions {
  readonly pace: Pace;
  readonly clock: Clock;
  /** Seconds of audio handed over that the platform has not confirmed. */
  readonly unconfirmedS: () => number;
  /** Called with the seconds handed over so far. */
  readonly onProgress: (seconds: number) => void;
}

const TICK_MS = CHUNK_S * 1000;
const FAST_TICK_MS = 20;
/** Seconds that may wait for confirmation in fast mode; more would only fill the memory. */
const FAST_AHEAD_S = 10;

/** Hands a decoded file over as chunks, at the chosen pace. */
export function play(
  samples: Samples,
  handlers: SourceHandlers,
  { pace, clock, unconfirmedS, onProgress }: PlayerOptions,
): AudioSource {
  const chunker = new Chunker(CHUNK_SAMPLES);
  const chunks = [...chunker.push(samples), ...chunker.flush()];
  const startedAt = clock.now();
  let next = 0;
  let running = true;

  const due = (): boolean =>
    pace === "real_time"
      ? next <= (clock.now() - startedAt) / TICK_MS
      : unconfirmedS() < FAST_AHEAD_S;

  const tick = (): void => {
    if (!running) return;
    for (let chunk = chunks[next]; chunk && due(); chunk = chunks[next]) {
      handlers.level(levelDbfs(chunk));
      handlers.chunk(toPcm(chunk));
      next += 1;
    }
    onProgress(Math.min(next * CHUNK_S, samples.length / (CHUNK_SAMPLES / CHUNK_S)));
    if (next >= chunks.length) finish();
    else clock.after(pace === "fast" ? FAST_TICK_MS : TICK_MS, tick);
  };
  const finish = (): void => {
    if (!running) return;
    running = false;
    handlers.finished(null);
  };
  tick();
  return {
    stop: async () => finish(),
  };
}

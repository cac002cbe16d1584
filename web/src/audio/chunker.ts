import type { Samples } from "./format";

/** Cuts a stream of samples into pieces of one size; the last one may be shorter. */
export class Chunker {
  #waiting: Samples = new Float32Array(0);

  constructor(readonly size: number) {}

  push(samples: Samples): Samples[] {
    const all = new Float32Array(this.#waiting.length + samples.length);
    all.set(this.#waiting);
    all.set(samples, this.#waiting.length);
    const whole = Math.floor(all.length / this.size);
    this.#waiting = all.slice(whole * this.size);
    return Array.from({ length: whole }, (_, index) =>
      all.slice(index * this.size, (index + 1) * this.size),
    );
  }

  /** Returns what is left, if anything. */
  flush(): Samples[] {
    const rest = this.#waiting;
    this.#waiting = new Float32Array(0);
    return rest.length > 0 ? [rest] : [];
  }
}

import type { Samples } from "./format";

/** Zero crossings of the sinc on each side; more make the filter steeper. */
const CROSSINGS = 64;
/** Share of the lower band that passes, sibilants included; the rest is the filter's slope. */
const PASSBAND = 0.97;
/** Table entries between two input samples. */
const RESOLUTION = 512;

/**
 * Converts a stream of mono samples to another rate by band-limited interpolation: each output
 * sample is the input weighted by a Hann-windowed sinc around its place (J. O. Smith, "Digital
 * Audio Resampling").
 */
export class Resampler {
  readonly #step: number;
  readonly #reach: number;
  readonly #kernel: Float32Array;
  /** Input that later outputs still need; begins with silence before the first sample. */
  #pending: Float32Array;
  /** Index of the first pending sample in the input. */
  #origin: number;
  /** Index of the next output sample. */
  #next = 0;

  /** @param from Rate of the input in Hz. @param to Rate of the output in Hz. */
  constructor(
    readonly from: number,
    readonly to: number,
  ) {
    const cutoff = Math.min(1, to / from) * PASSBAND;
    this.#step = from / to;
    this.#reach = Math.ceil(CROSSINGS / cutoff);
    this.#kernel = kernel(cutoff, this.#reach);
    this.#pending = new Float32Array(this.#reach);
    this.#origin = -this.#reach;
  }

  /** Takes samples and returns those that are complete; the last few wait for what follows. */
  push(input: Float32Array): Samples {
    if (this.from === this.to) return new Float32Array(input);
    const samples = new Float32Array(this.#pending.length + input.length);
    samples.set(this.#pending);
    samples.set(input, this.#pending.length);
    const last = this.#origin + samples.length - 1 - this.#reach;
    const end = Math.max(this.#next, Math.floor(last / this.#step) + 1);
    const output = Float32Array.from({ length: end - this.#next }, (_, index) =>
      this.#at(samples, (this.#next + index) * this.#step - this.#origin),
    );
    this.#next = end;
    const done = Math.max(0, Math.floor(end * this.#step) - this.#reach - this.#origin);
    this.#pending = samples.slice(done);
    this.#origin += done;
    return output;
  }

  /** Returns what still waits, as if silence followed. */
  flush(): Samples {
    return this.push(new Float32Array(this.from === this.to ? 0 : this.#reach));
  }

  #at(samples: Float32Array, position: number): number {
    const first = Math.ceil(position - this.#reach);
    const end = Math.floor(position + this.#reach);
    let sum = 0;
    for (let i = first; i <= end; i += 1) {
      const weight = this.#kernel[Math.round(Math.abs(i - position) * RESOLUTION)] ?? 0;
      sum += (samples[i] ?? 0) * weight;
    }
    return sum;
  }
}

/** One side of the windowed sinc, from its middle outwards. */
function kernel(cutoff: number, reach: number): Float32Array {
  return Float32Array.from({ length: reach * RESOLUTION + 1 }, (_, index) => {
    const t = index / RESOLUTION;
    const x = Math.PI * t * cutoff;
    const sinc = t === 0 ? 1 : Math.sin(x) / x;
    return cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * t) / reach));
  });
}

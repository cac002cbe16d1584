/** Runs on the audio thread: mono, 16 kHz, chunks, level. */
import { Chunker } from "./chunker";
import { CHUNK_SAMPLES, SAMPLE_RATE, toPcm, type Samples } from "./format";
import { levelDbfs } from "./level";
import { Resampler } from "./resampler";
import type { CaptureMessage } from "./capture";

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: typeof AudioWorkletProcessor): void;

/** Samples (16 kHz) of one reading of the meter. */
const METER_SAMPLES = 512;

class Capture extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(sampleRate, SAMPLE_RATE);
  readonly #chunks = new Chunker(CHUNK_SAMPLES);
  readonly #meter = new Chunker(METER_SAMPLES);
  #running = true;

  constructor() {
    super();
    this.port.onmessage = () => this.#stop();
  }

  process(inputs: Float32Array[][]): boolean {
    const channels = inputs[0] ?? [];
    if (this.#running && channels.length > 0) this.#take(this.#resampler.push(mixed(channels)));
    return this.#running;
  }

  #take(samples: Samples): void {
    for (const part of this.#meter.push(samples)) {
      this.#post({ kind: "level", dbfs: levelDbfs(part) });
    }
    for (const chunk of this.#chunks.push(samples)) this.#post({ kind: "chunk", pcm: toPcm(chunk) });
  }

  #stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#take(this.#resampler.flush());
    for (const rest of this.#chunks.flush()) this.#post({ kind: "chunk", pcm: toPcm(rest) });
    this.#post({ kind: "stopped" });
  }

  #post(message: CaptureMessage): void {
    this.port.postMessage(message);
  }
}

function mixed(channels: Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = channels;
  if (others.length === 0) return first;
  return first.map(
    (sample, index) =>
      others.reduce((sum, other) => sum + (other[index] ?? 0), sample) / channels.length,
  );
}

registerProcessor("capture", Capture);

/** Audio as it goes to the platform: mono, signed 16-bit little endian at this rate (Hz). */
export const SAMPLE_RATE = 16_000;

/** Seconds of audio in one chunk. */
export const CHUNK_S = 0.1;

/** Samples in one chunk. */
export const CHUNK_SAMPLES = SAMPLE_RATE * CHUNK_S;

/** Bytes of s16le samples. */
export type Pcm = Uint8Array<ArrayBuffer>;

/** Mono samples in [-1, 1]. */
export type Samples = Float32Array<ArrayBuffer>;

/** Returns samples as s16le, clipped to the range that it can hold. */
export function toPcm(samples: Samples): Pcm {
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, index) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    view.setInt16(index * 2, Math.round(clipped * 32_767), true);
  });
  return new Uint8Array(view.buffer);
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Chunker } from "../../src/audio/chunker";
import { toPcm, type Pcm, type Samples } from "../../src/audio/format";
import { FLOOR_DBFS, levelDbfs } from "../../src/audio/level";
import { play } from "../../src/audio/player";
import { Resampler } from "../../src/audio/resampler";
import { TestClock } from "../support/clock";

function tone(hz: number, rate: number, seconds: number): Samples {
  return Float32Array.from({ length: rate * seconds }, (_, i) =>
    Math.sin((2 * Math.PI * hz * i) / rate),
  );
}

function joined(parts: readonly Samples[]): Samples {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function resampled(input: Samples, from: number, blocks: number): Samples {
  const resampler = new Resampler(from, 16_000);
  const parts = new Chunker(blocks);
  const outputs = [...parts.push(input), ...parts.flush()].map((part) => resampler.push(part));
  return joined([...outputs, resampler.flush()]);
}

describe.each([48_000, 44_100, 22_050, 8_000])("resampling from %i Hz", (rate) => {
  it("keeps a tone of the speech band as it is, in place and as long", () => {
    const output = resampled(tone(1_000, rate, 0.5), rate, 128);
    const ideal = tone(1_000, 16_000, 0.5);
    expect(Math.abs(output.length - ideal.length)).toBeLessThanOrEqual(2);
    const errors = ideal.subarray(400, 7_600).map((one, i) => one - (output[i + 400] ?? 0));
    expect(levelDbfs(errors)).toBeLessThan(-50);
  });

  it("does not depend on how the stream is cut", () => {
    const input = tone(700, rate, 0.1);
    expect(resampled(input, rate, 37)).toEqual(resampled(input, rate, 1_000));
  });
});

it("resampling keeps the sibilants, almost to the end of the band", () => {
  const output = resampled(tone(7_500, 48_000, 0.5), 48_000, 128);
  expect(levelDbfs(output.subarray(400, 7_600))).toBeCloseTo(-3, 0);
});

it("resampling keeps what 16 kHz cannot hold out of the speech band", () => {
  const alias = resampled(tone(8_300, 48_000, 0.5), 48_000, 128);
  expect(levelDbfs(alias.subarray(400, 7_600))).toBeLessThan(-50);
});

it("16 kHz passes unchanged", () => {
  const input = tone(440, 16_000, 0.05);
  expect(resampled(input, 16_000, 128)).toEqual(input);
});

it("chunks hold every sample once and in order, however the stream came", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 })), fc.integer({ min: 1, max: 16 }), (
      sizes,
      size,
    ) => {
      let count = 0;
      const chunker = new Chunker(size);
      const whole = sizes.flatMap((length) =>
        chunker.push(Float32Array.from({ length }, () => count++)),
      );
      expect(whole.every((part) => part.length === size)).toBe(true);
      const all = joined([...whole, ...chunker.flush()]);
      expect([...all]).toEqual(Array.from({ length: count }, (_, i) => i));
    }),
  );
});

it("samples become little-endian integers, clipped", () => {
  const view = new DataView(toPcm(Float32Array.of(0, 0.5, 1, 2, -1, -2)).buffer);
  const values = [0, 1, 2, 3, 4, 5].map((i) => view.getInt16(i * 2, true));
  expect(values).toEqual([0, 16_384, 32_767, 32_767, -32_767, -32_767]);
});

it("levels are dB relative to full scale, with a floor", () => {
  expect(levelDbfs(tone(400, 16_000, 1))).toBeCloseTo(-3.01, 1);
  expect(levelDbfs(new Float32Array(100))).toBe(FLOOR_DBFS);
});

describe("playing a file", () => {
  function player(pace: "real_time" | "fast", unconfirmedS = () => 0) {
    const clock = new TestClock();
    const chunks: Pcm[] = [];
    const progress: number[] = [];
    let finished = false;
    const source = play(
      tone(300, 16_000, 2.05),
      {
        chunk: (pcm) => chunks.push(pcm),
        level: () => {},
        finished: () => {
          finished = true;
        },
      },
      { pace, clock, unconfirmedS, onProgress: (seconds) => progress.push(seconds) },
    );
    return { clock, chunks, progress, source, finished: () => finished };
  }

  it("at real time hands over what would have sounded by now", () => {
    const one = player("real_time");
    one.clock.advance(950);
    expect(one.chunks).toHaveLength(10);
    expect(one.finished()).toBe(false);
    one.clock.advance(1_200);
    expect(one.chunks).toHaveLength(21);
    expect(one.chunks.at(-1)).toHaveLength(800 * 2);
    expect(one.progress.at(-1)).toBeCloseTo(2.05);
    expect(one.finished()).toBe(true);
  });

  it("fast goes as far as the platform confirms", () => {
    let waiting = 20;
    const one = player("fast", () => waiting);
    one.clock.advance(500);
    expect(one.chunks).toHaveLength(0);
    waiting = 0;
    one.clock.advance(20);
    expect(one.chunks).toHaveLength(21);
    expect(one.finished()).toBe(true);
  });

  it("stops where it is", async () => {
    const one = player("real_time");
    await one.source.stop();
    one.clock.advance(5_000);
    expect(one.chunks).toHaveLength(1);
    expect(one.finished()).toBe(true);
  });
});

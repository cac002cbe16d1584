/** What a meter shows as silence, in dB relative to full scale. */
export const FLOOR_DBFS = -60;

/** Returns the root mean square of samples in dB relative to full scale, not below the floor. */
export function levelDbfs(samples: Float32Array): number {
  if (samples.length === 0) return FLOOR_DBFS;
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.max(FLOOR_DBFS, 10 * Math.log10(power + 1e-12));
}

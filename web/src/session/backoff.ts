const FIRST_MS = 400;
const MOST_MS = 8_000;

/**
 * Milliseconds to wait before connection attempt `attempt` (0 is the first retry): doubling up to
 * a ceiling, of which a random half to whole is taken, so that clients that lost the same server
 * do not come back in the same moment.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return ceiling * (0.5 + random() / 2);
}

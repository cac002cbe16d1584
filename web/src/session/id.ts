/** Returns `session-{unix seconds}-{8 base36 characters}`, as the platform makes them itself. */
export function newSessionId(unixMs: number, random: () => number): string {
  const tail = Array.from({ length: 8 }, () => Math.floor(random() * 36).toString(36)).join("");
  return `session-${Math.floor(unixMs / 1000)}-${tail}`;
}

/** Returns what was kept under a name in this browser, or null. */
export function recall<T>(name: string): T | null {
  try {
    const text = localStorage.getItem(`livetranslate.${name}`);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** Keeps a value in this browser; where storage is refused the value lasts as long as the page. */
export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(`livetranslate.${name}`, JSON.stringify(value));
  } catch {
    // A browser without storage shows the defaults next time.
  }
}

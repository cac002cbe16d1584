const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

/** Languages written without blanks between words, as the platform joins them. */
const WITHOUT_BLANKS = new Set(["zh", "ja", "th", "lo", "my", "km", "yue"]);

/** Returns the English name of an ISO 639 code, or the code itself. */
export function languageName(code: string): string {
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

/** Returns what stands between two words. */
export function wordSeparator(language: string | null): string {
  return language !== null && WITHOUT_BLANKS.has(language) ? "" : " ";
}

/** Compares codes by the names that users see. */
export function byName(a: string, b: string): number {
  return languageName(a).localeCompare(languageName(b), "en");
}

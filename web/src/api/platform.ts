/** What the platform says about itself before a session runs, in the shape that the page uses. */

export interface SpeechInfo {
  readonly engine: string | null;
  readonly model: string | null;
  readonly device: string | null;
  /** Why this engine, and how to get a better one. */
  readonly reason: string;
  /** ISO 639-1 codes it recognises; empty while unknown. */
  readonly languages: readonly string[];
  readonly detectsLanguage: boolean;
}

/** A language that text can, or could, be translated into. */
export interface TargetInfo {
  readonly code: string;
  /** Languages it can be translated from here; empty if from none. */
  readonly sources: readonly string[];
  readonly engines: readonly string[];
  /** Why it does not work here, where it does not. */
  readonly reason: string | null;
}

export interface PlatformInfo {
  readonly version: string | null;
  readonly speech: SpeechInfo | null;
  readonly targets: readonly TargetInfo[];
  /** Why no target language is known, if none is. */
  readonly translationProblem: string | null;
}

/** The server answered with an error, or not at all. */
export class RequestFailed extends Error {}

/** GETs JSON from the platform; raises RequestFailed with the problem's own words. */
export async function getJson(path: string, signal?: AbortSignal): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Accept: "application/json" }, signal: signal ?? null });
  } catch (error) {
    throw new RequestFailed(`${path} could not be reached`, { cause: error });
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body;
  const problem = body as { detail?: unknown; title?: unknown } | null;
  const words = problem?.detail ?? problem?.title ?? `${path} answered ${response.status}`;
  throw new RequestFailed(String(words));
}

interface ConfigBody {
  readonly version?: string;
  readonly speech?: {
    readonly engine?: string | null;
    readonly model?: string | null;
    readonly device?: string | null;
    readonly reason?: string | null;
    readonly languages?: readonly string[];
    readonly detects_language?: boolean;
  } | null;
}

interface LanguagesBody {
  readonly engines?: readonly {
    readonly engine: string;
    readonly available: boolean;
    readonly reason?: string | null;
    readonly pairs?: readonly { readonly source: string; readonly target: string }[];
  }[];
}

/** Returns what the page needs of `GET /api/config`. */
export function readSpeech(body: ConfigBody): SpeechInfo | null {
  const { speech } = body;
  if (!speech) return null;
  return {
    engine: speech.engine ?? null,
    model: speech.model ?? null,
    device: speech.device ?? null,
    reason: speech.reason ?? "",
    languages: speech.languages ?? [],
    detectsLanguage: speech.detects_language ?? false,
  };
}

/** Returns the target languages that translation's `GET /api/languages` speaks of. */
export function readTargets(body: LanguagesBody): TargetInfo[] {
  const targets = new Map<string, { sources: Set<string>; engines: Set<string>; why: string[] }>();
  for (const engine of body.engines ?? []) {
    for (const { source, target } of engine.pairs ?? []) {
      const entry = targets.get(target) ?? { sources: new Set(), engines: new Set(), why: [] };
      targets.set(target, entry);
      if (engine.available) {
        entry.sources.add(source);
        entry.engines.add(engine.engine);
      } else if (engine.reason) {
        entry.why.push(`${engine.engine}: ${engine.reason}`);
      }
    }
  }
  return [...targets].map(([code, { sources, engines, why }]) => ({
    code,
    sources: [...sources],
    engines: [...engines],
    reason: sources.size > 0 ? null : ([...new Set(why)].join(" ") || null),
  }));
}

/** Asks the platform what works on this machine. */
export async function loadPlatform(signal?: AbortSignal): Promise<PlatformInfo> {
  const [config, languages] = await Promise.allSettled([
    getJson("/api/config", signal),
    getJson("/api/translation/api/languages", signal),
  ]);
  if (config.status === "rejected") throw config.reason;
  const known = languages.status === "fulfilled" ? (languages.value as LanguagesBody) : {};
  const body = config.value as ConfigBody;
  return {
    version: body.version ?? null,
    speech: readSpeech(body),
    targets: readTargets(known),
    translationProblem: languages.status === "rejected" ? String(languages.reason.message) : null,
  };
}

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

/** A language that text can be translated into on this machine. */
export interface TargetInfo {
  readonly code: string;
  /** Languages it can be translated from, or `any`. */
  readonly sources: readonly string[] | "any";
  readonly engines: readonly string[];
}

/** A translation engine that does not work on this machine. */
export interface MissingEngine {
  readonly engine: string;
  readonly reason: string;
  /** What makes it work, if known. */
  readonly remedy: string | null;
}

export interface PlatformInfo {
  readonly version: string | null;
  readonly speech: SpeechInfo | null;
  readonly targets: readonly TargetInfo[];
  readonly missing: readonly MissingEngine[];
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

interface EngineBody {
  readonly engine: string;
  readonly available: boolean;
  readonly reason: string;
  readonly remedy?: string | null;
  readonly pairs?: readonly { readonly source: string; readonly target: string }[];
  /** Languages between which every direction works. */
  readonly languages?: readonly string[];
  readonly any_language?: boolean;
}

interface LanguagesBody {
  readonly engines?: readonly EngineBody[];
}

/** What an engine that takes any language is offered for. */
const COMMON = ["en", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "zh"];

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
  const targets = new Map<string, { sources: Set<string>; any: boolean; engines: Set<string> }>();
  const add = (engine: string, target: string, sources: readonly string[] | "any"): void => {
    const entry = targets.get(target) ?? { sources: new Set(), any: false, engines: new Set() };
    targets.set(target, entry);
    entry.engines.add(engine);
    if (sources === "any") entry.any = true;
    else for (const source of sources) entry.sources.add(source);
  };
  for (const engine of body.engines ?? []) {
    if (!engine.available) continue;
    for (const { source, target } of engine.pairs ?? []) add(engine.engine, target, [source]);
    const all = engine.languages ?? [];
    for (const target of all) add(engine.engine, target, all.filter((one) => one !== target));
    if (engine.any_language) for (const target of COMMON) add(engine.engine, target, "any");
  }
  return [...targets].map(([code, { sources, any, engines }]) => ({
    code,
    sources: any ? "any" : [...sources],
    engines: [...engines],
  }));
}

/** Returns the translation engines that do not work here, and why. */
export function readMissing(body: LanguagesBody): MissingEngine[] {
  return (body.engines ?? [])
    .filter((engine) => !engine.available)
    .map(({ engine, reason, remedy }) => ({ engine, reason, remedy: remedy ?? null }));
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
    missing: readMissing(known),
    translationProblem: languages.status === "rejected" ? String(languages.reason.message) : null,
  };
}

/** The configuration as the platform tells and takes it. */
import { RequestFailed } from "./platform";

export type Value = number | boolean | string | null;
export type Group = Readonly<Record<string, Value>>;
export type Parameters = Readonly<Record<string, Group>>;

export interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly unit: string;
  /** Whether it may also be none. */
  readonly optional: boolean;
}

export interface Reason {
  readonly field: string;
  readonly message: string;
}

/** What keeps a newer configuration from being in force, if anything does. */
export interface ConfigurationState {
  readonly version: number;
  readonly changed_by: string | null;
  readonly file: string;
  readonly refused: readonly Reason[];
  readonly not_kept: string | null;
  readonly waiting: string | null;
  readonly needs_restart: readonly string[];
}

export interface AudioConfiguration {
  readonly version: number;
  /** The preset of sessions that name none. */
  readonly preset: string;
  readonly in_force: Parameters;
  /** What is changed of the active preset. */
  readonly parameters: Readonly<Record<string, Group>>;
  readonly presets: Readonly<
    Record<string, { readonly built_in: boolean; readonly parameters: Parameters }>
  >;
  readonly stages: readonly string[];
  readonly ranges: Readonly<Record<string, Readonly<Record<string, Bounds>>>>;
  readonly configuration: ConfigurationState;
}

export interface Setting {
  readonly name: string;
  readonly path: string | null;
  readonly value: unknown;
  readonly is_set: boolean;
  readonly secret: boolean;
  readonly source: "default" | "file" | "environment" | "command_line";
  readonly applies: "live" | "restart";
  readonly running: unknown;
  readonly help: string;
}

export interface SettingsBody {
  readonly version: number;
  readonly settings: readonly Setting[];
}

/** The platform refused a change; every wrong field has its reason. */
export class ChangeRefused extends RequestFailed {
  constructor(
    message: string,
    readonly reasons: readonly Reason[],
    /** Whether somebody else was quicker. */
    readonly outdated: boolean,
  ) {
    super(message);
  }
}

/** GETs what has changed since an earlier answer; null if nothing has. */
export class Followed<Body> {
  #tag = "";

  constructor(private readonly path: string) {}

  async get(): Promise<Body | null> {
    const response = await fetch(this.path, {
      cache: "no-store",
      headers: { Accept: "application/json", "If-None-Match": this.#tag },
    });
    if (response.status === 304) return null;
    const body = (await response.json()) as Body & { detail?: string };
    if (!response.ok) throw new RequestFailed(body.detail ?? `answered ${response.status}`);
    this.#tag = response.headers.get("ETag") ?? "";
    return body;
  }
}

/** Changes the audio configuration; raises ChangeRefused with every reason. */
export async function changeAudio(change: object): Promise<AudioConfiguration> {
  const response = await fetch("/api/audio/config", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(change),
  });
  const body: unknown = await response.json().catch(() => ({}));
  if (response.ok) return body as AudioConfiguration;
  const problem = body as { detail?: string; errors?: readonly Reason[]; field?: string };
  throw new ChangeRefused(
    problem.detail ?? `answered ${response.status}`,
    problem.errors ?? [],
    response.status === 409 && problem.field === "version",
  );
}

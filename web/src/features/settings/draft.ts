/** What a person has changed of the audio configuration and not yet saved. Pure. */
import type { AudioConfiguration, Group, Parameters, Value } from "../../api/configuration";

export interface Draft {
  readonly preset: string;
  /** Section, field and value where they differ from the preset. */
  readonly changes: Readonly<Record<string, Group>>;
}

export function draftOf(known: AudioConfiguration): Draft {
  return { preset: known.preset, changes: differences(baseOf(known, known.preset), known.in_force) };
}

export function isChanged(draft: Draft, known: AudioConfiguration): boolean {
  return JSON.stringify(sorted(draft)) !== JSON.stringify(sorted(draftOf(known)));
}

export function baseOf(known: AudioConfiguration, preset: string): Parameters {
  return known.presets[preset]?.parameters ?? known.in_force;
}

export function valueOf(known: AudioConfiguration, draft: Draft, section: string, field: string): Value {
  const changed = draft.changes[section]?.[field];
  return changed !== undefined ? changed : (baseOf(known, draft.preset)[section]?.[field] ?? null);
}

/** Returns the draft with a field set; one that is as in the preset is no change. */
export function withValue(
  known: AudioConfiguration,
  draft: Draft,
  section: string,
  field: string,
  value: Value,
): Draft {
  const group = { ...draft.changes[section], [field]: value };
  if (baseOf(known, draft.preset)[section]?.[field] === value) delete group[field];
  const changes = { ...draft.changes, [section]: group };
  if (Object.keys(group).length === 0) delete changes[section];
  return { ...draft, changes };
}

/** Returns what is to be sent; changes that are there and no longer wanted are taken out. */
export function requestOf(known: AudioConfiguration, draft: Draft): object {
  return {
    version: known.version,
    preset: draft.preset,
    parameters: merged(nulls(known.parameters), said(draft.changes)),
  };
}

/** Returns what saves the draft as a preset of one's own and makes it the active one. */
export function presetRequest(known: AudioConfiguration, draft: Draft, name: string): object {
  return {
    version: known.version,
    preset: name,
    parameters: nulls(known.parameters),
    presets: { [name]: { base: draft.preset, ...said(draft.changes) } },
  };
}

type Groups = Readonly<Record<string, Group>>;

/** In a change null takes a value out; the word makes it none, whatever the preset has. */
function said(changes: Groups): Groups {
  return mapped(changes, (group) => mapped(group, (value) => value ?? "none"));
}

function nulls(groups: Groups): Groups {
  return mapped(groups, (group) => mapped(group, () => null));
}

function merged(first: Groups, second: Groups): Groups {
  const sections = { ...first, ...second };
  return mapped(sections, (_, section) => ({ ...first[section], ...second[section] }));
}

function differences(base: Parameters, now: Parameters): Groups {
  const found: Record<string, Group> = {};
  for (const [section, group] of Object.entries(now)) {
    const changed = Object.entries(group).filter(([name, value]) => base[section]?.[name] !== value);
    if (changed.length > 0) found[section] = Object.fromEntries(changed);
  }
  return found;
}

function mapped<A, B>(
  record: Readonly<Record<string, A>>,
  make: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value, key)]));
}

function sorted(draft: Draft): unknown {
  const order = <T>(record: Readonly<Record<string, T>>): [string, T][] =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return [draft.preset, order(draft.changes).map(([name, group]) => [name, order(group)])];
}

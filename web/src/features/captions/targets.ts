import type { TargetInfo } from "../../api/platform";
import { byName, languageName } from "../../languages";
import type { CaptionsState } from "./state";

/** A target language and what is to be said about it: by which engine, or why not. */
export interface TargetOption {
  readonly code: string;
  readonly note: string;
}

/**
 * Returns the target languages that can be reached from what may be spoken, and those that this
 * machine has only from other languages; both by name.
 */
export function targetsOf({ platform, choices }: CaptionsState): {
  readonly works: readonly TargetOption[];
  readonly others: readonly TargetOption[];
} {
  const heard =
    choices.source === "auto" ? (platform?.speech?.languages ?? []) : [choices.source];
  const sorted = (platform?.targets ?? []).toSorted((a, b) => byName(a.code, b.code));
  const reachable = (target: TargetInfo): boolean => usable(target, heard).length > 0;
  return {
    works: sorted
      .filter(reachable)
      .map((target) => ({ code: target.code, note: via(target, heard) })),
    others: sorted
      .filter((target) => !reachable(target))
      .map((target) => ({ code: target.code, note: whyNot(target, heard) })),
  };
}

/** Languages that may be spoken, as far as known, out of which this one can be reached. */
function usable({ code, sources }: TargetInfo, heard: readonly string[]): readonly string[] {
  const others = (from: readonly string[]) => from.filter((source) => source !== code);
  if (sources === "any") return heard.length > 0 ? others(heard) : ["any"];
  return heard.length > 0
    ? others(sources).filter((source) => heard.includes(source))
    : others(sources);
}

function via(target: TargetInfo, heard: readonly string[]): string {
  const by = target.engines.join(", ");
  const sources = usable(target, heard);
  const plain = target.sources === "any" || heard.length === 1 || sources.length > 3;
  return plain ? by : `from ${listed(sources)} · ${by}`;
}

function whyNot({ code, sources }: TargetInfo, heard: readonly string[]): string {
  if (heard.length === 1 && heard[0] === code) return "This is the language spoken.";
  return sources === "any" ? "" : `Only from ${listed(sources)}.`;
}

function listed(codes: readonly string[]): string {
  return codes.toSorted(byName).map(languageName).join(", ");
}

import type { PlatformInfo, TargetInfo } from "../../api/platform";
import { byName, languageName } from "../../languages";
import { Popover } from "../../ui/Popover";
import type { CaptionsController } from "./controller";
import type { CaptionsState } from "./state";

interface Props {
  readonly state: CaptionsState;
  readonly controller: CaptionsController;
}

/** The language that is spoken. */
export function SourceChoice({ state, controller }: Props) {
  const { source } = state.choices;
  const speech = state.platform?.speech ?? null;
  const codes = [...new Set([...(speech?.languages ?? []), ...(source === "auto" ? [] : [source])])];
  return (
    <label className="choice select">
      <span className="hidden">Spoken language</span>
      <select value={source} onChange={(event) => controller.choose({ source: event.target.value })}>
        <option value="auto">{automatic(state)}</option>
        {codes.toSorted(byName).map((code) => (
          <option key={code} value={code}>
            {languageName(code)}
          </option>
        ))}
      </select>
    </label>
  );
}

function automatic({ platform }: CaptionsState): string {
  const speech = platform?.speech;
  const [only] = speech?.languages ?? [];
  if (speech && !speech.detectsLanguage && speech.languages.length === 1 && only) {
    return `${languageName(only)} (the only one)`;
  }
  return "Detect language";
}

/** The languages to translate into: what works here, and why the rest does not. */
export function TargetChoice({ state, controller }: Props) {
  const { targets, source } = state.choices;
  const known = state.platform?.targets ?? [];
  const sorted = known.toSorted((a, b) => byName(a.code, b.code));
  const works = sorted.filter((target) => reachable(target, source));
  const missing = sorted.filter((target) => !reachable(target, source));
  const toggle = (code: string): void =>
    controller.choose({
      targets: targets.includes(code)
        ? targets.filter((other) => other !== code)
        : [...targets, code],
    });
  return (
    <Popover
      name="Translate into"
      label={
        <span className={targets.length > 0 ? "targets" : "targets none"}>
          {targets.length > 0 ? targets.map(languageName).join(", ") : "No translation"}
        </span>
      }
    >
      <h3>Translate into</h3>
      {works.length > 0 ? (
        <ul className="options">
          {works.map((target) => (
            <li key={target.code}>
              <label>
                <input
                  type="checkbox"
                  checked={targets.includes(target.code)}
                  onChange={() => toggle(target.code)}
                />
                {languageName(target.code)}
                <small>{via(target, source)}</small>
              </label>
            </li>
          ))}
        </ul>
      ) : (
        <p className="reason">{noTargets(state.platform)}</p>
      )}
      {missing.length > 0 && (
        <details>
          <summary>{missing.length} more that do not work here</summary>
          <ul className="options missing">
            {missing.map((target) => (
              <li key={target.code}>
                {languageName(target.code)}
                <small>{whyNot(target, source)}</small>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Popover>
  );
}

function reachable({ code, sources }: TargetInfo, source: string): boolean {
  if (code === source) return false;
  return source === "auto" ? sources.length > 0 : sources.includes(source);
}

function via({ sources, engines }: TargetInfo, source: string): string {
  const by = engines.join(", ");
  if (source !== "auto" || sources.length > 3) return by;
  return `from ${sources.toSorted(byName).map(languageName).join(", ")} · ${by}`;
}

function whyNot({ code, sources, reason }: TargetInfo, source: string): string {
  if (reason) return reason;
  if (code === source) return "This is the language spoken.";
  return `Only from ${sources.toSorted(byName).map(languageName).join(", ")}.`;
}

function noTargets(platform: PlatformInfo | null): string {
  if (platform === null) return "The server has not said yet what it can translate.";
  if (platform.translationProblem) return platform.translationProblem;
  return "No translation engine works on this machine. `livetranslate doctor` names the command that installs one.";
}

import type { PlatformInfo, SpeechInfo } from "../../api/platform";
import { byName, languageName } from "../../languages";
import { Popover } from "../../ui/Popover";
import type { CaptionsController } from "./controller";
import type { CaptionsState } from "./state";
import { targetsOf } from "./targets";

interface Props {
  readonly state: CaptionsState;
  readonly controller: CaptionsController;
}

/** The language that is spoken. */
export function SourceChoice({ state, controller }: Props) {
  const { source } = state.choices;
  const speech = state.platform?.speech ?? null;
  const only = onlyLanguage(speech);
  const offered = only === null ? (speech?.languages ?? []) : [];
  const codes = [...new Set([...offered, ...(source === "auto" ? [] : [source])])];
  return (
    <label className="choice select">
      <span className="hidden">Spoken language</span>
      <select value={source} onChange={(event) => controller.choose({ source: event.target.value })}>
        <option value="auto">
          {only === null ? "Detect language" : `${languageName(only)} only`}
        </option>
        {codes.toSorted(byName).map((code) => (
          <option key={code} value={code}>
            {languageName(code)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The one language that the engine knows, if there is only one. */
function onlyLanguage(speech: SpeechInfo | null): string | null {
  const [first, second] = speech?.languages ?? [];
  return first !== undefined && second === undefined ? first : null;
}

/** The languages to translate into: what works here, and why the rest does not. */
export function TargetChoice({ state, controller }: Props) {
  const { targets } = state.choices;
  const { works, others } = targetsOf(state);
  const missing = state.platform?.missing ?? [];
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
      {works.length === 0 && <p className="reason">{noTargets(state.platform)}</p>}
      <ul className="options">
        {works.map(({ code, note }) => (
          <li key={code}>
            <label>
              <input
                type="checkbox"
                checked={targets.includes(code)}
                onChange={() => toggle(code)}
              />
              {languageName(code)}
              <small>{note}</small>
            </label>
          </li>
        ))}
      </ul>
      {others.length + missing.length > 0 && (
        <details>
          <summary>What does not work here</summary>
          <dl className="missing-list">
            {others.map(({ code, note }) => (
              <div key={code}>
                <dt>{languageName(code)}</dt>
                <dd>{note}</dd>
              </div>
            ))}
            {missing.map(({ engine, reason, remedy }) => (
              <div key={engine}>
                <dt>{engine}</dt>
                <dd>
                  {reason}
                  {remedy && <em>{remedy}</em>}
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </Popover>
  );
}

function noTargets(platform: PlatformInfo | null): string {
  if (platform === null) return "The server has not said yet what it can translate.";
  if (platform.translationProblem) return platform.translationProblem;
  return "No translation engine works on this machine for this language.";
}

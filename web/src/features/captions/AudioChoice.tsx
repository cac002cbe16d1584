import { Popover } from "../../ui/Popover";
import type { CaptionsController } from "./controller";
import type { CaptionsState } from "./state";

interface Props {
  readonly state: CaptionsState;
  readonly controller: CaptionsController;
}

/** What is done to the audio before it is recognised, where it comes from, and who speaks in it. */
export function AudioChoice({ state, controller }: Props) {
  const { choices } = state;
  const inForce = presetInForce(state);
  return (
    <Popover
      wide
      name="Audio"
      label={
        <span className="audio-label">
          {inForce}
          {choices.diarization && " · speakers"}
        </span>
      }
    >
      <h3>Audio</h3>
      <PresetField state={state} controller={controller} />
      <MicrophoneField state={state} controller={controller} />
      <label className="check">
        <input
          type="checkbox"
          checked={choices.diarization}
          onChange={(event) => controller.choose({ diarization: event.target.checked })}
        />
        Tell speakers apart
      </label>
      <p className="reason" role="status">
        {inForceText(state, inForce)}
      </p>
    </Popover>
  );
}

function PresetField({ state, controller }: Props) {
  const { audio, choices } = state;
  const names = Object.keys(audio?.presets ?? {});
  return (
    <label className="field">
      <span>Preset</span>
      <select
        className="choice"
        value={choices.preset ?? ""}
        onChange={(event) => controller.choose({ preset: event.target.value || null })}
      >
        <option value="">{audio ? `Installation’s own (${audio.preset})` : "Installation’s own"}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function MicrophoneField({ state, controller }: Props) {
  const { microphones, choices, activity } = state;
  const known = microphones.some(({ id }) => id === choices.microphone);
  const running = activity !== "idle" && activity !== "done";
  return (
    <label className="field">
      <span>Microphone</span>
      <select
        className="choice"
        value={known ? (choices.microphone ?? "") : ""}
        disabled={running}
        onChange={(event) => controller.choose({ microphone: event.target.value || null })}
      >
        <option value="">System default</option>
        {microphones.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      {microphones.length === 0 && (
        <small>Others are listed once the browser may use a microphone.</small>
      )}
    </label>
  );
}

/** The preset that the running session has, or the next one would get. */
function presetInForce({ session, choices, audio, activity }: CaptionsState): string {
  const running = activity !== "idle" && activity !== "done";
  const told = running ? (session?.audio?.preset ?? session?.config?.config.preset) : null;
  return told ?? choices.preset ?? audio?.preset ?? "default";
}

const WORDS: Readonly<Record<string, string>> = { diarization: "Telling speakers apart" };

function inForceText({ session, activity }: CaptionsState, preset: string): string {
  if (activity === "idle" || activity === "done" || !session?.config) return "";
  const waiting = session.needsNewSession.map((field) => WORDS[field] ?? field).join(", ");
  const tail = waiting ? ` ${waiting} changes with the next session.` : "";
  return `In force: ${preset}.${tail}`;
}

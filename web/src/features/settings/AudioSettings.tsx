import { useState } from "react";
import type { AudioConfiguration, Bounds, Reason } from "../../api/configuration";
import type { SettingsController, SettingsState } from "./controller";
import { type Draft, isChanged, valueOf, withValue } from "./draft";

/** Presets and parameters of the audio chain, with every reason at its field. */
export function AudioSettings({
  state,
  controller,
}: {
  readonly state: SettingsState;
  readonly controller: SettingsController;
}) {
  const { audio, draft } = state;
  if (!audio || !draft) return <p className="settings-wait">Asking the platform…</p>;
  const changed = isChanged(draft, audio);
  return (
    <form
      className="audio-settings"
      aria-label="Audio"
      onSubmit={(event) => {
        event.preventDefault();
        void controller.save();
      }}
    >
      <div className="settings-bar">
        <label className="field">
          <span>Preset of sessions that name none</span>
          <select
            className="choice"
            value={draft.preset}
            onChange={(event) => controller.edit({ preset: event.target.value, changes: {} })}
          >
            {Object.entries(audio.presets).map(([name, preset]) => (
              <option key={name} value={name}>
                {preset.built_in ? name : `${name} (own)`}
              </option>
            ))}
          </select>
          <Why reasons={state.reasons} field="audio.preset" />
        </label>
        <button type="submit" className="button primary" disabled={!changed || state.saving}>
          Apply
        </button>
        <button type="button" className="button" disabled={!changed} onClick={() => controller.discard()}>
          Discard
        </button>
        <OwnPreset audio={audio} draft={draft} controller={controller} />
      </div>
      {Object.entries(audio.ranges).map(([section, fields]) => (
        <Section key={section} section={section} fields={fields} state={{ ...state, audio, draft }} controller={controller} />
      ))}
    </form>
  );
}

function OwnPreset({
  audio,
  draft,
  controller,
}: {
  readonly audio: AudioConfiguration;
  readonly draft: Draft;
  readonly controller: SettingsController;
}) {
  const [name, setName] = useState("");
  const own = audio.presets[draft.preset]?.built_in === false;
  return (
    <span className="own-preset">
      <input
        className="text"
        aria-label="Name of a new preset"
        placeholder="Name of a new preset"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <button
        type="button"
        className="button"
        disabled={name === ""}
        onClick={() => void controller.saveAs(name).then(() => setName(""))}
      >
        Save as preset
      </button>
      {own && (
        <button type="button" className="button" onClick={() => void controller.remove(draft.preset)}>
          Delete {draft.preset}
        </button>
      )}
    </span>
  );
}

interface Known extends SettingsState {
  readonly audio: AudioConfiguration;
  readonly draft: Draft;
}

function Section({
  section,
  fields,
  state,
  controller,
}: {
  readonly section: string;
  readonly fields: Readonly<Record<string, Bounds>>;
  readonly state: Known;
  readonly controller: SettingsController;
}) {
  const { audio, draft } = state;
  const isStage = audio.stages.includes(section);
  const enabled = !isStage || valueOf(audio, draft, section, "enabled") === true;
  const set = (field: string, value: number | boolean | null): void =>
    controller.edit(withValue(audio, draft, section, field, value));
  return (
    <fieldset className={enabled ? "section" : "section off"}>
      <legend>
        {isStage ? (
          <label>
            <input
              type="checkbox"
              checked={enabled}
              onChange={(event) => set("enabled", event.target.checked)}
            />
            {words(section)}
          </label>
        ) : (
          words(section)
        )}
      </legend>
      {Object.entries(fields).map(([field, bounds]) => {
        const value = valueOf(audio, draft, section, field);
        const id = `${section}.${field}`;
        const wrong = state.reasons.some((reason) => reason.field.endsWith(id));
        return (
          <label className="field" key={field}>
            <span>
              {words(field)} {bounds.unit && <small>{bounds.unit}</small>}
            </span>
            <input
              className="text"
              type="number"
              step="any"
              name={id}
              aria-invalid={wrong}
              placeholder={bounds.optional ? "none" : undefined}
              value={value === null ? "" : String(value)}
              title={`${bounds.low} to ${bounds.high} ${bounds.unit}`}
              onChange={(event) => {
                const given = event.target.value === "" ? null : event.target.valueAsNumber;
                if (given !== null || bounds.optional) set(field, given);
              }}
            />
            <Why reasons={state.reasons} field={id} />
          </label>
        );
      })}
    </fieldset>
  );
}

function Why({ reasons, field }: { readonly reasons: readonly Reason[]; readonly field: string }) {
  return reasons
    .filter((reason) => reason.field.endsWith(field))
    .map((reason) => (
      <em className="why" role="alert" key={reason.field}>
        {reason.message}
      </em>
    ));
}

function words(name: string): string {
  const said = name.replace(/_(hz|s|db|dbfs|ms)$/, "").replaceAll("_", " ");
  return said === "vad" ? "Voice activity" : said.charAt(0).toUpperCase() + said.slice(1);
}
